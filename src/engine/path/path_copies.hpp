// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fifo.hpp"
#include "base/range_set.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// A range that a path sends out of turn: the head of line of a path that is late or suspect.
struct urgent_range {
  std::uint64_t flow = 0;
  range bytes;
};

/// What goes by one path out of turn, and what a suspicion of it may copy to others.
class path_copies {
 public:
  // --- by this path
  bool empty() const noexcept { return urgent_.empty(); }
  /// Precondition of these: not empty.
  const urgent_range& front() const { return urgent_.front(); }
  void pop() { urgent_.pop_front(); }
  /// The front goes on from there.
  void advance(std::uint64_t begin) { urgent_.front().bytes.begin = begin; }
  /// Nothing happens when it waits already, or too many do.
  void add(std::uint64_t flow, range r);
  void clear() { urgent_.clear(); }

  // --- from this path
  /// It became suspect: what is in flight on it may be copied, once in `defaults::extra_window`.
  void reserve(instant now, std::uint64_t in_flight) noexcept;
  bool pays(std::uint64_t bytes) const noexcept { return reserve_ >= bytes; }
  /// Precondition: pays(bytes).
  void pay(std::uint64_t bytes) noexcept { reserve_ -= bytes; }
  /// When ranges are copied that were held back; `never`: none was.
  instant more_at() const noexcept { return more_at_; }
  void more(instant at) noexcept { more_at_ = at; }

 private:
  static constexpr std::size_t most = 64;

  fifo<urgent_range> urgent_;
  instant more_at_ = never;
  std::uint64_t reserve_ = 0;
  instant reserved_at_ = instant::min();
};

}  // namespace rendr::engine
