// SPDX-License-Identifier: Apache-2.0
#include "wire/record.hpp"

#include <algorithm>
#include <cassert>

#include "base/crc32c.hpp"
#include "wire/varint.hpp"

namespace rendr::wire {

namespace {

constexpr std::size_t length_size = 3;
/// Flags, number, one byte of payload, checksum: what the length field counts at least.
constexpr std::size_t least_length = 1 + 1 + 1 + crc_size;
constexpr std::size_t greatest_length = max_record_size - length_size;

constexpr std::byte kind_flag{0x01};       // set: frames; clear: handshake
constexpr std::byte key_phase_flag{0x02};  // never set in a handshake record

std::array<std::byte, crc_size> little_endian(std::uint32_t value) noexcept {
  std::array<std::byte, crc_size> out{};
  for (auto& b : out) {
    b = static_cast<std::byte>(value & 0xff);
    value >>= 8;
  }
  return out;
}

}  // namespace

void write_prologue(const prologue& p, std::span<std::byte, prologue_size> out) noexcept {
  out[0] = static_cast<std::byte>(p.kind);
  out[1] = static_cast<std::byte>(p.version);
  std::ranges::copy(p.token, out.begin() + 2);
}

result<std::optional<prologue>> read_prologue(bytes_view in) noexcept {
  using found = std::optional<prologue>;
  if (in.empty()) return found();
  const auto first = std::to_integer<std::uint8_t>(in[0]);
  if (first < static_cast<std::uint8_t>(form::hello) ||
      first > static_cast<std::uint8_t>(form::record)) {
    return errc::protocol_violation;
  }
  if (in.size() >= 2 && std::to_integer<std::uint8_t>(in[1]) != version) {
    return errc::version_mismatch;
  }
  if (in.size() < prologue_size) return found();
  prologue p;
  p.kind = static_cast<form>(first);
  std::ranges::copy(in.subspan(2, p.token.size()), p.token.begin());
  return found(p);
}

std::size_t write_record_head(record_kind kind, bool key_phase, std::uint64_t number,
                              std::size_t payload_size, std::span<std::byte, max_record_head> out,
                              guard guarded) noexcept {
  const std::size_t length = 1 + varint_size(number) + payload_size + trailer_size(guarded);
  assert(payload_size > 0 && length <= greatest_length);
  assert((!key_phase && guarded == guard::checksum) || kind == record_kind::frames);
  out[0] = static_cast<std::byte>((length >> 16) & 0xff);
  out[1] = static_cast<std::byte>((length >> 8) & 0xff);
  out[2] = static_cast<std::byte>(length & 0xff);
  out[3] = (kind == record_kind::frames ? kind_flag : std::byte{0}) |
           (key_phase ? key_phase_flag : std::byte{0});
  return length_size + 1 + write_varint(number, out.subspan(length_size + 1));
}

std::array<std::byte, crc_size> record_crc(std::span<const bytes_view> pieces) noexcept {
  std::uint32_t crc = 0;
  for (const auto piece : pieces) crc = crc32c(crc, piece);
  return little_endian(crc);
}

result<std::optional<std::size_t>> record_size(bytes_view in) noexcept {
  using found = std::optional<std::size_t>;
  if (in.size() < length_size) return found();
  const auto length = (std::to_integer<std::size_t>(in[0]) << 16) |
                      (std::to_integer<std::size_t>(in[1]) << 8) |
                      std::to_integer<std::size_t>(in[2]);
  if (length < least_length || length > greatest_length) return errc::protocol_violation;
  return found(length_size + length);
}

result<std::optional<record_view>> split_record(bytes_view in, guard frames_guard) noexcept {
  using found = std::optional<record_view>;
  const auto size = record_size(in);
  if (!size) return size.error();
  if (!*size || in.size() < **size) return found();

  const auto flags = in[length_size];
  record_view r;
  r.size = **size;
  r.kind = (flags & kind_flag) != std::byte{0} ? record_kind::frames : record_kind::handshake;
  r.key_phase = (flags & key_phase_flag) != std::byte{0};
  if ((flags & ~(kind_flag | key_phase_flag)) != std::byte{0} ||
      (r.key_phase && r.kind == record_kind::handshake)) {
    return errc::protocol_violation;
  }
  const auto trailer = trailer_size(r.kind == record_kind::frames ? frames_guard : guard::checksum);
  const auto after_flags = in.first(r.size).subspan(length_size + 1);
  const auto number_size = read_varint(after_flags, r.number);
  if (number_size == 0 || after_flags.size() <= number_size + trailer) {
    return errc::protocol_violation;
  }
  r.payload = after_flags.subspan(number_size, after_flags.size() - number_size - trailer);
  return found(r);
}

bool checksum_matches(bytes_view in, const record_view& record) noexcept {
  const auto body = in.first(record.size - crc_size);
  return std::ranges::equal(little_endian(crc32c(0, body)), in.subspan(body.size(), crc_size));
}

result<std::optional<record_view>> read_record(bytes_view in) noexcept {
  auto record = split_record(in, guard::checksum);
  if (record && record->has_value() && !checksum_matches(in, **record)) {
    return errc::protocol_violation;
  }
  return record;
}

}  // namespace rendr::wire
