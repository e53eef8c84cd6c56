// SPDX-License-Identifier: Apache-2.0
#include "engine/path/quality.hpp"

#include <algorithm>
#include <utility>

#include "engine/config.hpp"

namespace rendr::engine {

namespace {

constexpr std::uint64_t telling_sample = 4 * 1024;  // bytes

}  // namespace

void rtt_estimator::sample(duration rtt, instant now) noexcept {
  rtt = std::max(rtt, duration(1));
  if (!measured_ || anew_) {
    measured_ = true;
    anew_ = false;
    smoothed_ = rtt;
    variation_ = deviation_ = largest_ = rtt / 2;
    round_end_ = now + rtt;
    minimum_ = minimum_before_ = rtt;
    window_end_ = now + defaults::minimum_window;
    return;
  }
  if (now >= window_end_ && window_end_ != instant{}) {
    window_end_ = now + defaults::minimum_window;
    minimum_before_ = std::exchange(minimum_, rtt);
  }
  minimum_ = std::min(minimum_, rtt);
  const auto error = smoothed_ > rtt ? smoothed_ - rtt : rtt - smoothed_;
  deviation_ = (3 * deviation_ + error) / 4;
  smoothed_ = (7 * smoothed_ + rtt) / 8;
  largest_ = std::max(largest_, deviation_);
  variation_ = std::max(variation_, deviation_);
  if (now < round_end_) return;
  round_end_ = now + smoothed_;
  variation_ -= (variation_ - largest_) / 4;
  largest_ = deviation_;
}

duration rtt_estimator::slack() const noexcept {
  return std::min(static_cast<int>(variations_) * variation_, smoothed_);
}

void quality_estimator::sample(instant now, duration rtt) noexcept {
  last_ = now;
  if (now >= window_end_) {
    window_end_ = now + defaults::quality_window;
    peak_before_ = std::exchange(peak_now_, duration(0));
  }
  peak_now_ = std::max(peak_now_, rtt);
  const auto error = latency_ > rtt ? latency_ - rtt : rtt - latency_;
  if (surprising(rtt)) {
    // One is an accident, as many in a row are what the path is now.
    if (++surprises_ < defaults::quality_surprises) return;
    latency_ = rtt;
    samples_ = defaults::quality_surprises;
  } else if (samples_ == 0) {
    latency_ = rtt;
  } else {
    // The first samples weigh more, so that a path is known after a few.
    jitter_ += (error - jitter_) / static_cast<int>(std::clamp(samples_, 2u, 4u));
    latency_ += (rtt - latency_) / static_cast<int>(samples_ + 1);
  }
  surprises_ = 0;
  samples_ = std::min(samples_ + 1, 7u);
}

bool quality_estimator::surprising(duration rtt) const noexcept {
  if (!known()) return false;
  const auto error = latency_ > rtt ? latency_ - rtt : rtt - latency_;
  const auto band = std::max<duration>(latency_ / 4, std::chrono::milliseconds(5));
  return error > band + 4 * jitter_;
}

bool quality_estimator::fresh(instant now) const noexcept {
  return known() && now - last_ <= defaults::quality_age;
}

delivery_mark rate_estimator::on_transmitted(instant now, std::uint64_t in_flight,
                                             bool app_limited) noexcept {
  if (in_flight == 0) {
    first_sent_ = now;
    delivered_at_ = now;
  }
  return {delivered_, delivered_at_, first_sent_, app_limited};
}

void rate_estimator::on_acknowledged(instant now, const delivery_mark& mark, instant sent_at,
                                     std::uint64_t bytes, duration min_rtt) noexcept {
  delivered_ += bytes;
  delivered_at_ = now;
  first_sent_ = sent_at;
  // The slower of the two intervals: acks may be compressed, sends may be bunched.
  auto interval = std::max(now - mark.delivered_at, sent_at - mark.first_sent);
  interval = std::max(interval, std::max(min_rtt, duration(1'000)));
  const auto seconds = std::chrono::duration<double>(interval).count();
  sample_bytes_ = delivered_ - mark.delivered;
  sample_ = static_cast<double>(sample_bytes_) / seconds;
  sample_limited_ = mark.app_limited;
  sampled_ = true;
}

void rate_estimator::finish_ack(instant now, duration srtt) noexcept {
  if (!sampled_) return;
  sampled_ = false;
  const auto window = std::max(10 * srtt, duration(std::chrono::milliseconds(500)));
  if (anew_ && sample_bytes_ >= telling_sample) {
    anew_ = false;
    best_now_ = best_before_ = 0;
    window_end_ = now + window;
  }
  if (sample_limited_ && sample_ <= std::max(best_now_, best_before_)) return;
  if (now >= window_end_) {
    window_end_ = now + window;
    best_before_ = best_now_;
    before_limited_ = now_limited_;
    best_now_ = 0;
  }
  if (sample_ <= best_now_) return;
  best_now_ = sample_;
  now_limited_ = sample_limited_;
}

std::uint64_t rate_estimator::drain_rate() const noexcept {
  const bool limited = best_now_ >= best_before_ ? now_limited_ : before_limited_;
  return limited ? 0 : rate();
}

std::uint64_t rate_estimator::rate() const noexcept {
  return static_cast<std::uint64_t>(std::max(best_now_, best_before_));
}

}  // namespace rendr::engine
