// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/record.hpp"
#include "wire/varint.hpp"

namespace rendr::wire {

inline constexpr std::size_t max_noise_message = 1024;
inline constexpr std::size_t max_refuse_reason = 256;
/// A grace without an end. Said by this value, so that what is hashed is what is sent.
inline constexpr std::uint64_t grace_forever_ms = max_varint;

using fresh_value = byte_array<16>;
using proof = byte_array<32>;

/// Feature bit: records are sealed with AES-128-GCM when both ends offer it, which an end does
/// where the machine computes it fast, else with ChaCha20-Poly1305.
inline constexpr std::uint64_t feature_aes_128_gcm = 1;

/// Which Noise pattern the messages of a hello follow.
enum class hello_pattern : std::uint8_t { nn = 0, nn_psk0 = 1, ik_psk2 = 2 };

/// The first message of a link, from the dialer. `noise` is the first Noise message.
struct hello {
  byte_array<16> link_nonce{};  ///< hellos raced over several paths with one nonce make one link
  instance_id instance{};
  std::uint64_t required = 0;       ///< feature bits the peer must know
  std::uint64_t optional = 0;       ///< feature bits it may use
  std::uint64_t leaf = 0;           ///< path spec index at the dialer
  guard guarded = guard::checksum;  ///< of the records of this path
  std::uint64_t grace_ms = 0;       ///< the dialer's no_path_grace; the lower of both holds
  hello_pattern pattern = hello_pattern::nn;  ///< any value: who does not know it can say so
  bytes_view noise;
};
/// The answer. `noise` carries, encrypted as Noise payload, the first routing token and its reset
/// token.
struct hello_ack {
  byte_array<16> link_nonce{};
  instance_id instance{};
  link_id link{};
  std::uint64_t features = 0;  ///< what is in use from now on
  std::uint64_t grace_ms = 0;
  routing_token token{};  ///< zero: the first one comes in `noise`
  bytes_view noise;
};
/// A further path asks to join the link that the routing token before it names. Nothing changes at
/// the acceptor before the answer to its challenge verifies.
struct attach {
  std::uint64_t incarnation = 0;
  std::uint64_t path = 0;
  std::uint64_t leaf = 0;
  guard guarded = guard::checksum;  ///< of the records of this path
  fresh_value fresh{};
  proof mac{};
  // 16 zero bytes follow, so that the answer is not longer.
};
struct challenge {
  std::uint64_t path = 0;
  fresh_value fresh{};
  instance_id instance{};
  proof mac{};
};
/// The dialer's answer to the challenge: the path id is consumed when it verifies.
struct attach_ack {
  std::uint64_t path = 0;
  proof mac{};
};
/// A refusal (unknown link, limit, version). Without a reset token it is unproven, and ends this
/// dial and nothing else.
struct refuse {
  std::uint64_t code = 0;      ///< errc value
  std::uint64_t versions = 0;  ///< bit n: wire version n is spoken here
  instance_id instance{};
  byte_array<32> reset_token{};  ///< that of the routing token whose link is gone, else zeros
  std::string_view reason;
};

/// A dialer whose attaches are refused asks whether the link of the routing token before it is
/// gone.
struct ask {
  hello_pattern pattern = hello_pattern::nn;  ///< any value; what proves nothing is refused
  bytes_view noise;
};
/// The answerer holds the key that the dialer demands, and no server with its reset key ever handed
/// that routing token out.
struct answer {
  bytes_view noise;
};

using handshake_message =
    std::variant<hello, hello_ack, attach, challenge, attach_ack, refuse, ask, answer>;

/// Encodes the payload of a handshake record (without head and trailer). Empty when a field breaks
/// a limit: a number above `max_varint`, too long a Noise message or reason.
bytes encode(const handshake_message& message);
/// Decodes one; views point into `payload`. Canonical forms only; no trailing bytes.
result<handshake_message> decode_handshake(bytes_view payload);

}  // namespace rendr::wire
