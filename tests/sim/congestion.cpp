// SPDX-License-Identifier: Apache-2.0
#include "sim/congestion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

namespace rendr::sim {
namespace {

using namespace std::chrono_literals;

double seconds(duration d) { return std::chrono::duration<double>(d).count(); }

/// CUBIC (RFC 9438) in whole segments as the kernel counts, with HyStart's two rules and
/// proportional rate reduction (RFC 6937).
class cubic final : public congestion_control {
 public:
  explicit cubic(std::uint32_t mss) : mss_(mss) {}

  void acked(const ack_sample& s) override {
    if (s.recovering && !timed_out_) return reduce(s);
    if (!s.cwnd_limited || !s.advanced) return;
    if (window_ < threshold_) {
      window_ += segments(s.acked);
      watch_delay(s);
      window_ = std::min(window_, std::max(threshold_, least_threshold));
    } else {
      grow(s);
    }
  }
  void lost(instant, std::uint64_t in_flight) override {
    recover_from_ = window_;
    shrink();
    recovery_delivered_ = recovery_sent_ = 0;
    credit_ = 0;
    timed_out_ = false;
    window_ = segments(in_flight) + 1;
  }
  void timed_out(std::uint64_t) override {
    if (!timed_out_) shrink();
    timed_out_ = true;
    credit_ = 0;
    peak_ = 0;
    left_early_ = false;
    window_ = 1;
  }
  void recovered(instant) override {
    if (!timed_out_) window_ = threshold_;
    timed_out_ = false;
  }
  void sent(std::uint64_t n) override { recovery_sent_ += segments(n); }
  void restarted(duration idle, duration rto) override {
    const auto floor = std::min(window_, first_window);
    threshold_ = std::max(threshold_, window_ / 4 * 3);
    for (auto left = idle; left > rto && window_ > floor; left -= rto) window_ /= 2;
    window_ = std::max(window_, floor);
    epoch_ = never;
  }
  std::uint64_t window() const override { return window_ * mss_; }
  bool starting() const override { return window_ < threshold_ / 2; }

 private:
  static constexpr double scale = 0.4;
  static constexpr std::uint64_t whole = 1024;
  static constexpr std::uint64_t beta = 717;  ///< 0.7 of the whole
  static constexpr duration tick = 4ms;
  static constexpr duration same_count = 28ms;  ///< how long a count holds for one window
  static constexpr std::uint64_t first_window = 10;
  static constexpr std::uint64_t least_threshold = 2;

  std::uint64_t segments(std::uint64_t n) const { return (n + mss_ - 1) / mss_; }
  void shrink() {
    peak_ = window_ < peak_ ? window_ * (whole + beta) / (2 * whole) : window_;
    threshold_ = std::max(window_ * beta / whole, least_threshold);
    epoch_ = never;
  }
  /// While more is in flight than shall be, what is sent is to what is delivered as the new window
  /// is to the old; then as much as is delivered, and one more when nothing else is missing.
  void reduce(const ack_sample& s) {
    const auto in_flight = segments(s.in_flight);
    const auto delivered = segments(s.acked);
    recovery_delivered_ += delivered;
    std::uint64_t allowance = 0;
    if (in_flight > threshold_) {
      const auto due = (recovery_delivered_ * threshold_ + recover_from_ - 1) / recover_from_;
      allowance = due > recovery_sent_ ? due - recovery_sent_ : 0;
    } else {
      const auto owed = recovery_delivered_ - std::min(recovery_sent_, recovery_delivered_);
      const auto extra = s.advanced && !s.found_loss ? 1u : 0u;
      allowance = std::min(threshold_ - in_flight, std::max(owed, delivered) + extra);
    }
    if (recovery_sent_ == 0) allowance = std::max<std::uint64_t>(allowance, 1);
    window_ = in_flight + allowance;
  }
  /// Slow start ends when a round trip's acknowledgements come in one train of half the shortest
  /// round trip, or when all of a round trip were delayed.
  void watch_delay(const ack_sample& s) {
    if (s.prior_delivered >= round_end_) {
      round_end_ = s.delivered;
      round_began_ = train_ = s.now;
      round_samples_ = 0;
      round_min_ = duration::max();
    }
    if (s.rtt.count() == 0 || left_early_ || window_ < 16) return;
    if (s.now - train_ <= 2ms) {
      train_ = s.now;
      if (s.now - round_began_ > (s.min_rtt + 1ms) / 2) leave_slow_start();
    }
    round_min_ = std::min(round_min_, s.rtt);
    if (++round_samples_ <= 8) return;
    if (round_min_ > s.min_rtt + std::clamp<duration>(s.min_rtt / 8, 4ms, 16ms)) leave_slow_start();
  }
  void leave_slow_start() {
    left_early_ = true;
    threshold_ = window_;
  }
  /// One segment more for each `count_` that were acknowledged.
  void grow(const ack_sample& s) {
    const auto delivered = segments(s.acked);
    friendly_credit_ += delivered;
    if (epoch_ == never || window_ != counted_for_ || s.now - counted_at_ > same_count) {
      count_acknowledgements(s, delivered);
    }
    if (credit_ >= count_) {
      credit_ = 0;
      ++window_;
    }
    credit_ += delivered;
    window_ += credit_ / count_;
    credit_ %= count_;
  }
  void count_acknowledgements(const ack_sample& s, std::uint64_t delivered) {
    const auto ticks = [](instant t) { return t.time_since_epoch() / tick; };
    if (epoch_ == never || ticks(s.now) != ticks(counted_at_)) {
      counted_for_ = window_;
      counted_at_ = s.now;
      if (epoch_ == never) begin_epoch(s.now, delivered);
      const auto goal = goal_at(s.now - epoch_ + s.min_rtt);
      count_ = goal > window_ ? window_ / (goal - window_) : 100 * window_;
      if (peak_ == 0) count_ = std::min<std::uint64_t>(count_, 20);
    }
    // A Reno sender of this beta would have grown by one in 15 eighths of its window.
    for (const auto each = window_ * 15 / 8; friendly_credit_ > each; friendly_credit_ -= each) {
      ++friendly_;
    }
    if (friendly_ > window_) count_ = std::min(count_, window_ / (friendly_ - window_));
    count_ = std::max<std::uint64_t>(count_, 2);
  }
  void begin_epoch(instant now, std::uint64_t delivered) {
    epoch_ = now;
    friendly_ = window_;
    friendly_credit_ = delivered;
    origin_ = std::max(peak_, window_);
    inflection_ = std::cbrt(static_cast<double>(origin_ - window_) / scale);
  }
  std::uint64_t goal_at(duration since) const {
    const auto t = seconds(since) - inflection_;
    const auto distance = static_cast<std::uint64_t>(scale * std::abs(t * t * t));
    return t < 0 ? origin_ - std::min(origin_, distance) : origin_ + distance;
  }

  std::uint64_t mss_;
  std::uint64_t window_ = first_window;  ///< this and what follows in segments
  std::uint64_t threshold_ = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t peak_ = 0;  ///< where the newest loss was; 0: none yet
  std::uint64_t origin_ = 0;
  std::uint64_t friendly_ = 0;
  std::uint64_t friendly_credit_ = 0;
  std::uint64_t count_ = 2;
  std::uint64_t counted_for_ = 0;
  std::uint64_t credit_ = 0;
  std::uint64_t recover_from_ = 1;
  std::uint64_t recovery_delivered_ = 0;
  std::uint64_t recovery_sent_ = 0;
  double inflection_ = 0;  ///< seconds
  instant epoch_ = never;
  instant counted_at_{};
  bool timed_out_ = false;
  std::uint64_t round_end_ = 0;  ///< bytes
  instant round_began_{};
  instant train_{};
  bool left_early_ = false;
  int round_samples_ = 0;
  duration round_min_ = duration::max();
};

/// BBR version 1 as the kernel has it, without its long-term rate sampling.
class bbr final : public congestion_control {
 public:
  explicit bbr(std::uint32_t mss) : mss_(mss), window_(std::uint64_t{10} * mss) {}

  void acked(const ack_sample& s) override {
    if (s.prior_delivered >= round_end_) {
      round_end_ = s.delivered;
      ++round_;
      round_started_ = true;
      conserving_ = false;
    } else {
      round_started_ = false;
    }
    learn_rate(s);
    learn_delay(s);
    change_mode(s);
    set_window(s);
    set_pacing(s);
  }
  void lost(instant, std::uint64_t in_flight) override {
    held_ = mode_ == mode::probe_delay ? std::max(held_, window_) : window_;
    window_ = std::max<std::uint64_t>(in_flight, mss_);
    conserving_ = begins_conserving_ = true;
  }
  void relapsed(instant, std::uint64_t) override { held_ = std::max(held_, window_); }
  void timed_out(std::uint64_t) override {
    held_ = std::max(held_, window_);
    window_ = mss_;
    conserving_ = false;
  }
  void recovered(instant) override {
    window_ = std::max(window_, held_);
    conserving_ = false;
  }
  std::uint64_t window() const override { return window_; }
  std::uint64_t pacing_rate() const override { return pacing_; }

 private:
  enum class mode { startup, drain, probe_bandwidth, probe_delay };
  static constexpr double high_gain = 2.885;
  static constexpr std::array<double, 8> cycle{1.25, 0.75, 1, 1, 1, 1, 1, 1};

  std::uint64_t bandwidth() const { return maxima_.empty() ? 0 : maxima_.front().second; }
  std::uint64_t target(double gain) const {
    if (bandwidth() == 0 || min_rtt_ == duration::max()) return std::uint64_t{10} * mss_;
    const auto bdp = static_cast<double>(bandwidth()) * seconds(min_rtt_);
    const auto quantum = std::clamp<std::uint64_t>(bandwidth() / 1000, 2 * mss_, 65536);
    return static_cast<std::uint64_t>(bdp * gain) + 3 * quantum;
  }
  void learn_rate(const ack_sample& s) {
    const bool limited = s.app_limited || s.prior_delivered < limited_until_;
    if (s.rate == 0 || (limited && s.rate < bandwidth())) return;
    while (!maxima_.empty() && maxima_.front().first + 10 < round_) maxima_.pop_front();
    while (!maxima_.empty() && maxima_.back().second <= s.rate) maxima_.pop_back();
    maxima_.emplace_back(round_, s.rate);
  }
  void learn_delay(const ack_sample& s) {
    const bool expired = s.now > min_stamp_ + 10s;
    if (s.rtt.count() != 0 && (s.rtt < min_rtt_ || expired)) {
      min_rtt_ = s.rtt;
      min_stamp_ = s.now;
    }
    if (expired && mode_ != mode::probe_delay && mode_ != mode::startup &&
        min_rtt_ != duration::max()) {
      mode_ = mode::probe_delay;
      pacing_gain_ = 1;
      probe_until_ = never;
      held_ = std::max(held_, window_);
    }
  }
  void change_mode(const ack_sample& s) {
    switch (mode_) {
      case mode::startup:
        if (!round_started_ || s.app_limited) break;
        if (bandwidth() >= full_bandwidth_ + full_bandwidth_ / 4) {
          full_bandwidth_ = bandwidth();
          full_rounds_ = 0;
        } else if (++full_rounds_ >= 3) {
          mode_ = mode::drain;
          pacing_gain_ = 1 / high_gain;
        }
        break;
      case mode::drain:
        if (s.in_flight <= target(1)) cruise(s.now);
        break;
      case mode::probe_bandwidth: {
        const bool elapsed = s.now - phase_started_ > min_rtt_;
        const auto gain = cycle.at(phase_);
        const bool next = gain > 1   ? elapsed && (s.recovering || s.in_flight >= target(gain))
                          : gain < 1 ? elapsed || s.in_flight <= target(1)
                                     : elapsed;
        if (next) {
          phase_ = (phase_ + 1) % cycle.size();
          phase_started_ = s.now;
          pacing_gain_ = cycle.at(phase_);
        }
        break;
      }
      case mode::probe_delay:
        limited_until_ = s.delivered + s.in_flight;
        if (probe_until_ == never) {
          if (s.in_flight <= std::uint64_t{4} * mss_) probe_until_ = s.now + 200ms;
        } else if (s.now >= probe_until_) {
          min_stamp_ = s.now;
          window_ = std::max(window_, held_);
          cruise(s.now);
        }
        break;
    }
  }
  void cruise(instant now) {
    mode_ = mode::probe_bandwidth;
    phase_ = 2;
    phase_started_ = now;
    pacing_gain_ = 1;
  }
  /// In startup the rate only rises, from the initial window in one round trip. Payload alone is
  /// counted and paced, as the kernel does without a pacing queue discipline.
  void set_pacing(const ack_sample& s) {
    if (pacing_ == 0 && s.rtt.count() > 0) {
      pacing_ = static_cast<std::uint64_t>(high_gain * 10 * static_cast<double>(mss_) /
                                           seconds(std::max<duration>(s.rtt, 1ms)));
    }
    const auto rate =
        static_cast<std::uint64_t>(static_cast<double>(bandwidth()) * pacing_gain_ * 0.99);
    if (bandwidth() != 0 && (mode_ != mode::startup || rate > pacing_)) pacing_ = rate + 1;
  }
  void set_window(const ack_sample& s) {
    if (mode_ == mode::probe_delay) {
      window_ = std::min(window_, std::uint64_t{4} * mss_);
      return;
    }
    if (std::exchange(begins_conserving_, false)) {
      round_end_ = s.delivered;
      window_ = s.in_flight + s.acked;
    }
    if (conserving_) {
      window_ = std::max(window_, s.in_flight + s.acked);
      return;
    }
    const auto goal = target(mode_ == mode::startup || mode_ == mode::drain ? high_gain : 2);
    const bool full = mode_ != mode::startup;
    if (full) {
      window_ = std::min(window_ + s.acked, goal);
    } else if (window_ < goal || s.delivered < std::uint64_t{10} * mss_) {
      window_ += s.acked;
    }
    window_ = std::max(window_, std::uint64_t{4} * mss_);
  }

  std::uint64_t mss_;
  std::uint64_t window_;
  std::uint64_t held_ = 0;
  bool conserving_ = false;  ///< the first round trip of a recovery sends what was delivered
  bool begins_conserving_ = false;
  std::uint64_t limited_until_ = 0;  ///< rate samples up to there do not count against the path
  mode mode_ = mode::startup;
  double pacing_gain_ = high_gain;
  std::uint64_t round_ = 0;
  std::uint64_t round_end_ = 0;
  bool round_started_ = false;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> maxima_;  // (round, rate), rates falling
  std::uint64_t pacing_ = 0;
  duration min_rtt_ = duration::max();
  instant min_stamp_{};
  std::uint64_t full_bandwidth_ = 0;
  int full_rounds_ = 0;
  std::size_t phase_ = 0;
  instant phase_started_{};
  instant probe_until_ = never;
};

}  // namespace

std::unique_ptr<congestion_control> congestion_control::make(congestion kind, std::uint32_t mss) {
  if (kind == congestion::bbr) return std::make_unique<bbr>(mss);
  return std::make_unique<cubic>(mss);
}

}  // namespace rendr::sim
