// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/send_packets.hpp"

#include <cstring>

namespace rendr::engine {

namespace {

constexpr std::size_t largest_slab = 131072;

}  // namespace

void send_packets::add(slab_pool& pool, bytes_view data, std::uint64_t begin) {
  packet p;
  p.begin = begin;
  if (!data.empty()) {
    if (!room_ || room_.capacity() - room_used_ < data.size()) {
      const auto held = packets_.empty() ? 0 : packets_.back().end() - packets_.front().begin;
      room_ = pool.allocate(
          std::max<std::size_t>(data.size(), std::min<std::uint64_t>(held, largest_slab)));
      room_used_ = 0;
    }
    std::memcpy(room_.data() + room_used_, data.data(), data.size());
    p.payload = {room_, {room_.data() + room_used_, data.size()}};
    room_used_ += data.size();
  }
  unsent_ += weight_of(data.size());
  largest_ = std::max(largest_, weight_of(data.size()));
  packets_.push_back(std::move(p));
}

std::size_t send_packets::index_of(std::uint64_t number) const noexcept {
  const auto it = std::upper_bound(packets_.begin(), packets_.end(), number,
                                   [](std::uint64_t n, const packet& p) { return n < p.begin; });
  return it == packets_.begin() ? 0 : static_cast<std::size_t>(it - packets_.begin()) - 1;
}

range send_packets::whole(std::uint64_t begin, std::uint64_t limit) const noexcept {
  if (packets_.empty() || begin >= packets_.back().end()) return {begin, begin + limit};
  const auto& first = packets_[index_of(begin)];
  const auto& behind = packets_[index_of(first.begin + limit)];
  // The one that has the number `limit` further on does not fit, unless it ends just there.
  const auto end = behind.end() <= first.begin + limit ? behind.end() : behind.begin;
  return {first.begin, std::max(first.end(), end)};
}

void send_packets::sent(packet& p, instant now) noexcept {
  if (p.sent_at != never) return;
  p.sent_at = now;
  unsent_ -= p.end() - p.begin;
  newest_ = std::max(newest_, base_ + index_of(p.begin) + 1);
}

bool send_packets::expired(const packet& p, instant now) const noexcept {
  if (p.sent_at == never || now - p.sent_at < defaults::packet_retention) return false;
  return base_ + index_of(p.begin) + defaults::packets_retained < newest_;
}

void send_packets::release(std::uint64_t base) noexcept {
  while (!packets_.empty() && packets_.front().end() <= base) {
    if (packets_.front().sent_at == never)
      unsent_ -= packets_.front().end() - packets_.front().begin;
    packets_.pop_front();
    ++base_;
  }
  if (!packets_.empty()) return;
  largest_ = 0;
  room_ = slab_ref();
}

void send_packets::discard() noexcept {
  if (!packets_.empty()) release(packets_.back().end());
}

}  // namespace rendr::engine
