// SPDX-License-Identifier: Apache-2.0
#include "sim/congestion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "base/seeded_random.hpp"

namespace rendr::sim {
namespace {

using namespace std::chrono_literals;

constexpr duration tick = 4ms;  // the kernel's clock (HZ=250)

std::int64_t ticks(instant t) { return t.time_since_epoch() / tick; }

double seconds(duration d) { return std::chrono::duration<double>(d).count(); }

/// A window that is counted in whole segments, as the kernel does.
class segmented : public congestion_control {
 public:
  std::uint64_t window() const override { return window_ * mss_; }

 protected:
  static constexpr std::uint64_t first_window = 10;

  explicit segmented(std::uint32_t mss) : mss_(mss) {}
  std::uint64_t segments(std::uint64_t bytes) const { return (bytes + mss_ - 1) / mss_; }

  const std::uint64_t mss_;
  std::uint64_t window_ = first_window;  ///< segments
};

/// CUBIC (RFC 9438) in whole segments as the kernel counts, with HyStart's two rules and
/// proportional rate reduction (RFC 6937).
class cubic final : public segmented {
 public:
  explicit cubic(std::uint32_t mss) : segmented(mss) {}

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
  bool starting() const override { return window_ < threshold_ / 2; }

 private:
  static constexpr double scale = 0.4;
  static constexpr std::uint64_t whole = 1024;
  static constexpr std::uint64_t beta = 717;    ///< 0.7 of the whole
  static constexpr duration same_count = 28ms;  ///< how long a count holds for one window
  static constexpr std::uint64_t least_threshold = 2;

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
      const auto extra = s.advanced && s.lost == 0 ? 1u : 0u;
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

  // In segments, this and what follows.
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

/// BBR version 1 in whole segments as the kernel has it, without its long-term rate sampling.
class bbr final : public segmented {
 public:
  explicit bbr(std::uint32_t mss) : segmented(mss) {}

  void connected(instant now, duration rtt) override {
    min_stamp_ = ticks(now);
    if (rtt.count() == 0) return;
    min_rtt_ = whole(rtt);
    pacing_ = first_pace(rtt);
  }
  void acked(const ack_sample& s) override {
    learn_rate(s);
    learn_aggregation(s);
    if (mode_ == mode::probe_bandwidth && phase_is_over(s)) enter_phase(phase_ + 1, s.now);
    judge_start(s);
    if (mode_ == mode::drain && in_network(s, s.in_flight) <= target(1)) cruise(s.now);
    learn_delay(s);
    idle_restart_ = false;
    choose_gains();
    set_pacing(pacing_gain_, s.rtt);
    set_window(s);
    was_ = state_;
  }
  void lost(instant, std::uint64_t) override {
    hold();
    state_ = state::repairing;
  }
  void relapsed(instant, std::uint64_t) override { hold(); }
  void timed_out(std::uint64_t) override {
    hold();
    state_ = was_ = state::timed_out;
    full_rate_ = 0;
    window_ = 1;
  }
  void recovered(instant) override { state_ = state::open; }
  void resumed(instant now, bool app_limited) override {
    if (!app_limited) return;
    idle_restart_ = true;
    epoch_ = now;
    epoch_acked_ = 0;
    if (mode_ == mode::probe_bandwidth) {
      set_pacing(1, duration(0));
    } else if (mode_ == mode::probe_delay) {
      end_probe_of_delay(now);
    }
  }
  std::uint64_t pacing_rate() const override { return pacing_; }
  std::uint64_t least_aggregate() const override { return pacing_ < 150'000 ? 1 : 2; }
  std::uint64_t limits_until() const override { return limits_until_; }
  bool probing_delay() const override { return mode_ == mode::probe_delay; }

 private:
  enum class mode { startup, drain, probe_bandwidth, probe_delay };
  enum class state { open, repairing, timed_out };
  static constexpr double high_gain = 2.885;
  static constexpr std::array<double, 8> cycle{1.25, 0.75, 1, 1, 1, 1, 1, 1};
  static constexpr std::uint64_t least_window = 4;
  static constexpr std::uint64_t largest_quantum = 65536;
  static constexpr std::uint64_t rate_rounds = 10;
  static constexpr int aggregation_rounds = 5;
  static constexpr std::int64_t delay_window = 10s / tick;
  static constexpr std::int64_t least_probe = 200ms / tick;

  static duration whole(duration rtt) { return std::chrono::floor<std::chrono::microseconds>(rtt); }
  /// Payload alone is counted and paced, as the kernel does without a pacing queue discipline.
  static std::uint64_t paced(double rate, double gain) {
    return static_cast<std::uint64_t>(rate * gain * 0.99) + 1;
  }
  std::uint64_t first_pace(duration rtt) const {
    const auto bytes = static_cast<double>(first_window * mss_);
    return paced(bytes / seconds(std::max<duration>(rtt, 1us)), high_gain);
  }

  std::uint64_t bandwidth() const { return maxima_.empty() ? 0 : maxima_.front().second; }
  /// What the path delivers meanwhile.
  double delivers(duration d) const {
    return static_cast<double>(bandwidth()) * seconds(d) / static_cast<double>(mss_);
  }
  std::uint64_t quantum() const {
    return std::max(std::min(pacing_ >> 10, largest_quantum) / mss_, least_aggregate());
  }
  std::uint64_t product(double gain) const {
    if (min_rtt_ == duration::max()) return first_window;
    return static_cast<std::uint64_t>(std::ceil(delivers(min_rtt_) * gain));
  }
  std::uint64_t rounded(std::uint64_t window) const {
    const auto even = (window + 3 * quantum() + 1) & ~std::uint64_t{1};
    return even + (mode_ == mode::probe_bandwidth && phase_ == 0 ? 2 : 0);
  }
  std::uint64_t target(double gain) const { return rounded(product(gain)); }
  /// Of `in_flight` bytes, the segments that will be on their way when pacing lets the next one go.
  std::uint64_t in_network(const ack_sample& s, std::uint64_t in_flight) const {
    const auto then = segments(in_flight) + (pacing_gain_ > 1 ? quantum() : 0);
    return then - std::min(then, static_cast<std::uint64_t>(delivers(s.paced_for)));
  }

  void learn_rate(const ack_sample& s) {
    round_started_ = false;
    if (s.rate == 0) return;
    if (s.prior_delivered >= round_end_) {
      round_end_ = s.delivered;
      ++round_;
      round_started_ = true;
      conserving_ = false;
    }
    if (s.app_limited && s.rate < bandwidth()) return;
    while (!maxima_.empty() && maxima_.front().first + rate_rounds < round_) maxima_.pop_front();
    while (!maxima_.empty() && maxima_.back().second <= s.rate) maxima_.pop_back();
    maxima_.emplace_back(round_, s.rate);
  }
  /// How much more than the rate's share came at once in the last 5 to 10 round trips.
  void learn_aggregation(const ack_sample& s) {
    if (s.rate == 0) return;
    if (round_started_ && ++extra_rounds_ >= aggregation_rounds) {
      extra_rounds_ = 0;
      extra_ = {0, extra_[0]};
    }
    auto expected = static_cast<std::uint64_t>(delivers(s.now - epoch_));
    if (epoch_acked_ <= expected) {
      epoch_acked_ = expected = 0;
      epoch_ = s.now;
    }
    epoch_acked_ += segments(s.acked);
    extra_[0] = std::max(extra_[0], std::min(epoch_acked_ - expected, window_));
  }
  bool phase_is_over(const ack_sample& s) const {
    const bool elapsed = s.now - phase_began_ > min_rtt_;
    if (pacing_gain_ == 1) return elapsed;
    const auto in_flight = in_network(s, s.prior_in_flight);
    if (pacing_gain_ < 1) return elapsed || in_flight <= target(1);
    return elapsed && (s.lost != 0 || in_flight >= target(pacing_gain_));
  }
  void enter_phase(std::size_t phase, instant now) {
    phase_ = phase % cycle.size();
    phase_began_ = now;
  }
  void judge_start(const ack_sample& s) {
    if (!full_ && round_started_ && !s.app_limited) {
      if (bandwidth() >= full_rate_ + full_rate_ / 4) {
        full_rate_ = bandwidth();
        full_rounds_ = 0;
      } else {
        full_ = ++full_rounds_ >= 3;
      }
    }
    if (mode_ == mode::startup && full_) mode_ = mode::drain;
  }
  /// The phase is drawn: any but the second, which drains.
  void cruise(instant now) {
    mode_ = mode::probe_bandwidth;
    auto draw = seeded_random(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    enter_phase(cycle.size() - draw.below(cycle.size() - 1), now);
  }
  void learn_delay(const ack_sample& s) {
    const bool expired = ticks(s.now) > min_stamp_ + delay_window;
    const auto rtt = whole(s.rtt);
    if (s.rtt.count() != 0 && (rtt < min_rtt_ || (expired && !s.delayed))) {
      min_rtt_ = rtt;
      min_stamp_ = ticks(s.now);
    }
    if (expired && !idle_restart_ && mode_ != mode::probe_delay) {
      mode_ = mode::probe_delay;
      hold();
      probe_until_ = 0;
    }
    limits_until_ = 0;
    if (mode_ == mode::probe_delay) probe_delay(s);
  }
  /// At most four segments in flight for 200 ms and a round trip.
  void probe_delay(const ack_sample& s) {
    limits_until_ = std::max<std::uint64_t>(s.delivered + s.in_flight, 1);
    if (probe_until_ != 0) {
      probed_a_round_ = probed_a_round_ || round_started_;
      if (probed_a_round_) end_probe_of_delay(s.now);
    } else if (segments(s.in_flight) <= least_window) {
      probe_until_ = ticks(s.now) + least_probe;
      probed_a_round_ = false;
      round_end_ = s.delivered;
    }
  }
  void end_probe_of_delay(instant now) {
    if (probe_until_ == 0 || ticks(now) <= probe_until_) return;
    min_stamp_ = ticks(now);
    window_ = std::max(window_, held_);
    if (full_) {
      cruise(now);
    } else {
      mode_ = mode::startup;
    }
  }
  void hold() {
    const bool good = was_ == state::open && mode_ != mode::probe_delay;
    held_ = good ? window_ : std::max(held_, window_);
  }
  void choose_gains() {
    switch (mode_) {
      case mode::startup:
        pacing_gain_ = window_gain_ = high_gain;
        break;
      case mode::drain:
        pacing_gain_ = 1 / high_gain;
        break;
      case mode::probe_bandwidth:
        pacing_gain_ = cycle.at(phase_);
        window_gain_ = 2;
        break;
      case mode::probe_delay:
        pacing_gain_ = window_gain_ = 1;
        break;
    }
  }
  /// In startup the rate only rises, from the initial window in one round trip.
  void set_pacing(double gain, duration rtt) {
    if (pacing_ == 0 && rtt.count() > 0) pacing_ = first_pace(rtt);
    const auto rate = paced(static_cast<double>(bandwidth()), gain);
    if (bandwidth() != 0 && (full_ || rate > pacing_)) pacing_ = rate;
  }
  void set_window(const ack_sample& s) {
    if (!repair_or_restore(s)) {
      auto goal = product(window_gain_);
      if (full_) {
        const auto most = static_cast<std::uint64_t>(delivers(100ms));
        goal += std::min(std::max(extra_[0], extra_[1]), most);
      }
      goal = rounded(goal);
      const auto acked = segments(s.acked);
      if (full_) {
        window_ = std::min(window_ + acked, goal);
      } else if (window_ < goal || s.delivered < first_window * mss_) {
        window_ += acked;
      }
      window_ = std::max(window_, least_window);
    }
    if (mode_ == mode::probe_delay) window_ = std::min(window_, least_window);
  }
  /// The first round trip of a recovery sends what was delivered. True: the window is that.
  bool repair_or_restore(const ack_sample& s) {
    const auto lost = segments(s.lost);
    const auto conserved = segments(s.in_flight) + segments(s.acked);
    if (lost != 0) window_ = std::max<std::uint64_t>(window_ - std::min(window_, lost), 1);
    if (state_ == state::repairing && was_ != state::repairing) {
      conserving_ = true;
      round_end_ = s.delivered;
      window_ = conserved;
    } else if (state_ == state::open && was_ != state::open) {
      window_ = std::max(window_, held_);
      conserving_ = false;
    }
    if (conserving_) window_ = std::max(window_, conserved);
    return conserving_;
  }

  std::uint64_t held_ = 0;  ///< segments, before a recovery or a probe of the delay
  state state_ = state::open;
  state was_ = state::open;  ///< at the acknowledgement before
  bool conserving_ = false;
  mode mode_ = mode::startup;
  double pacing_gain_ = high_gain;
  double window_gain_ = high_gain;
  std::uint64_t round_ = 0;
  std::uint64_t round_end_ = 0;  ///< bytes
  bool round_started_ = false;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> maxima_;  // (round, rate), rates falling
  std::uint64_t pacing_ = 0;
  std::uint64_t full_rate_ = 0;
  int full_rounds_ = 0;
  bool full_ = false;
  std::size_t phase_ = 0;
  instant phase_began_{};
  instant epoch_{};
  std::uint64_t epoch_acked_ = 0;
  std::array<std::uint64_t, 2> extra_{};
  int extra_rounds_ = 0;
  duration min_rtt_ = duration::max();
  std::int64_t min_stamp_ = 0;
  std::int64_t probe_until_ = 0;  ///< 0: too much still is in flight
  bool probed_a_round_ = false;
  std::uint64_t limits_until_ = 0;
  bool idle_restart_ = false;
};

}  // namespace

std::unique_ptr<congestion_control> congestion_control::make(congestion kind, std::uint32_t mss) {
  if (kind == congestion::bbr) return std::make_unique<bbr>(mss);
  return std::make_unique<cubic>(mss);
}

}  // namespace rendr::sim
