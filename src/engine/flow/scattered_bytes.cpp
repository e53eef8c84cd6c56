// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/scattered_bytes.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rendr::engine {

bool scattered_bytes::covers(std::uint64_t offset, std::size_t size) const noexcept {
  const auto first = blocks_.lower_bound(offset / block_size);
  return first != blocks_.end() && first->first * block_size < offset + size;
}

// Sets or clears the bits [begin, end). Returns how many of them changed.
std::uint64_t scattered_bytes::change(block& in, std::size_t begin, std::size_t end,
                                      bool to) noexcept {
  std::uint64_t changed = 0;
  while (begin < end) {
    const auto last = std::min(end, (begin / 64 + 1) * 64);
    const auto mask = ~std::uint64_t{0} >> (64 - (last - begin)) << begin % 64;
    auto& word = in.present[begin / 64];
    const auto before = word;
    word = to ? word | mask : word & ~mask;
    changed += static_cast<std::uint64_t>(std::popcount(before ^ word));
    begin = last;
  }
  return changed;
}

// How many bytes are there from `begin` on without a hole.
std::size_t scattered_bytes::run(const block& in, std::size_t begin) noexcept {
  auto at = begin;
  while (at < block_size) {
    const auto left = 64 - at % 64;
    const auto ones = static_cast<std::size_t>(std::countr_one(in.present[at / 64] >> at % 64));
    at += std::min(ones, left);
    if (ones < left) break;
  }
  return at - begin;
}

std::uint64_t scattered_bytes::put(slab_pool& pool, std::uint64_t offset, bytes_view data) {
  std::uint64_t fresh = 0;
  while (!data.empty()) {
    const auto inside = static_cast<std::size_t>(offset % block_size);
    const auto n = std::min(data.size(), block_size - inside);
    auto& into = blocks_[offset / block_size];
    if (!into.slab) into.slab = pool.allocate(block_size);
    std::memcpy(into.slab.data() + inside, data.data(), n);
    fresh += change(into, inside, inside + n, true);
    data = data.subspan(n);
    offset += n;
  }
  bytes_ += fresh;
  return fresh;
}

std::uint64_t scattered_bytes::remove(std::uint64_t offset, std::size_t size) noexcept {
  std::uint64_t removed = 0;
  const auto end = offset + size;
  for (auto it = blocks_.lower_bound(offset / block_size);
       it != blocks_.end() && it->first * block_size < end; ++it) {
    const auto from = it->first * block_size;
    removed +=
        change(it->second, static_cast<std::size_t>(std::max(offset, from) - from),
               static_cast<std::size_t>(std::min(end - from, std::uint64_t{block_size})), false);
  }
  bytes_ -= removed;
  return removed;
}

slab_view scattered_bytes::take(std::uint64_t offset) noexcept {
  const auto it = blocks_.find(offset / block_size);
  if (it == blocks_.end()) return {};
  const auto inside = static_cast<std::size_t>(offset % block_size);
  const auto n = run(it->second, inside);
  if (n == 0) return {};
  bytes_ -= change(it->second, inside, inside + n, false);
  return {it->second.slab, {it->second.slab.data() + inside, n}};
}

void scattered_bytes::pass(std::uint64_t offset) noexcept {
  while (!blocks_.empty() && (blocks_.begin()->first + 1) * block_size <= offset)
    blocks_.erase(blocks_.begin());
}

void scattered_bytes::clear() noexcept {
  blocks_.clear();
  bytes_ = 0;
}

}  // namespace rendr::engine
