// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.hpp"

#include <isa-l/crc.h>

#include <algorithm>

#include "base/octets.hpp"

namespace rendr {

std::uint32_t crc32c(std::uint32_t init, bytes_view data) noexcept {
  constexpr std::size_t largest_piece = std::size_t{1} << 30;  // ISA-L counts in int
  // ISA-L works on the register itself: the inversions before and after are the caller's.
  std::uint32_t state = ~init;
  while (!data.empty()) {
    const auto size = std::min(data.size(), largest_piece);
    // ISA-L only reads; its declaration lacks the const.
    auto* begin = const_cast<unsigned char*>(raw(data));
    state = crc32_iscsi(begin, static_cast<int>(size), state);
    data = data.subspan(size);
  }
  return ~state;
}

}  // namespace rendr
