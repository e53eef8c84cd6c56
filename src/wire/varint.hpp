// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstdint>

#include "base/bytes.hpp"

namespace rendr::wire {

/// Variable-length integers as in RFC 9000 section 16, in their shortest form only: the top two
/// bits of the first byte say whether 1, 2, 4 or 8 bytes, big-endian, hold the value.
inline constexpr std::uint64_t max_varint = (std::uint64_t{1} << 62) - 1;
inline constexpr std::size_t max_varint_size = 8;

/// Bytes that `value` takes. Precondition: value <= max_varint.
constexpr std::size_t varint_size(std::uint64_t value) noexcept {
  assert(value <= max_varint);
  if (value < (std::uint64_t{1} << 6)) return 1;
  if (value < (std::uint64_t{1} << 14)) return 2;
  if (value < (std::uint64_t{1} << 30)) return 4;
  return 8;
}

/// Writes `value` to the front of `out` and returns its size.
/// Precondition: value <= max_varint and out.size() >= varint_size(value).
constexpr std::size_t write_varint(std::uint64_t value, bytes_span out) noexcept {
  const std::size_t size = varint_size(value);
  assert(out.size() >= size);
  std::uint64_t rest = value;
  for (std::size_t i = size; i-- > 0; rest >>= 8) out[i] = static_cast<std::byte>(rest & 0xff);
  const unsigned prefix = size == 1 ? 0x00 : size == 2 ? 0x40 : size == 4 ? 0x80 : 0xc0;
  out[0] |= static_cast<std::byte>(prefix);
  return size;
}

/// Reads a varint from the front of `in` into `value`. Returns its size; 0, with `value`
/// unspecified, when it is incomplete or not in its shortest form.
constexpr std::size_t read_varint(bytes_view in, std::uint64_t& value) noexcept {
  if (in.empty()) return 0;
  const auto first = std::to_integer<unsigned>(in[0]);
  value = first & 0x3f;
  if (first < 0x40) return 1;
  const std::size_t size = std::size_t{1} << (first >> 6);
  if (in.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    value = (value << 8) | std::to_integer<std::uint64_t>(in[i]);
  }
  return varint_size(value) == size ? size : 0;
}

}  // namespace rendr::wire
