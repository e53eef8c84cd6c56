// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace rendr::test {

/// The bytes that lower-case hexadecimal digits spell; an even number of digits.
inline bytes from_hex(std::string_view digits) {
  const auto nibble = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  bytes out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out.push_back(static_cast<std::byte>(nibble(digits[i]) << 4 | nibble(digits[i + 1])));
  }
  return out;
}

template <std::size_t N>
byte_array<N> from_hex(std::string_view digits) {
  const auto data = from_hex(digits);
  byte_array<N> out{};
  std::copy_n(data.begin(), std::min(N, data.size()), out.begin());
  return out;
}

inline std::string to_hex(bytes_view data) {
  std::string out;
  for (const auto b : data) {
    const auto value = std::to_integer<unsigned>(b);
    out += "0123456789abcdef"[value >> 4];
    out += "0123456789abcdef"[value & 15];
  }
  return out;
}

/// N bytes of one value.
template <std::size_t N>
byte_array<N> filled(unsigned char value) {
  byte_array<N> out;
  out.fill(std::byte{value});
  return out;
}

}  // namespace rendr::test
