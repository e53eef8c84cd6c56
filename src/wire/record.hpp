// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace rendr::wire {

inline constexpr std::uint8_t version = 1;
/// Form byte (offset 0), version byte (offset 1), routing token (offset 2..17): the first bytes of
/// each direction of a stream carrier, and of every datagram.
inline constexpr std::size_t prologue_size = 18;
/// Largest record on a stream carrier, everything included.
inline constexpr std::size_t max_record_size = 64 * 1024;
/// Head of a record on a stream carrier: 3 length + 1 flags + up to 8 record number.
inline constexpr std::size_t max_record_head = 12;
/// Trailer of a record under a checksum (CRC32C), and of one that is sealed (AEAD tag).
inline constexpr std::size_t crc_size = 4;
inline constexpr std::size_t seal_size = 16;
/// Fixed cost bound of one record: head and trailer.
inline constexpr std::size_t max_record_overhead = max_record_head + seal_size;

/// What stands guard over the records of frames of one path, both ways, all its life. Records of
/// handshake messages are always under a checksum: what matters in them is proved by itself.
enum class guard : std::uint8_t {
  checksum =
      0,       ///< CRC32C, against accidents: the carrier itself is secured, or plaintext is asked
  sealed = 1,  ///< AEAD under the keys of the path, against people
};
constexpr std::size_t trailer_size(guard g) noexcept {
  return g == guard::sealed ? seal_size : crc_size;
}

enum class form : std::uint8_t { hello = 0x01, attach = 0x02, record = 0x03 };

struct prologue {
  form kind = form::hello;
  std::uint8_t version = wire::version;
  routing_token token{};
  friend bool operator==(const prologue&, const prologue&) = default;
};

void write_prologue(const prologue& p, std::span<std::byte, prologue_size> out) noexcept;
/// nullopt: more bytes are needed. errc::protocol_violation: these are not rendr's first bytes;
/// errc::version_mismatch: they are, of another version.
result<std::optional<prologue>> read_prologue(bytes_view in) noexcept;

/// What a record on a stream carrier contains.
enum class record_kind : std::uint8_t { handshake = 0, frames = 1 };

/// Writes the head of a stream record whose payload has `payload_size` bytes; returns the head's
/// size. Precondition: a handshake record is under a checksum and has no key phase.
std::size_t write_record_head(record_kind kind, bool key_phase, std::uint64_t number,
                              std::size_t payload_size, std::span<std::byte, max_record_head> out,
                              guard guarded = guard::checksum) noexcept;

/// The CRC32C trailer over head and payload pieces, in order, little-endian as written on the wire.
std::array<std::byte, crc_size> record_crc(std::span<const bytes_view> pieces) noexcept;

struct record_view {
  record_kind kind = record_kind::frames;
  bool key_phase = false;
  std::uint64_t number = 0;
  bytes_view payload;    ///< inside the input
  std::size_t size = 0;  ///< bytes of the input that the record took
};

/// Splits the record at the start of `in`, with `frames_guard` over its frames, into head, payload
/// and trailer: everything is checked but what the trailer says. The head is what comes before
/// `payload`, the trailer what is behind it. nullopt: incomplete. errc::protocol_violation: bad
/// length or head.
result<std::optional<record_view>> split_record(bytes_view in, guard frames_guard) noexcept;
/// Whether the checksum of `record`, split from the start of `in`, is right.
[[nodiscard]] bool checksum_matches(bytes_view in, const record_view& record) noexcept;

/// Parses one record under a checksum at the start of `in`. nullopt: incomplete.
/// errc::protocol_violation: bad length, head or checksum.
result<std::optional<record_view>> read_record(bytes_view in) noexcept;

/// Total size of the record at the start of `in` as its length field says; nullopt when the field
/// itself is incomplete; protocol_violation when it is out of bounds. Nothing is allocated by
/// anyone before this passes.
result<std::optional<std::size_t>> record_size(bytes_view in) noexcept;

}  // namespace rendr::wire
