// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/recv_packets.hpp"

#include "wire/frames.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t least_in_place = 4096;

}  // namespace

result<std::optional<std::size_t>> recv_packets::insert(receive_memory& memory,
                                                        std::uint64_t sequence, bytes_view data,
                                                        const slab_ref& slab) {
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
  } else if (receive_memory::in_place(data, slab, least_in_place)) {
    queue_.emplace_back(memory, slab, data);
  } else {
    queue_.emplace_back(copies_.copy(memory.pool(), data));
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
  consumed_ += queue_.front().data().size() + wire::packet_extra;
  queue_.pop_front();
  if (queue_.empty()) copies_.clear();
}

void recv_packets::compact(receive_memory& memory) {
  packed_copies copies;
  for (auto& p : queue_) {
    if (p.sparse()) p = kept_view(copies.copy(memory.pool(), p.data()));
  }
}

void recv_packets::discard() noexcept {
  discarding_ = true;
  for (const auto& p : queue_) consumed_ += p.data().size() + wire::packet_extra;
  queue_.clear();
  copies_.clear();
}

}  // namespace rendr::engine
