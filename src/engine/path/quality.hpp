// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "rendr/time.hpp"

namespace rendr::engine {

/// Smoothed round-trip time as in RFC 9002 section 5.3, from records acknowledged on their own
/// path. The variation rises at once and falls by a quarter in each round trip whose largest
/// deviation was smaller: samples that come many to a round trip are alike, and would let it shrink
/// to nothing in between (RFC 7323 appendix G).
class rtt_estimator {
 public:
  void sample(duration rtt, instant now = {}) noexcept;
  /// The path may be another one now: the next sample counts as a first one.
  void begin_anew() noexcept { anew_ = true; }
  /// Until that sample is there.
  bool beginning_anew() const noexcept { return anew_; }
  bool measured() const noexcept { return measured_; }
  /// `defaults::initial_rtt` until measured.
  duration smoothed() const noexcept { return smoothed_; }
  duration variation() const noexcept { return variation_; }
  /// Of the last one or two windows of half a minute.
  duration minimum() const noexcept { return std::min(minimum_, minimum_before_); }
  /// min(4 rttvar, sRTT), or as many rttvar as were set: the slack of every deadline.
  duration slack() const noexcept;
  void deadline_variations(unsigned n) noexcept { variations_ = n; }

 private:
  static constexpr duration initial = std::chrono::milliseconds(100);
  duration smoothed_ = initial;
  duration variation_ = initial / 2;
  duration deviation_ = initial / 2;  ///< smoothed over the samples
  duration largest_{0};               ///< of the deviations of this round trip
  instant round_end_ = instant::min();
  duration minimum_{0};
  duration minimum_before_{0};
  instant window_end_{};
  bool anew_ = false;
  unsigned variations_ = 4;
  bool measured_ = false;
};

/// What a path is like when this link's own traffic does not fill it: round trips of records that
/// waited behind none of ours. A transfer gives none, so that it cannot flee from its own queue.
class quality_estimator {
 public:
  void sample(instant now, duration rtt) noexcept;
  /// Rests on several samples.
  bool known() const noexcept { return samples_ >= 3; }
  /// Known, and the last sample is no older than two pings of a standby.
  bool fresh(instant now) const noexcept;
  duration latency() const noexcept { return latency_; }
  /// Mean deviation of the samples from the latency.
  duration jitter() const noexcept { return jitter_; }
  /// A sample that departs from all before it: worth another one at once.
  bool surprising(duration rtt) const noexcept;
  instant last_sample() const noexcept { return last_; }
  /// The largest sample of the last two windows of a minute.
  duration peak() const noexcept { return std::max(peak_now_, peak_before_); }

 private:
  duration latency_{0};
  duration jitter_{0};
  duration peak_now_{0};
  duration peak_before_{0};
  instant window_end_ = instant::min();
  unsigned samples_ = 0;
  unsigned surprises_ = 0;
  instant last_ = instant::min();
};

/// What a record remembers of the path's delivery when it was transmitted.
struct delivery_mark {
  std::uint64_t delivered = 0;  ///< bytes acknowledged by then
  instant delivered_at{};       ///< when the last of them was
  instant first_sent{};         ///< when the first record of that flight was transmitted
  bool app_limited = false;     ///< the path had nothing more to send
};

/// The rate at which a path drains, in bytes per second: the largest delivery-rate sample of the
/// last two windows. A sample taken when the application offered too little never lowers it.
class rate_estimator {
 public:
  /// Something was transmitted while `in_flight` bytes (before it) were unacknowledged.
  delivery_mark on_transmitted(instant now, std::uint64_t in_flight, bool app_limited) noexcept;
  /// A record was acknowledged.
  void on_acknowledged(instant now, const delivery_mark& mark, instant sent_at, std::uint64_t bytes,
                       duration min_rtt) noexcept;
  /// The path may be another one now: the next sample that several packets gave counts as a first
  /// one. A lone small message says nothing about the rate.
  void begin_anew() noexcept { anew_ = true; }
  /// Called once after all records of one acknowledgement.
  void finish_ack(instant now, duration srtt) noexcept;
  /// 0: unknown.
  std::uint64_t rate() const noexcept;
  /// The rate when the path was kept busy while it was measured; 0: unknown. An application that
  /// offers little makes a fast path look slow, and its queue long.
  std::uint64_t drain_rate() const noexcept;
  std::uint64_t delivered() const noexcept { return delivered_; }

 private:
  std::uint64_t delivered_ = 0;
  instant delivered_at_{};
  instant first_sent_{};
  double best_now_ = 0;
  double best_before_ = 0;
  bool now_limited_ = false;  // the best was measured while the application offered too little
  bool before_limited_ = false;
  instant window_end_{};
  double sample_ = 0;
  std::uint64_t sample_bytes_ = 0;
  bool sample_limited_ = false;
  bool sampled_ = false;
  bool anew_ = false;
};

}  // namespace rendr::engine
