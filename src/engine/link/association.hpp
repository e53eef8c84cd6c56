// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/drbg.hpp"
#include "base/result.hpp"
#include "engine/config.hpp"
#include "engine/door/handshake.hpp"
#include "engine/door/path_ids.hpp"
#include "engine/door/routing_tokens.hpp"
#include "engine/events.hpp"
#include "engine/path/path.hpp"
#include "engine/types.hpp"

namespace rendr::engine {

/// Why a carrier does not become a path.
struct attach_refusal {
  cause why{};
  errc code{};
  std::string sentence;  ///< for people
};

/// What there is between the two peers of a link and outlives every carrier: keys, tokens, the ids
/// of paths, the slot, and what is known of a server that does not know the link. It makes the
/// handshake messages of a dialer and judges those that come; what it says of a carrier or of the
/// link is carried out by the link.
class association {
 public:
  association(role side, const endpoint_config& self, duration no_path_grace);

  // --- both ends
  const link_agreement& agreement() const noexcept { return agreement_; }
  const path_ids& paths() const noexcept { return paths_; }
  void consume(std::uint64_t path) { paths_.consume(path); }
  /// A record of frames came: from now on the peer knows this link, or none.
  void confirm() noexcept;
  /// A record that opens a flow was made.
  void tell_of_flow() noexcept { flows_told_ = true; }
  /// The link is down: no message of it means anything any more.
  void end() noexcept;

  // --- dialer: the first path
  void begin(const credentials& keys, drbg& random);
  /// Makes everything anew, with another nonce and other keys.
  void start_over(drbg& random);
  wire::hello hello(const path_terms& terms) const noexcept { return hello_->message(terms); }
  /// No HELLO_ACK was taken yet.
  bool greets() const noexcept { return hello_ != nullptr; }
  /// @pre it greets. Success: the link is up, and its carrier is path `first_path`.
  result<attach_outcome, attach_refusal> take_hello_ack(const wire::hello_ack& ack,
                                                        const path_terms& terms);

  // --- dialer: further paths
  struct attempt {
    std::uint64_t path = 0;
    dialer_attach attach;
    held_tokens::token token;  ///< goes before it
  };
  attempt begin_attach(const path_terms& terms, drbg& random);
  result<attach_outcome, attach_refusal> take_challenge(const dialer_attach& attach,
                                                        const wire::challenge& challenge);
  /// A carrier became a path: whatever was doubtful of the server is answered.
  void settle() noexcept;

  // --- dialer: when the server does not know the link
  struct inquiry {
    std::unique_ptr<const link_question> question;
    held_tokens::token token;  ///< goes before it
  };
  /// The next carrier asks for the link instead of an attach. @param alive some path lives.
  bool asks(bool alive) const noexcept { return ask_next_ && may_ask(alive); }
  inquiry begin_ask(drbg& random);

  struct answered {
    attach_refusal refusal;  ///< of the carrier on which the answer came
    bool lost = false;       ///< the link is over: this says why
    std::string reason;
  };
  /// @param alive some path lives. @param open some is open, though it may be dead.
  answered take_answer(instant now, const link_question& question, const wire::answer& answer,
                       bool alive, bool open);

  enum class refusal_kind : std::uint8_t {
    start_over,  ///< the peer forgot the hello, and the link may be made anew
    forgotten,   ///< the peer proved that it forgot the link: the link is over
    refused,     ///< this carrier alone
  };
  struct refused {
    refusal_kind kind{};
    attach_refusal refusal;
  };
  /// @param reset by it the peer proves that it forgot the link.
  /// @param alone no other carrier is under way.
  refused take_refusal(const wire::refuse& refusal, const secret<32>& reset, bool up, bool alone);
  /// After the carrier was refused in the dark. True: the leaf is to be dialled soon.
  bool consider(path_stage stage, errc code) noexcept;
  /// Another instance answers for the peer's. Said once, by whoever asks when no path lives.
  std::optional<instance_id> restarted() noexcept;

  // --- acceptor
  void adopt(const link_agreement& agreement, token_directory& directory, link_ref link,
             drbg& random, const token_mint& mint);

  // --- tokens and slot
  issued_tokens& issued() noexcept { return issued_; }
  held_tokens& held() noexcept { return held_; }
  const held_tokens& held() const noexcept { return held_; }
  errc take_token(const wire::new_token& token);
  errc take_retired(std::uint64_t number, drbg& random, const token_mint& mint);
  /// What was said (dialer) or heard (acceptor) of the slot.
  const std::optional<slot_claim>& claim() const noexcept { return claim_; }
  /// Acceptor: the dialer said which slot it has, since this was asked last.
  bool claim_is_fresh() noexcept { return std::exchange(claim_fresh_, false); }
  /// Dialer: what stands for its slot at this peer. True: the peer is to be told.
  bool make_claim();
  /// Acceptor. @param in_private nobody on the way could read or change it.
  errc take_claim(const wire::link_slot& slot, bool in_private);

 private:
  void prepare_hello(drbg& random);
  bool may_ask(bool alive) const noexcept { return !alive && keys_ && keys_->prove_peer(); }
  bool may_start_over(const wire::refuse& refusal, bool proven, bool alone) const noexcept;
  /// Of a dialer.
  link_ends ends() const noexcept { return {instance_, agreement_.peer, 0}; }

  role side_;
  instance_id instance_;
  std::uint64_t features_;
  std::optional<byte_array<16>> slot_;
  duration no_path_grace_;

  std::unique_ptr<dialer_hello> hello_;
  std::optional<hello_keys> keys_;  ///< dialer: those that prove the peer stay till its end
  link_agreement agreement_;
  bool confirmed_ = false;
  bool flows_told_ = false;
  path_ids paths_;
  issued_tokens issued_;
  held_tokens held_;
  std::optional<slot_claim> claim_;
  bool claim_fresh_ = false;

  bool ask_next_ = false;      ///< an attach was refused: the next carrier asks why
  bool attach_twice_ = false;  ///< the link is known there: questions alone do not lead back to it
  instant foreign_since_ = never;  ///< since then every answer was that of a server with the key
  unsigned foreign_answers_ = 0;   ///<   that knows nothing of this link
  std::optional<instance_id> other_instance_;
  bool restart_told_ = false;
};

}  // namespace rendr::engine
