// SPDX-License-Identifier: Apache-2.0
#include "engine/path/ack_tracker.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/seeded_random.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant start = instant{} + 1s;

TEST(AckTracker, AnAcknowledgementIsOwedOnlyForWhatElicitsOne) {
  ack_tracker a;
  EXPECT_FALSE(a.anything());
  EXPECT_TRUE(a.received(start, 0, false, 10));
  a.hasten(start);
  EXPECT_TRUE(a.anything());
  EXPECT_FALSE(a.pending());
  EXPECT_EQ(a.due(), never);
  EXPECT_TRUE(a.received(start, 1, true, 100));
  EXPECT_TRUE(a.pending());
  EXPECT_EQ(a.bytes_pending(), 100u);
}

TEST(AckTracker, ItIsDueAtTheEarliestTimeThatAnybodyAsked) {
  ack_tracker a;
  a.received(start, 0, true, 1);
  EXPECT_EQ(a.due(), never);
  a.hasten(start + 5ms);
  a.hasten(start + 9ms);
  EXPECT_EQ(a.due(), start + 5ms);
  a.hasten(start + 1ms);
  EXPECT_EQ(a.due(), start + 1ms);
  a.sent();
  EXPECT_FALSE(a.pending());
  EXPECT_EQ(a.due(), never);
  EXPECT_EQ(a.bytes_pending(), 0u);
  a.received(start, 1, true, 1);
  EXPECT_EQ(a.due(), never) << "the old wish is settled";
}

TEST(AckTracker, AReplayedNumberIsNotTakenTwice) {
  ack_tracker a;
  EXPECT_TRUE(a.received(start, 5, true, 1));
  EXPECT_FALSE(a.received(start, 5, true, 1));
  EXPECT_TRUE(a.received(start, 4, true, 1));
  EXPECT_FALSE(a.received(start, 4, true, 1));
  EXPECT_EQ(a.bytes_pending(), 2u);
}

TEST(AckTracker, TheFrameSaysTheNewestRangesFirstAndTheDelaySinceTheNewest) {
  ack_tracker a;
  for (const std::uint64_t n : {1u, 2u, 3u, 7u, 8u}) a.received(start, n, true, 1);
  a.received(start + 2ms, 9, false, 1);
  a.received(start + 3ms, 5, true, 1);
  const auto f = a.frame(start + 10ms, 77);
  EXPECT_EQ(f.path, 77u);
  EXPECT_EQ(f.delay, 8ms) << "5 came later but is not the newest";
  ASSERT_EQ(f.count, 3u);
  EXPECT_EQ(f.ranges[0], (range{7, 10}));
  EXPECT_EQ(f.ranges[1], (range{5, 6}));
  EXPECT_EQ(f.ranges[2], (range{1, 4}));
  EXPECT_EQ(f.largest(), 9u);
}

TEST(AckTracker, MemoryIsBoundedWhateverGapsComeAndNothingIsEverNewTwice) {
  ack_tracker a;
  seeded_random random(4);
  std::set<std::uint64_t> model;
  std::uint64_t taken = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto n = 3 * static_cast<std::uint64_t>(i) + random.below(40);
    const bool fresh = model.insert(n).second;
    const bool got = a.received(start, n, true, 1);
    EXPECT_TRUE(fresh || !got) << n << " is a replay";
    taken += got ? 1 : 0;
  }
  EXPECT_GT(taken, model.size() * 9 / 10);
  const auto f = a.frame(start, 0);
  EXPECT_EQ(f.count, wire::max_ack_ranges);
  EXPECT_EQ(f.largest(), *model.rbegin());
  for (std::size_t i = 0; i < f.count; ++i) {
    for (auto n = f.ranges[i].begin; n < f.ranges[i].end; ++n) EXPECT_TRUE(model.contains(n));
  }
}

}  // namespace
}  // namespace rendr::engine
