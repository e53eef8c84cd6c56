// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/aead.hpp"
#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/drbg.hpp"
#include "base/result.hpp"
#include "engine/door/attach_proof.hpp"
#include "engine/door/key_schedule.hpp"
#include "engine/door/noise.hpp"
#include "rendr/credentials.hpp"
#include "rendr/time.hpp"
#include "wire/handshake.hpp"

/// The state machines that a path goes through before it carries frames. They make and take message
/// structs; framing is wire's, ids and limits are the endpoint's.
///
///   first path      dialer: HELLO ->   acceptor: HELLO_ACK ->   dialer: ATTACH_ACK (path 0),
///   frames further paths   dialer: ATTACH ->  acceptor: CHALLENGE ->   dialer: ATTACH_ACK, frames
///
/// Either way the acceptor takes a carrier as a path of the link only when an ATTACH_ACK verified
/// on it; the dialer may send frames right behind its ATTACH_ACK, so the proof costs no round trip.
///
/// What is bound, and by what:
/// - HELLO: wire version, link nonce, instance, required, optional, grace and pattern are the Noise
///   prologue, and Noise itself hashes the name of the pattern. `leaf` and `guarded` are not (see
///   below); the ATTACH_ACK on the same carrier covers them.
/// - HELLO_ACK: the Noise payload carries, encrypted, the reset token (32), the routing token (16),
///   and the acceptor's instance (16), required, optional and grace (8 each, big-endian). The
///   dialer recomputes link id, features and grace from both offers and accepts no other clear
///   fields: a downgrade by somebody between fails. The clear `token` field is always zero: tokens
///   are handed out sealed.
/// - ATTACH, CHALLENGE, ATTACH_ACK: every field is under its MAC (`attach_proof.hpp`).
///
/// Raced hellos. All HELLOs of one dialer link, whatever carrier they go by, are equal but for
/// the terms of their path: same nonce, same first Noise message. The acceptor finds a duplicate by
/// `hello_key` and sends the stored HELLO_ACK again, byte by byte, on the further carrier. Why that
/// is safe: nothing new is computed, so no ephemeral key meets two transcripts and no Noise nonce
/// encrypts two payloads; a HELLO_ACK tells a replayer of a HELLO nothing without the dialer's
/// ephemeral secret, and gives him no path, because only an ATTACH_ACK makes one, path 0 exists
/// once, and every other carrier of the race then goes through ATTACH. A HELLO with the same nonce
/// but other contents has another `hello_key` and thus makes another link: nobody can occupy or
/// spoil a nonce he has seen. The endpoint keeps an `acceptor_hello` until its ATTACH_ACK verifies
/// or 10 s have passed, 256 at most, the oldest evicted; a duplicate that comes later than that
/// makes a link that nobody confirms.
///
/// Who is authenticated, by pattern (`hello_keys`): NN nobody; NNpsk0 both ends, as holders of the
/// pre-shared key; IKpsk2 the acceptor by the key that the dialer pinned, the dialer by its own key
/// (a fresh one when it has none) and both by the pre-shared key when there is one. The dialer
/// chooses, the acceptor takes it or refuses: nothing is negotiated that somebody could lower.
namespace rendr::engine {

/// Credentials made ready for handshakes.
struct hello_keys {
  std::optional<secret<32>> psk;
  std::optional<noise::key_pair> own;
  std::optional<crypto::public_key> peer;                  ///< dialer: the acceptor's key
  std::optional<std::vector<crypto::public_key>> allowed;  ///< acceptor: ascending

  hello_keys() = default;
  explicit hello_keys(const credentials& from);
  /// Whether a dialer's peer proves something by them.
  bool prove_peer() const noexcept { return psk || peer; }
};

/// Why an end does not take a hello, for people: the thing and the rule.
struct hello_refusal {
  errc code{};
  std::string reason;
  std::string told_here = {};  ///< the same for this end's people, who may see the whole key
};

/// How long an end waits for a path, on the wire and read from it.
std::uint64_t grace_on_wire(duration grace) noexcept;
duration grace_of_wire(std::uint64_t ms) noexcept;

/// What one end says of itself in a hello.
struct hello_offer {
  instance_id instance{};
  std::uint64_t required = 0;  ///< feature bits that the peer must know
  std::uint64_t optional = 0;  ///< feature bits that are used when the peer knows them
  std::uint64_t grace_ms = 0;  ///< no_path_grace
};

/// The result of a hello, equal at both ends but for `peer`.
struct link_agreement {
  link_keys keys;
  instance_id peer{};
  std::uint64_t features = 0;  ///< in use: both required sets, and what both offer
  std::uint64_t grace_ms = 0;  ///< the lower of both
  /// What sealed records of the link are sealed with.
  crypto::aead cipher() const noexcept {
    return (features & wire::feature_aes_128_gcm) != 0 ? crypto::aead::aes_128_gcm
                                                       : crypto::aead::chacha20_poly1305;
  }
  routing_token token{};   ///< number 0 of the link (`routing_tokens.hpp`)
  secret<32> reset_token;  ///< that goes with it
  /// The static key that the peer proved; none where the pattern has none.
  std::optional<crypto::public_key> peer_key;
  bool pre_shared = false;  ///< the peer proved that it holds the pre-shared key
};

/// The two ends of a link, and its incarnation: what every attach of the link is about.
struct link_ends {
  instance_id dialer{};
  instance_id acceptor{};
  std::uint64_t incarnation = 0;
};

/// What a path's dialer decides, told in clear and covered by the proofs.
struct path_terms {
  std::uint64_t leaf = 0;  ///< path spec index at the dialer
  wire::guard guarded = wire::guard::sealed;
};

/// The number of the path that a link begins with.
inline constexpr std::uint64_t first_path = 0;

/// Dialer, first path. One per link, whatever number of carriers race its hello. It holds the
/// ephemeral private key: drop it when the race is over.
class dialer_hello {
 public:
  dialer_hello(const hello_offer& self, const hello_keys& keys, drbg& random);

  /// The HELLO for a carrier with these terms. Its view lives as long as this object or what
  /// this object was moved to.
  wire::hello message(const path_terms& terms) const noexcept;

  /// Takes a HELLO_ACK from any of the carriers, any number of times: a wrong one changes nothing,
  /// so a liar on one carrier does not spoil the others.
  /// Errors: auth_failed (not made for this hello, or changed on the way) · protocol_violation ·
  /// version_mismatch (the acceptor requires a feature that was not offered, or lacks one that was
  /// required) · instance_mismatch (another carrier reached another instance before) · refused
  /// (another carrier made another link of this instance before: attach this one instead).
  result<link_agreement> accept(const wire::hello_ack& ack);
  /// What such an error of `accept` means with the credentials of this hello, for people.
  std::string explain(errc error) const;

 private:
  hello_offer self_;
  byte_array<16> link_nonce_{};
  wire::hello_pattern pattern_;
  noise::handshake_state state_;
  bytes noise_;
  std::optional<instance_id> peer_;
  link_id link_{};
};

/// What the acceptor's endpoint finds duplicates of a HELLO by: a hash of all fields but the terms
/// of its path.
crypto::hash hello_key(const wire::hello& hello);

/// Acceptor, first path. Holds the answer until it is confirmed.
class acceptor_hello {
 public:
  /// @param reset_token that of `token`.
  /// @param keys what the dialer must prove: with a pre-shared key or a key of its own, NN is
  /// refused; a pre-shared key is demanded of everybody, and so is an allowed key.
  /// @param token where attaches of this link are to be sent, chosen by the endpoint.
  /// Errors: version_mismatch (one side requires a feature that the other does not offer, or the
  /// pattern is unknown) · auth_failed (the dialer does not prove what is demanded) ·
  /// protocol_violation (no Noise message, or a low-order key).
  static result<acceptor_hello, hello_refusal> make(const hello_offer& self, const hello_keys& keys,
                                                    const secret<32>& reset_token,
                                                    const routing_token& token,
                                                    const wire::hello& hello, drbg& random);

  /// The HELLO_ACK, the same for each carrier on which this HELLO came. Its view lives as long as
  /// this object or what this object was moved to.
  wire::hello_ack answer() const noexcept;
  const link_agreement& agreement() const noexcept { return agreement_; }

 private:
  acceptor_hello() = default;
  link_agreement agreement_;
  instance_id self_{};
  byte_array<16> link_nonce_{};
  bytes noise_;
};

/// Dialer: asks, behind a routing token of a link, whether that link is gone. The answer proves the
/// key that the dialer demands, over this question alone.
class link_question {
 public:
  /// @pre the keys prove the peer.
  link_question(const hello_keys& keys, const routing_token& token, drbg& random);
  /// Its view lives as long as this object or what this object was moved to.
  wire::ask message() const noexcept { return {pattern_, noise_}; }
  bool proven_by(const wire::answer& answer) const;

 private:
  wire::hello_pattern pattern_;
  noise::handshake_state state_;
  bytes noise_;
};

/// Acceptor: the Noise message of the answer that no server with this reset key made that token.
/// auth_failed: the dialer does not prove what is demanded here, or demands nothing.
result<bytes, hello_refusal> answer_question(const hello_keys& keys, const routing_token& token,
                                             const wire::ask& ask, drbg& random);

/// What a dialer sends to make its carrier a path, and the record keys of that path.
struct attach_outcome {
  wire::attach_ack ack;  ///< send it once, then frames
  path_keys keys;
};

/// Dialer, after `dialer_hello::accept`: makes the carrier of these terms path 0. Once per link, on
/// the carrier whose HELLO_ACK came first.
attach_outcome make_confirm(const link_keys& keys, const link_ends& ends, const path_terms& terms,
                            bytes_view channel_binding) noexcept;

/// Acceptor: verifies it on a carrier whose HELLO said `terms`. The caller consumes path 0 when it
/// succeeds, and ends the carrier without calling when path 0 is consumed.
/// Errors: auth_failed · protocol_violation (not path 0).
result<path_keys> verify_confirm(const link_keys& keys, const link_ends& ends,
                                 const path_terms& terms, const wire::attach_ack& ack,
                                 bytes_view channel_binding) noexcept;

/// Dialer, further paths: one attempt to attach. A further attempt takes a further path id.
class dialer_attach {
 public:
  /// @param path never used before in this link, not even by an attempt that failed.
  dialer_attach(const link_keys& keys, const link_ends& ends, std::uint64_t path,
                const path_terms& terms, bytes_view channel_binding, drbg& random);

  wire::attach message() const noexcept { return message_; }

  /// Errors: instance_mismatch (another instance answers: this path alone ends) · auth_failed ·
  /// protocol_violation (another path id).
  result<attach_outcome> answer(const link_keys& keys, const wire::challenge& challenge) const;

 private:
  link_ends ends_;
  wire::attach message_;
  bytes channel_binding_;
};

/// Acceptor, further paths. Exists only once an ATTACH verified.
class acceptor_attach {
 public:
  /// Verifies an ATTACH for this link and makes the challenge. The caller has found the link by
  /// its routing token and checked that `attach.path` is not consumed; a replayed ATTACH gets a
  /// fresh challenge, which only a holder of the key can answer. Nothing of the link changes.
  /// Errors: auth_failed (no key, other link, other incarnation, other instances).
  static result<acceptor_attach> make(const link_keys& keys, const link_ends& ends,
                                      const wire::attach& attach, bytes_view channel_binding,
                                      drbg& random);

  wire::challenge message() const noexcept { return challenge_; }
  std::uint64_t path() const noexcept { return attach_.path; }
  std::uint64_t leaf() const noexcept { return attach_.leaf; }

  /// Success: the caller checks once more that the path id is not consumed, consumes it, and takes
  /// the carrier as a path. Failure ends this carrier; there is no second answer to a challenge.
  /// Errors: auth_failed · protocol_violation (another path id, or a second answer).
  result<path_keys> finish(const link_keys& keys, const wire::attach_ack& ack);

 private:
  acceptor_attach() = default;
  link_ends ends_;
  wire::attach attach_;
  wire::challenge challenge_;
  bytes channel_binding_;
  bool answered_ = false;
};

}  // namespace rendr::engine
