// SPDX-License-Identifier: Apache-2.0
#include "policy/facts.hpp"

#include <gtest/gtest.h>

#include <array>

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;
using enum health;

child_facts child(health state, duration srtt = 20ms, std::uint64_t rate = 1000,
                  std::uint64_t queued = 0) {
  child_facts c;
  c.state = state;
  c.measured = true;
  c.srtt = c.min_rtt = srtt;
  c.rttvar = srtt / 4;
  c.rate = rate;
  c.queued = queued;
  c.weight = 7;
  return c;
}

constexpr std::array composites{node_kind::selector, node_kind::race, node_kind::bond};

TEST(Facts, ACompositeIsAsAliveAsTheBestOfItsChildren) {
  for (const auto kind : composites) {
    for (const auto a : {usable, late, suspect, dead, absent}) {
      for (const auto b : {usable, late, suspect, dead, absent}) {
        EXPECT_EQ(combine(kind, std::array{child(a), child(b)}).state, std::min(a, b));
      }
    }
    EXPECT_EQ(combine(kind, {}).state, absent);
  }
}

TEST(Facts, ASelectorShowsItsCurrentChild) {
  const std::array children{child(usable, 20ms, 1000, 5), child(late, 80ms, 300, 9)};
  auto want = children[1];
  want.weight = 1;
  EXPECT_EQ(combine(node_kind::selector, children, 1), want);
}

TEST(Facts, ASelectorThatIsAboutToMoveShowsTheBestChild) {
  const std::array children{child(suspect), child(late, 80ms), child(usable, 50ms)};
  for (const auto current : {std::optional<std::size_t>{0}, {}, {99}}) {
    EXPECT_EQ(combine(node_kind::selector, children, current).srtt, 50ms);
  }
}

TEST(Facts, ARaceIsAsFastAsItsFastestChild) {
  const auto r = combine(node_kind::race,
                         std::array{child(late, 80ms, 4000, 8000), child(usable, 20ms, 1000, 100)});
  EXPECT_EQ(r.srtt, 20ms);
  EXPECT_EQ(r.rttvar, 5ms);
  EXPECT_EQ(r.rate, 4000u);
  EXPECT_EQ(r.queued, 100u);
}

TEST(Facts, ABondAddsUp) {
  const auto b = combine(node_kind::bond,
                         std::array{child(usable, 20ms, 1000, 100), child(late, 80ms, 4000, 8000)});
  EXPECT_EQ(b.srtt, 20ms);
  EXPECT_EQ(b.min_rtt, 20ms);
  EXPECT_EQ(b.rate, 5000u);
  EXPECT_EQ(b.queued, 8100u);
  EXPECT_EQ(b.weight, 1u);
}

TEST(Facts, ChildrenThatCarryNothingDoNotCount) {
  const std::array children{child(suspect, 1ms, 9000, 9), child(dead, 1ms, 9000, 9),
                            child(usable, 20ms, 1000, 100)};
  for (const auto kind : composites) {
    const auto c = combine(kind, children);
    EXPECT_EQ(c.srtt, 20ms);
    EXPECT_EQ(c.rate, 1000u);
    EXPECT_EQ(c.queued, 100u);
  }
}

TEST(Facts, UnmeasuredTimesYieldToMeasuredOnes) {
  auto unmeasured = child(usable, 1ms);
  unmeasured.measured = false;
  unmeasured.min_rtt = 0ms;
  for (const auto kind : {node_kind::race, node_kind::bond}) {
    const auto c = combine(kind, std::array{unmeasured, child(usable, 20ms)});
    EXPECT_EQ(c.srtt, 20ms);
    EXPECT_EQ(c.min_rtt, 20ms);
    EXPECT_TRUE(c.measured);
  }
}

child_facts quality(duration latency, duration jitter, std::uint64_t rate = 1000) {
  auto c = child(usable, 20ms, rate);
  c.latency = latency;
  c.jitter = jitter;
  c.quality_known = c.fresh = true;
  c.quality_at = instant{latency};
  return c;
}

TEST(Facts, ARaceAndABondHaveTheQualityOfTheirQuickestChild) {
  auto slow = quality(80ms, 1ms);
  slow.fresh = false;
  const auto quick = quality(20ms, 9ms);
  auto unknown = quality(0ms, 0ms);
  unknown.quality_known = false;
  for (const auto kind : {node_kind::race, node_kind::bond}) {
    for (const auto& children : {std::array{slow, quick, unknown}, {unknown, quick, slow}}) {
      const auto c = combine(kind, children);
      EXPECT_EQ(c.latency, 20ms);
      EXPECT_EQ(c.jitter, 9ms);
      EXPECT_TRUE(c.quality_known && c.fresh);
      EXPECT_EQ(c.quality_at, quick.quality_at);
    }
    EXPECT_FALSE(combine(kind, std::array{unknown, unknown}).quality_known);
    EXPECT_FALSE(combine(kind, std::array{slow, unknown}).fresh);
  }
}

TEST(Facts, ARaceLosesTheLeastAndCostsTheSum) {
  auto a = quality(20ms, 1ms);
  auto b = quality(30ms, 1ms);
  a.loss_per_mille = 300, a.flaps = 4, a.cost = 100;
  b.loss_per_mille = 10, b.flaps = 1, b.cost = 7;
  const auto c = combine(node_kind::race, std::array{a, b});
  EXPECT_EQ(c.loss_per_mille, 10u);
  EXPECT_EQ(c.flaps, 1u);
  EXPECT_EQ(c.cost, 107u);
}

TEST(Facts, ABondLosesAndCostsTheMeanByTheRates) {
  auto a = quality(20ms, 1ms, 3000);
  auto b = quality(30ms, 1ms, 1000);
  a.loss_per_mille = 10, a.flaps = 4, a.cost = 100;
  b.loss_per_mille = 50, b.flaps = 1, b.cost = 20;
  auto c = combine(node_kind::bond, std::array{a, b});
  EXPECT_EQ(c.loss_per_mille, 20u);
  EXPECT_EQ(c.flaps, 4u);
  EXPECT_EQ(c.cost, 80u);
  b.rate = 0;
  c = combine(node_kind::bond, std::array{a, b});
  EXPECT_EQ(c.loss_per_mille, 30u) << "a rate is unknown: plain means";
  EXPECT_EQ(c.cost, 60u);
}

TEST(Facts, RestedChildrenOfABondDoNotCount) {
  auto rested = quality(5ms, 1ms, 9000);
  rested.rested = true;
  const auto c = combine(node_kind::bond, std::array{rested, quality(20ms, 1ms)});
  EXPECT_EQ(c.rate, 1000u);
  EXPECT_EQ(c.latency, 20ms);
  const auto alone = combine(node_kind::bond, std::array{rested, child(dead)});
  EXPECT_EQ(alone.rate, 9000u) << "unless there is no other";
  EXPECT_FALSE(alone.rested);
}

TEST(Facts, QualityNestsAsStatesDo) {
  auto late = quality(10ms, 1ms);
  late.state = health::late;
  const auto race = combine(node_kind::race, std::array{late, quality(40ms, 2ms)});
  const auto top = combine(node_kind::selector, std::array{quality(90ms, 3ms), race}, 1);
  EXPECT_EQ(top.latency, 10ms);
  EXPECT_TRUE(top.quality_known && top.fresh);
}

TEST(Facts, SumsStopAtTheTop) {
  const auto top = ~std::uint64_t{0};
  const auto c =
      combine(node_kind::bond, std::array{child(usable, 1ms, top, top), child(usable, 1ms, 5, 5)});
  EXPECT_EQ(c.rate, top);
  EXPECT_EQ(c.queued, top);
}

TEST(Facts, ReturnTakesFourTimesTheJudgementAndDoublesWithEachFlap) {
  EXPECT_EQ(return_delay(50ms, 0), 0ms);
  EXPECT_EQ(return_delay(50ms, 1), 200ms);
  EXPECT_EQ(return_delay(50ms, 2), 400ms);
  EXPECT_EQ(return_delay(50ms, 5), 3200ms);
  EXPECT_EQ(return_delay(50ms, 10), 60s);
  EXPECT_EQ(return_delay(50ms, ~0u), 60s);
  EXPECT_EQ(return_delay(15s, 1), 60s);
  EXPECT_EQ(return_delay(duration::max(), 3), 60s);
  EXPECT_EQ(return_delay(0ms, ~0u), 0ms);
}

}  // namespace
}  // namespace rendr::policy
