// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/door/handshake.hpp"
#include "engine/door/path_ids.hpp"
#include "engine/door/source_table.hpp"
#include "engine/path/path.hpp"
#include "engine/services.hpp"

namespace rendr::engine {

/// A link that is made, as the door sees it. What it points to is good until the link is called.
struct made_link {
  link_ref link{};
  const link_agreement* agreement = nullptr;
  const path_ids* ids = nullptr;
  bool full = false;  ///< it has as many paths as it may
};

/// The links of an endpoint, by their ids and by the routing tokens before their ATTACHes.
class link_directory {
 public:
  virtual std::optional<made_link> named(const link_id& id) const = 0;
  virtual std::optional<made_link> named_by(const routing_token& token) const = 0;
  /// Whether one more may be made. `capped`: the share of its source counts too.
  virtual bool room(const std::string& source, bool capped) const = 0;

 protected:
  ~link_directory() = default;
};

/// What comes before a link: accepted carriers whose HELLO or ATTACH is awaited or not proven yet.
/// Bounded: `endpoint_config::handshakes` strangers, a quarter of those from one source (no such
/// cap on loopback), 64 challenged for one link, 10 s and 2 KiB of input each. The bounds evict the
/// oldest of who has the most; what fails or is evicted costs nothing that lives. Who has shown a
/// key, in its HELLO or by an ATTACH that verified, is a stranger no more: `handshakes` of them
/// have a place of their own, which no stranger takes from them, however many come from the same
/// host. A HELLO may have been recorded, so each counts a few times alone.
class greeter {
 public:
  explicit greeter(services& shared) : s_(shared), keys_(shared.config.accept_credentials) {}

  /// A carrier that proved where it belongs.
  struct admission {
    std::unique_ptr<path> carrier;
    std::optional<link_ref> into;  ///< nullopt: a new link, with this agreement
    std::optional<link_agreement> agreement;
    std::string source;   ///< where it came from
    bool capped = false;  ///< the share of its source counts
  };

  path* accepted(instant now, const carrier_traits& traits);
  /// Bytes arrived. When an admission is returned the carrier has left the door.
  std::optional<admission> received(instant now, path& p, const link_directory& links);
  std::span<const bytes_view> poll_transmit(path& p);
  /// The driver reported its end.
  void gone(path& p);
  instant next_timeout() const noexcept;
  void handle_timeout(instant now);
  /// Carriers that are finished and flushed: the endpoint forgets them.
  std::vector<carrier_id> sweep();

  std::size_t waiting() const noexcept { return carriers_.size(); }
  std::uint64_t evicted() const noexcept { return evicted_; }
  std::uint64_t failed() const noexcept { return failed_; }

 private:
  struct guest {
    std::unique_ptr<path> carrier;
    std::string source;
    wire::prologue first;
    std::optional<crypto::hash> hello;  ///< which pending hello it answers
    link_id link{};                     ///< which link it wants to join
    bool known = false;                 ///< it has shown a key
  };
  struct pending_link {
    std::shared_ptr<acceptor_hello> hello;
    instant until{};
    std::string source;
    bool consumed = false;  ///< its link was made
    unsigned shown = 0;     ///< how many carriers are known by it
  };
  struct destination;

  bool make_room(const std::string& source, bool capped);
  bool room_for_attach(const link_id& link, std::uint64_t id);
  void evict_hello();
  guest* find(const path& p);
  std::optional<admission> take(instant now, guest& g, bytes_view payload,
                                const link_directory& links);
  void take_hello(instant now, guest& g, const wire::hello& hello, const link_directory& links);
  void take_attach(guest& g, const wire::attach& attach, const link_directory& links);
  void refuse_unknown(guest& g);
  void take_ask(guest& g, const wire::ask& ask, const link_directory& links);
  std::optional<admission> take_proof(instant now, guest& g, const wire::attach_ack& ack,
                                      const link_directory& links);
  template <class Is>
  destination find_destination(std::optional<made_link> made, Is is);
  destination find_destination(const routing_token& token, const link_directory& links);
  bool confirmed(instant now, guest& g, const wire::attach_ack& ack, const link_directory& links,
                 admission& out);
  bool attached(instant now, guest& g, const wire::attach_ack& ack, const link_directory& links,
                admission& out);
  bool admit(instant now, guest& g, const destination& to, const path_keys& keys, admission& out);
  link_ends ends_of(const link_agreement& agreement) const;
  static bool takes(const path& p, wire::guard guarded) noexcept;
  bool consume(instant now, pending_link& hello);
  std::unique_ptr<path> release(guest& g);
  void send(path& p, const wire::handshake_message& message, wire::form form);
  void refuse(guest& g, errc code, std::string_view reason,
              const secret<32>* reset_token = nullptr);
  void refuse(guest& g, const hello_refusal& why, const secret<32>* reset_token = nullptr);
  void drop(guest& g, bool flush);
  void recognize(guest& g);
  void leave(guest& g);
  /// Ends one that broke a rule; observers hear why, he does not.
  void cast_out(guest& g, errc code, std::string_view why);

  services& s_;
  const hello_keys keys_;
  std::deque<guest> carriers_;  // oldest first
  std::size_t closing_ = 0;     // of them
  std::size_t known_ = 0;       // of those that are not closing
  source_table sources_;        // of the others that are not closing
  std::map<crypto::hash, pending_link> hellos_;
  instant hellos_until_ = never;  // not later than that of any hello
  std::uint64_t evicted_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace rendr::engine
