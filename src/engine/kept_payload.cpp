// SPDX-License-Identifier: Apache-2.0
#include "engine/kept_payload.hpp"

#include <algorithm>
#include <cstring>

namespace rendr::engine {

namespace {

constexpr std::size_t copy_below = 4096;
constexpr std::size_t small_copies = 512;
constexpr std::size_t large_copies = 4096;

}  // namespace

slab_view kept_payload::keep(slab_pool& pool, bytes_view data, const slab_ref& slab) {
  // A view pins its whole slab: copied when that is more than 16 times what it holds.
  if (data.size() >= copy_below && data.size() * 16 >= slab.capacity()) return {slab, data};
  if (!copies_ || copies_.capacity() - used_ < data.size()) {
    const bool first = !copies_ && data.size() <= small_copies;
    copies_ = pool.allocate(first ? small_copies : std::max(data.size(), large_copies));
    used_ = 0;
  }
  std::memcpy(copies_.data() + used_, data.data(), data.size());
  const bytes_view kept{copies_.data() + used_, data.size()};
  used_ += data.size();
  return {copies_, kept};
}

void kept_payload::clear() noexcept {
  copies_ = slab_ref();
  used_ = 0;
}

}  // namespace rendr::engine
