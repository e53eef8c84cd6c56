// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "rendr/time.hpp"

namespace rendr::sim {

/// Virtual time: actions run in the order of (time, order of submission), nothing else decides.
class event_queue {
 public:
  using action = std::function<void()>;

  instant now() const noexcept { return now_; }
  std::uint64_t executed() const noexcept { return executed_; }
  bool empty() const noexcept { return heap_.empty(); }
  instant next_time() const noexcept { return heap_.empty() ? never : heap_.front().when; }

  /// Runs `run` at `when`, or now when that has passed. `never` is never.
  void at(instant when, action run) {
    if (when == never) return;
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.push_back(std::move(run));
    } else {
      slot = free_.back();
      free_.pop_back();
      slots_[slot] = std::move(run);
    }
    heap_.push_back({std::max(when, now_), sequence_++, slot});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// Runs the next action. False when there is none.
  bool step() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const entry e = heap_.back();
    heap_.pop_back();
    now_ = e.when;
    const action run = std::move(slots_[e.slot]);
    slots_[e.slot] = nullptr;
    free_.push_back(e.slot);
    ++executed_;
    run();
    return true;
  }

  /// Runs everything up to and including `end`; `now()` is `end` afterwards.
  void run_until(instant end) {
    while (!heap_.empty() && heap_.front().when <= end) step();
    now_ = std::max(now_, end);
  }

 private:
  struct entry {
    instant when;
    std::uint64_t sequence;
    std::uint32_t slot;
  };
  static bool later(const entry& a, const entry& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
  }

  instant now_{};
  std::uint64_t sequence_ = 0;
  std::uint64_t executed_ = 0;
  std::vector<entry> heap_;
  std::vector<action> slots_;
  std::vector<std::uint32_t> free_;
};

/// One re-armable wake-up on an event queue. Arming is cheap: an event is queued only when the new
/// deadline lies before the one already queued.
class alarm {
 public:
  alarm(event_queue& queue, std::function<void()> run) : queue_(queue), run_(std::move(run)) {}
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  /// Wakes at `when` at the latest; `never` disarms.
  void set(instant when) {
    wanted_ = when;
    if (wanted_ < queued_) enqueue();
  }
  instant wanted() const noexcept { return wanted_; }

 private:
  void enqueue() {
    queued_ = wanted_;
    queue_.at(wanted_, [this, mine = ++generation_] { fire(mine); });
  }
  void fire(std::uint64_t mine) {
    if (mine != generation_) return;
    queued_ = never;
    if (wanted_ == never) return;
    if (wanted_ > queue_.now()) return enqueue();
    wanted_ = never;
    run_();
  }

  event_queue& queue_;
  std::function<void()> run_;
  instant wanted_ = never;
  instant queued_ = never;
  std::uint64_t generation_ = 0;
};

}  // namespace rendr::sim
