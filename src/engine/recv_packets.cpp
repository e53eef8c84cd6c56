// SPDX-License-Identifier: Apache-2.0
#include "engine/recv_packets.hpp"

#include "wire/frames.hpp"

namespace rendr::engine {

result<std::optional<std::size_t>> recv_packets::insert(slab_pool& pool, std::uint64_t sequence,
                                                        bytes_view data, const slab_ref& slab) {
  const range numbers{sequence, sequence + data.size() + wire::packet_extra};
  if (final_ && numbers.end > *final_) return errc::protocol_violation;
  if (arrived_.overlaps(numbers)) {
    if (!arrived_.contains(numbers)) return errc::protocol_violation;
    ++duplicates_;
    return std::optional<std::size_t>();
  }
  arrived_.add(numbers);
  ++packets_;
  if (discarding_) {
    consumed_ += numbers.size();
  } else {
    queue_.push_back(kept_.keep(pool, data, slab));
  }
  return std::optional<std::size_t>(data.size());
}

errc recv_packets::skip(std::uint64_t sequence) {
  if (final_ && sequence > *final_) return errc::protocol_violation;
  consumed_ += arrived_.add({0, sequence});
  return errc{};
}

errc recv_packets::set_final(std::uint64_t sequence) {
  if (final_ && *final_ != sequence) return errc::protocol_violation;
  if (sequence < highest()) return errc::protocol_violation;
  final_ = sequence;
  consumed_ += arrived_.add({0, sequence});
  return errc{};
}

void recv_packets::pop() {
  consumed_ += queue_.front().data.size() + wire::packet_extra;
  queue_.pop_front();
  if (queue_.empty()) kept_.clear();
}

void recv_packets::discard() noexcept {
  discarding_ = true;
  for (const auto& p : queue_) consumed_ += p.data.size() + wire::packet_extra;
  queue_.clear();
  kept_.clear();
}

}  // namespace rendr::engine
