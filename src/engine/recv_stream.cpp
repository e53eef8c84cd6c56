// SPDX-License-Identifier: Apache-2.0
#include "engine/recv_stream.hpp"

#include <algorithm>
#include <cstring>

namespace rendr::engine {

result<recv_stream::arrival> recv_stream::insert(slab_pool& pool, std::uint64_t offset,
                                                 bytes_view data, const slab_ref& slab) {
  const auto end = offset + data.size();
  if (final_ && end > *final_) return errc::protocol_violation;
  arrival out;
  highest_ = std::max(highest_, end);
  if (discarding_) {
    out.fresh = end > contiguous_ ? end - std::max(offset, contiguous_) : 0;
    out.duplicate = data.size() - out.fresh;
    read_ = contiguous_ = highest_;
    return out;
  }
  const auto before = contiguous_;
  auto at = offset;
  if (at < contiguous_) {
    const auto skip = std::min<std::uint64_t>(contiguous_ - at, data.size());
    out.duplicate += skip;
    data = data.subspan(static_cast<std::size_t>(skip));
    at += skip;
  }
  // Cut [at, end) at the pieces that are already waiting and keep what is new.
  auto it = waiting_.upper_bound(at);
  if (it != waiting_.begin()) {
    const auto previous = std::prev(it);
    const auto previous_end = previous->first + previous->second.data.size();
    if (previous_end > at) {
      const auto skip = std::min<std::uint64_t>(previous_end - at, data.size());
      out.duplicate += skip;
      data = data.subspan(static_cast<std::size_t>(skip));
      at += skip;
    }
  }
  while (!data.empty()) {
    it = waiting_.lower_bound(at);
    const auto gap =
        it == waiting_.end()
            ? data.size()
            : static_cast<std::size_t>(std::min<std::uint64_t>(it->first - at, data.size()));
    if (gap > 0) {
      out.fresh += gap;
      if (at == contiguous_) {
        append(kept_.keep(pool, data.first(gap), slab));
      } else {
        waiting_.emplace(at, kept_.keep(pool, data.first(gap), slab));
      }
      data = data.subspan(gap);
      at += gap;
      continue;
    }
    const auto covered = std::min(it->second.data.size(), data.size());
    out.duplicate += covered;
    data = data.subspan(covered);
    at += covered;
  }
  drain_waiting();
  out.readable = contiguous_ > before;
  return out;
}

errc recv_stream::set_final_size(std::uint64_t size) {
  if (final_ && *final_ != size) return errc::protocol_violation;
  if (size < highest_) return errc::protocol_violation;
  final_ = size;
  return errc{};
}

void recv_stream::append(slab_view p) {
  contiguous_ += p.data.size();
  if (!ready_.empty()) {
    auto& last = ready_.back().data;
    if (last.data() + last.size() == p.data.data()) {
      last = {last.data(), last.size() + p.data.size()};
      return;
    }
  }
  ready_.push_back(std::move(p));
}

void recv_stream::drain_waiting() {
  while (!waiting_.empty() && waiting_.begin()->first == contiguous_) {
    append(std::move(waiting_.begin()->second));
    waiting_.erase(waiting_.begin());
  }
}

std::size_t recv_stream::read(bytes_span out) {
  std::size_t total = 0;
  for (auto& p : ready_) {
    if (total == out.size()) break;
    const auto n = std::min(out.size() - total, p.data.size());
    std::memcpy(out.data() + total, p.data.data(), n);
    total += n;
  }
  consume(total);
  return total;
}

std::size_t recv_stream::peek(std::span<bytes_view> out) const {
  const auto n = std::min(out.size(), ready_.size());
  for (std::size_t i = 0; i < n; ++i) out[i] = ready_[i].data;
  return n;
}

void recv_stream::consume(std::size_t n) {
  read_ += n;
  while (n > 0) {
    auto& p = ready_.front();
    if (n < p.data.size()) {
      p.data = p.data.subspan(n);
      return;
    }
    n -= p.data.size();
    ready_.pop_front();
  }
  if (ready_.empty() && waiting_.empty()) kept_.clear();
}

void recv_stream::discard() noexcept {
  discarding_ = true;
  ready_.clear();
  waiting_.clear();
  kept_.clear();
  contiguous_ = std::max(contiguous_, highest_);
  read_ = contiguous_;
}

}  // namespace rendr::engine
