// SPDX-License-Identifier: Apache-2.0
#include "policy/race.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;
using enum race_reason;

constexpr instant start{1000s};

child_facts child(duration rtt, health state = health::usable, std::uint64_t queued = 0) {
  child_facts c;
  c.state = state;
  c.measured = true;
  c.srtt = c.min_rtt = rtt;
  c.rate = 1'000'000;
  c.queued = queued;
  return c;
}

race_reason asked(std::size_t who, std::span<const child_facts> children,
                  std::optional<std::size_t> sent_by = std::nullopt, instant now = start) {
  return decide({who, 1000, sent_by, start + 20ms}, children, now, 10ms).reason;
}

TEST(Race, WhatNobodySentGoesToTheChildThatDeliversItFirst) {
  const std::array children{child(20ms), child(80ms)};
  EXPECT_EQ(asked(0, children), fastest);
  EXPECT_EQ(asked(1, children), sooner);
  const std::array busy{child(20ms, health::usable, 500'000), child(80ms)};
  EXPECT_EQ(asked(1, busy), fastest) << "its queue counts";
}

TEST(Race, TheOthersTakeOnlyWhatIsLate) {
  const std::array children{child(20ms), child(80ms)};
  const auto d = decide({1, 1000, 0, start + 20ms}, children, start, 10ms);
  EXPECT_EQ(d, (race_decision{false, in_time, start + 30ms}));
  EXPECT_EQ(asked(1, children, 0, start + 29ms), in_time);
  EXPECT_EQ(asked(1, children, 0, start + 30ms), overdue);
}

TEST(Race, WhatASuspectChildSentIsCopiedAtOnce) {
  for (const auto state : {health::suspect, health::dead, health::absent}) {
    const std::array children{child(20ms, state), child(80ms)};
    EXPECT_EQ(asked(1, children, 0), doubtful);
    EXPECT_EQ(asked(1, children), fastest);
    EXPECT_EQ(asked(0, children), unusable);
  }
  EXPECT_EQ(asked(1, std::array{child(20ms, health::late), child(80ms)}, 0), in_time);
}

TEST(Race, WhenAllAreSuspectTheFirstStillTakes) {
  const std::array children{child(80ms, health::suspect), child(20ms, health::suspect)};
  EXPECT_EQ(asked(1, children), fastest);
  EXPECT_EQ(asked(0, children), sooner);
}

TEST(Race, OfTheChildrenThatCanSendOneAlwaysTakesWhatNobodySent) {
  for (const auto a : {health::usable, health::late, health::suspect, health::dead}) {
    for (const auto b : {health::usable, health::late, health::suspect, health::dead}) {
      const std::array children{child(50ms, a), child(20ms, b)};
      const bool taken = asked(0, children) == fastest || asked(1, children) == fastest;
      EXPECT_EQ(taken, alive(a) || alive(b)) << to_string(a) << ", " << to_string(b);
    }
  }
  EXPECT_EQ(asked(0, {}), unusable);
  EXPECT_EQ(asked(7, std::array{child(20ms)}), unusable);
}

TEST(Race, AnAcknowledgementIsDueAfterAllThatWaitsAndARoundTrip) {
  EXPECT_EQ(race_due(child(20ms), 1000, start), start + 21ms);
  EXPECT_EQ(race_due(child(20ms, health::usable, 9000), 1000, start), start + 30ms);
}

TEST(Race, EveryReasonHasASentence) {
  std::set<std::string_view> seen;
  for (auto r = fastest; r <= unusable; r = static_cast<race_reason>(static_cast<int>(r) + 1)) {
    EXPECT_TRUE(seen.insert(to_string(r)).second);
  }
  EXPECT_FALSE(seen.contains("unknown"));
}

}  // namespace
}  // namespace rendr::policy
