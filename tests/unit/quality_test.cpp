// SPDX-License-Identifier: Apache-2.0
#include "engine/path/quality.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant start = instant{} + 10s;

TEST(Rtt, BeforeTheFirstSampleItIsAGuessAndSaysSo) {
  const rtt_estimator r;
  EXPECT_FALSE(r.measured());
  EXPECT_EQ(r.smoothed(), 100ms);
  EXPECT_EQ(r.slack(), 100ms) << "four variations, capped at the RTT";
}

TEST(Rtt, TheFirstSampleReplacesTheGuess) {
  rtt_estimator r;
  r.sample(20ms);
  EXPECT_TRUE(r.measured());
  EXPECT_EQ(r.smoothed(), 20ms);
  EXPECT_EQ(r.variation(), 10ms);
  EXPECT_EQ(r.minimum(), 20ms);
  EXPECT_EQ(r.slack(), 20ms);
}

TEST(Rtt, FurtherSamplesAreSmoothedAsInRfc9002) {
  rtt_estimator r;
  r.sample(80ms);
  r.sample(40ms);
  EXPECT_EQ(r.variation(), 40ms);  // (3 * 40 + |80 - 40|) / 4
  EXPECT_EQ(r.smoothed(), 75ms);   // (7 * 80 + 40) / 8
  EXPECT_EQ(r.minimum(), 40ms);
  r.sample(115ms);
  EXPECT_EQ(r.variation(), 40ms);
  EXPECT_EQ(r.smoothed(), 80ms);
  EXPECT_EQ(r.minimum(), 40ms);
}

TEST(Rtt, ASteadyPathEndsWithAlmostNoSlack) {
  rtt_estimator r;
  instant now{1s};
  for (int i = 0; i < 200; ++i) r.sample(30ms, now += 10ms);
  EXPECT_EQ(r.smoothed(), 30ms);
  EXPECT_LT(r.slack(), 1us);
}

TEST(Rtt, SamplesOfOneRoundTripAreAlikeAndLetNoSlackShrink) {
  rtt_estimator r;
  instant now{1s};
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 20; ++k) r.sample(i % 2 == 0 ? 85ms : 115ms, now += 5ms);
  }
  EXPECT_GE(r.variation(), 10ms) << "between the trips it is 15 ms, within one it is nothing";
  EXPECT_GT(r.smoothed() + r.slack(), 115ms);
}

TEST(Rtt, TheVariationRisesAtOnceAndFallsByAQuarterInARoundTrip) {
  rtt_estimator r;
  instant now{1s};
  for (int i = 0; i < 200; ++i) r.sample(40ms, now += 10ms);
  r.sample(80ms, now += 10ms);
  const auto risen = r.variation();
  EXPECT_GE(risen, 9ms);
  for (int i = 0; i < 8; ++i) r.sample(45ms, now += 1ms);
  EXPECT_EQ(r.variation(), risen) << "within one round trip nothing is forgotten";
  for (int i = 0; i < 40; ++i) r.sample(45ms, now += 10ms);
  EXPECT_LT(r.variation(), risen / 4);
}

TEST(Rtt, ADelayThatExceedsTheRttNeverMakesItZeroOrNegative) {
  rtt_estimator r;
  r.sample(-5ms);
  EXPECT_GT(r.smoothed(), duration(0));
  EXPECT_GT(r.minimum(), duration(0));
}

// A path of `rate` bytes/s and 20 ms that is offered `offered` bytes/s for two seconds.
std::uint64_t measured(rate_estimator& e, instant& now, std::uint64_t rate, std::uint64_t offered,
                       std::uint64_t record = 10'000) {
  struct sent {
    instant sent_at;
    instant acked_at;
    delivery_mark mark;
  };
  std::deque<sent> flight;
  const auto gap = duration(static_cast<std::int64_t>(record * 1'000'000'000 / offered));
  const auto drain = duration(static_cast<std::int64_t>(record * 1'000'000'000 / rate));
  instant free = now;
  for (const auto end = now + 2s; now < end; now += gap) {
    while (!flight.empty() && flight.front().acked_at <= now) {
      const auto& f = flight.front();
      e.on_acknowledged(f.acked_at, f.mark, f.sent_at, record, 20ms);
      e.finish_ack(f.acked_at, 20ms);
      flight.pop_front();
    }
    free = std::max(free, now) + drain;
    const auto mark = e.on_transmitted(now, flight.size() * record, offered < rate);
    flight.push_back({now, free + 20ms, mark});
  }
  return e.rate();
}

TEST(Rate, ABusyPathIsMeasuredAtWhatItDrains) {
  for (const std::uint64_t rate : {200'000u, 1'000'000u, 20'000'000u}) {
    rate_estimator e;
    instant now = start;
    const auto got = measured(e, now, rate, rate * 2);
    EXPECT_GE(got, rate * 9 / 10) << rate;
    EXPECT_LE(got, rate * 12 / 10) << rate;
  }
}

TEST(Rate, AnUnknownRateIsZero) {
  rate_estimator e;
  EXPECT_EQ(e.rate(), 0u);
  e.finish_ack(start, 20ms);
  EXPECT_EQ(e.rate(), 0u);
}

TEST(Rate, AnApplicationThatOffersLittleDoesNotLowerIt) {
  rate_estimator e;
  instant now = start;
  const auto busy = measured(e, now, 2'000'000, 4'000'000);
  now += 1s;
  const auto idle = measured(e, now, 2'000'000, 100'000);
  EXPECT_GE(idle, busy * 9 / 10);
}

TEST(Rate, AFasterPathIsFoundAtOnceAndASlowerOneAfterTwoWindows) {
  rate_estimator e;
  instant now = start;
  measured(e, now, 1'000'000, 2'000'000);
  EXPECT_GE(measured(e, now, 5'000'000, 10'000'000), 4'500'000u);
  EXPECT_LE(measured(e, now, 500'000, 1'000'000), 700'000u);
}

TEST(Rate, WhatWasDeliveredIsCounted) {
  rate_estimator e;
  const auto mark = e.on_transmitted(start, 0, false);
  e.on_acknowledged(start + 10ms, mark, start, 700, 10ms);
  e.on_acknowledged(start + 10ms, mark, start, 300, 10ms);
  EXPECT_EQ(e.delivered(), 1000u);
}

}  // namespace
}  // namespace rendr::engine
