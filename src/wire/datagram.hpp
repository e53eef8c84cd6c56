// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/record.hpp"

namespace rendr::wire {

/// Head of a datagram: the prologue, whose first byte also has the key phase, and up to 8 bytes of
/// record number. Payload and the trailer of `record_crc` follow; the datagram ends there and needs
/// no length.
inline constexpr std::size_t max_datagram_head = prologue_size + 8;
inline constexpr std::size_t max_datagram_overhead = max_datagram_head + 16;

/// What stands before the payload of a datagram. The form says what the payload is: a handshake
/// message (hello, attach) or frames (record).
struct datagram_head {
  form kind = form::record;
  bool key_phase = false;  ///< only with form::record
  routing_token token{};   ///< chosen by whoever receives the datagram
  std::uint64_t number = 0;
  friend bool operator==(const datagram_head&, const datagram_head&) = default;
};

/// Writes `head` and returns its size.
std::size_t write_datagram_head(const datagram_head& head,
                                std::span<std::byte, max_datagram_head> out) noexcept;

struct datagram_view {
  datagram_head head;
  bytes_view payload;  ///< inside the input
};

/// Parses one whole datagram. errc::version_mismatch: rendr's first bytes, of another version;
/// errc::protocol_violation: anything else that is not canonical, cut short, or fails its checksum.
/// Whoever receives datagrams drops such a one and keeps the path: it may be anybody's.
result<datagram_view> read_datagram(bytes_view in) noexcept;

}  // namespace rendr::wire
