// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rendr {

using bytes_view = std::span<const std::byte>;
using bytes_span = std::span<std::byte>;
using bytes = std::vector<std::byte>;
template <std::size_t N>
using byte_array = std::array<std::byte, N>;

using flow_id = byte_array<16>;
using instance_id = byte_array<16>;
using link_id = byte_array<16>;
using routing_token = byte_array<16>;

/// The bytes of a text, not copied.
inline bytes_view as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Bytes as a text, not copied.
inline std::string_view as_text(bytes_view data) noexcept {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace rendr
