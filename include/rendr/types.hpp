// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/language.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace rendr {

/// 16 random bytes, unchanged for the life of one flow and equal on both sides.
using flow_id = std::array<std::byte, 16>;
/// 16 random bytes of one running runtime, new at every start.
using instance_id = std::array<std::byte, 16>;
/// 16 bytes chosen by the acceptor when a link is made, equal on both sides.
using link_id = std::array<std::byte, 16>;

/// A stream of bytes (`stream`), or packets (`packet_flow`).
enum class flow_kind : std::uint8_t { stream = 0, packet = 1 };

/// Lower-case hexadecimal of any of the identifiers above.
std::string to_hex(std::span<const std::byte> id);

}  // namespace rendr
