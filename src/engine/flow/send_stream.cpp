// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/send_stream.hpp"

#include <algorithm>
#include <cstring>

namespace rendr::engine {

namespace {

constexpr std::size_t largest_chunk = 131072;

}  // namespace

std::size_t send_stream::write(slab_pool& pool, bytes_view data, std::size_t limit) {
  std::size_t taken = 0;
  while (!data.empty() && buffered() < limit) {
    const bool room = !chunks_.empty() && chunks_.back().size < chunks_.back().slab.capacity();
    if (!room) {
      const auto want = std::min(std::max(data.size(), buffered()), largest_chunk);
      chunks_.push_back({pool.allocate(want), written_, 0});
    }
    auto& c = chunks_.back();
    const auto n = std::min({data.size(), c.slab.capacity() - c.size, limit - buffered()});
    std::memcpy(c.slab.data() + c.size, data.data(), n);
    c.size += n;
    written_ += n;
    taken += n;
    data = data.subspan(n);
  }
  return taken;
}

range_set send_stream::open_part(range r) const {
  range_set out;
  r.begin = std::max(r.begin, base_);
  if (r.empty()) return out;
  out.add(r);
  if (!acked_.empty() && acked_.front().begin < r.end) out.remove(acked_.intersection(r));
  return out;
}

void send_stream::acknowledge(range r) {
  r.begin = std::max(r.begin, base_);
  r.end = std::min(r.end, end());
  if (r.empty()) return;
  if (r.begin > base_) {
    acked_.add(r);
    return;
  }
  base_ = r.end;
  while (!acked_.empty() && acked_.front().begin <= base_) {
    base_ = std::max(base_, acked_.front().end);
    acked_.remove(acked_.front());
  }
  while (!chunks_.empty() && chunks_.front().begin + chunks_.front().size <= base_) {
    chunks_.pop_front();  // the last one too: an idle flow holds no memory
  }
}

void send_stream::discard() noexcept {
  discarded_ += buffered();
  chunks_.clear();
  acked_.clear();
  base_ = end();
}

std::size_t send_stream::chunk_of(std::uint64_t offset) const noexcept {
  const auto it =
      std::upper_bound(chunks_.begin(), chunks_.end(), offset,
                       [](std::uint64_t value, const chunk& c) { return value < c.begin; });
  return it == chunks_.begin() ? 0 : static_cast<std::size_t>(it - chunks_.begin()) - 1;
}

}  // namespace rendr::engine
