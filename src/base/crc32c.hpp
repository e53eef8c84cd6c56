// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace rendr {

/// CRC32C (Castagnoli, RFC 3720 appendix B.4) of `data`, continuing `init`: 0 for the first piece,
/// the value of the pieces before it for any other. The check value of "123456789" is 0xE3069283.
std::uint32_t crc32c(std::uint32_t init, bytes_view data) noexcept;

}  // namespace rendr
