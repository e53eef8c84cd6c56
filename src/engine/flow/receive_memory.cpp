// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/receive_memory.hpp"

#include <algorithm>

namespace rendr::engine {

namespace {

constexpr std::size_t first_copies = 512;
constexpr std::size_t further_copies = 4096;

}  // namespace

void packed_copies::begin(slab_pool& pool, std::size_t least) {
  const bool first = !slab_ && least <= first_copies;
  slab_ = pool.allocate(first ? first_copies : std::max(least, further_copies));
  used_ = 0;
}

slab_view packed_copies::copy(slab_pool& pool, bytes_view data) {
  if (!slab_ || room() < data.size()) begin(pool, data.size());
  return copy_some(pool, data);
}

slab_view packed_copies::copy_some(slab_pool& pool, bytes_view data) {
  if (room() == 0) begin(pool, std::min(data.size(), further_copies));
  const auto n = std::min(data.size(), room());
  std::copy_n(data.begin(), n, slab_.data() + used_);  // an empty packet may have no address
  const bytes_view copied{slab_.data() + used_, n};
  used_ += n;
  return {slab_, copied};
}

void packed_copies::clear() noexcept {
  slab_ = slab_ref();
  used_ = 0;
}

}  // namespace rendr::engine
