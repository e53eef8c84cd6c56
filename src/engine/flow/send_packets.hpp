// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/range_set.hpp"
#include "base/slab.hpp"
#include "engine/config.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// The packets that the application gave and the peer has not. Each takes the sequence numbers
/// [begin, end()) of its flow, `wire::packet_extra` more than it has bytes; which of them are
/// acknowledged is the business of the flow's `send_stream`.
class send_packets {
 public:
  struct packet {
    std::uint64_t begin = 0;
    slab_view payload;
    instant sent_at = never;  ///< when it was first put into a record
    std::uint64_t end() const noexcept { return begin + weight_of(payload.data.size()); }
  };
  static std::uint64_t weight_of(std::size_t bytes) noexcept { return bytes + wire::packet_extra; }

  /// Copies `data` as the packet that begins at `begin`, the end of the one before.
  void add(slab_pool& pool, bytes_view data, std::uint64_t begin);
  /// The packets from the one that has number `begin` on, as many as fit into `limit` numbers, at
  /// least one. Where no packet is (the FIN's number): just these numbers.
  range whole(std::uint64_t begin, std::uint64_t limit) const noexcept;
  /// Calls `visit(packet&)` for the packets that begin in r, in order.
  template <class Visit>
  void each(range r, Visit&& visit) {
    auto it = std::lower_bound(packets_.begin(), packets_.end(), r.begin, begins_before);
    for (; it != packets_.end() && it->begin < r.end; ++it) visit(*it);
  }
  /// p goes out for the first time or again.
  void sent(packet& p, instant now) noexcept;
  /// p was sent, and is neither one of the newest `packets_retained` nor younger than
  /// `packet_retention`: it is not sent again.
  bool expired(const packet& p, instant now) const noexcept;
  /// Everything below `base` is acknowledged or given up.
  void release(std::uint64_t base) noexcept;
  void discard() noexcept;

  bool empty() const noexcept { return packets_.empty(); }
  /// Numbers of the packets that no record has carried yet.
  std::uint64_t unsent() const noexcept { return unsent_; }
  /// At least the numbers of the largest packet that is here.
  std::uint64_t largest() const noexcept { return largest_; }
  std::uint64_t added() const noexcept { return base_ + packets_.size(); }

 private:
  static bool begins_before(const packet& p, std::uint64_t n) noexcept { return p.begin < n; }
  std::size_t index_of(std::uint64_t number) const noexcept;

  fifo<packet> packets_;
  std::uint64_t base_ = 0;    // how many packets went before the first one here
  std::uint64_t newest_ = 0;  // one behind the last packet that was sent, counted likewise
  std::uint64_t unsent_ = 0;
  std::uint64_t largest_ = 0;
  slab_ref room_;  // where the next packet is copied to
  std::size_t room_used_ = 0;
};

}  // namespace rendr::engine
