// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/recv_stream.hpp"

#include <algorithm>
#include <cstring>

namespace rendr::engine {

namespace {

constexpr std::size_t in_place_in_order = 4096;
// More than a block of scattered bytes: what waits in place leaves few of them beside it.
constexpr std::size_t in_place_waiting = 2 * scattered_bytes::block_size;

}  // namespace

result<recv_stream::arrival> recv_stream::insert(receive_memory& memory, std::uint64_t offset,
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
  if (cut_) {
    out.duplicate = data.size();
    return out;
  }
  const auto before = contiguous_;
  auto at = offset;
  const auto skip_to = [&](std::uint64_t to) {
    if (to <= at) return;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(to - at, data.size()));
    data = data.subspan(n);
    at += n;
  };
  skip_to(contiguous_);
  // Cut [at, end) at the pieces that wait in place and keep what lies between them.
  while (!data.empty()) {
    const auto next = waiting_.upper_bound(at);
    if (next != waiting_.begin()) {
      const auto previous = std::prev(next);
      skip_to(previous->first + previous->second.data().size());
      if (data.empty()) break;
    }
    const auto gap =
        next == waiting_.end()
            ? data.size()
            : static_cast<std::size_t>(std::min<std::uint64_t>(next->first - at, data.size()));
    out.fresh += keep(memory, at, data.first(gap), slab);
    skip_to(at + gap);
  }
  out.duplicate = end - offset - out.fresh;
  drain_waiting();
  out.readable = contiguous_ > before;
  return out;
}

// Keeps a piece that no piece in place overlaps. Returns how many bytes of it were new.
std::uint64_t recv_stream::keep(receive_memory& memory, std::uint64_t at, bytes_view data,
                                const slab_ref& slab) {
  const bool in_order = at == contiguous_;
  const auto least = in_order ? in_place_in_order : in_place_waiting;
  if (data.empty()) return 0;
  if (receive_memory::in_place(data, slab, least)) {
    const auto known = scattered_.remove(at, data.size());
    kept_view kept(memory, slab, data);
    if (in_order) {
      append(std::move(kept));
    } else {
      waiting_.emplace(at, std::move(kept));
    }
    return data.size() - known;
  }
  if (!in_order || scattered_.covers(at, data.size()))
    return scattered_.put(memory.pool(), at, data);
  copies_.copy_to(memory.pool(), data, [this](kept_view copy) { append(std::move(copy)); });
  return data.size();
}

errc recv_stream::set_final_size(std::uint64_t size) {
  if (final_ && *final_ != size) return errc::protocol_violation;
  if (size < highest_) return errc::protocol_violation;
  final_ = size;
  return errc{};
}

void recv_stream::append(kept_view p) {
  contiguous_ += p.data().size();
  if (ready_.empty() || !ready_.back().absorb(p)) ready_.push_back(std::move(p));
}

void recv_stream::drain_waiting() {
  while (true) {
    if (!waiting_.empty() && waiting_.begin()->first == contiguous_) {
      append(std::move(waiting_.begin()->second));
      waiting_.erase(waiting_.begin());
      continue;
    }
    if (scattered_.empty()) break;
    auto run = scattered_.take(contiguous_);
    if (run.data.empty()) break;
    append(kept_view(std::move(run)));
  }
  scattered_.pass(contiguous_);
}

std::size_t recv_stream::read(bytes_span out) {
  std::size_t total = 0;
  for (auto& p : ready_) {
    if (total == out.size()) break;
    const auto n = std::min(out.size() - total, p.data().size());
    std::memcpy(out.data() + total, p.data().data(), n);
    total += n;
  }
  consume(total);
  return total;
}

std::size_t recv_stream::peek(std::span<bytes_view> out) const {
  const auto n = std::min(out.size(), ready_.size());
  for (std::size_t i = 0; i < n; ++i) out[i] = ready_[i].data();
  return n;
}

void recv_stream::consume(std::size_t n) {
  read_ += n;
  while (n > 0) {
    auto& p = ready_.front();
    if (n < p.data().size()) return p.consume(n);
    n -= p.data().size();
    ready_.pop_front();
  }
  if (!ready_.empty()) return;
  copies_.clear();
  if (scattered_.empty()) scattered_.clear();
}

void recv_stream::compact(receive_memory& memory) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (!it->second.sparse()) {
      ++it;
      continue;
    }
    scattered_.put(memory.pool(), it->first, it->second.data());
    it = waiting_.erase(it);
  }
  if (std::none_of(ready_.begin(), ready_.end(), [](const auto& p) { return p.sparse(); })) return;
  packed_copies copies;
  fifo<kept_view> old;
  old.swap(ready_);
  for (auto& p : old) {
    if (!p.sparse()) {
      ready_.push_back(std::move(p));
      continue;
    }
    copies.copy_to(memory.pool(), p.data(),
                   [this](kept_view copy) { ready_.push_back(std::move(copy)); });
  }
}

void recv_stream::discard() noexcept {
  discarding_ = true;
  ready_.clear();
  waiting_.clear();
  scattered_.clear();
  copies_.clear();
  contiguous_ = std::max(contiguous_, highest_);
  read_ = contiguous_;
}

void recv_stream::cut() noexcept {
  cut_ = true;
  waiting_.clear();
  scattered_.clear();
}

}  // namespace rendr::engine
