// SPDX-License-Identifier: Apache-2.0
#include "engine/path/extra_budget.hpp"

#include <gtest/gtest.h>

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant start = instant{} + 100s;

TEST(ExtraBudget, ALittleIsAllowedHoweverLittleWasSent) {
  extra_budget b;
  b.sent(start, 200);
  EXPECT_EQ(b.take(start, 200), 200u);
  EXPECT_EQ(b.take(start + 1s, 1000), 1000u);
  EXPECT_EQ(b.take(start + 2s, 1), 0u) << "one small record in 10 s";
  EXPECT_EQ(b.take(start + 10s, 200), 200u);
}

TEST(ExtraBudget, APieceOfAMessageIsNotAllowed) {
  extra_budget b;
  EXPECT_EQ(b.take(start, 1000), 1000u);
  EXPECT_EQ(b.take(start, 300), 0u) << "200 are left";
  EXPECT_EQ(b.take(start, 200), 200u);
}

TEST(ExtraBudget, FivePercentOfWhatWasSentIsAllowedAndNoMore) {
  extra_budget b;
  b.sent(start, 100'000);
  EXPECT_EQ(b.take(start, 3000), 3000u);
  EXPECT_EQ(b.take(start, 3000), 2000u) << "the rest of 5,000";
  EXPECT_EQ(b.take(start, 3000), 0u);
  b.sent(start, 40'000);
  EXPECT_EQ(b.take(start, 3000), 2000u);
}

TEST(ExtraBudget, CopiesThatAReservePaidForCountAgainstTheRest) {
  extra_budget b;
  b.sent(start, 100'000);
  b.used(start, 4500);
  EXPECT_EQ(b.take(start, 500), 500u);
  b.used(start, 10'000);
  b.sent(start, 100'000);
  EXPECT_EQ(b.take(start, 1000), 0u) << "over 10,000 already";
}

TEST(ExtraBudget, TheWindowOfTenSecondsRollsOn) {
  extra_budget b;
  b.sent(start, 100'000);
  EXPECT_EQ(b.take(start, 5000), 5000u);
  b.sent(start + 5s, 100'000);
  EXPECT_EQ(b.take(start + 5s, 9000), 5000u);
  EXPECT_EQ(b.take(start + 9s, 1), 0u) << "both are still in the window";
  EXPECT_EQ(b.take(start + 11s, 9000), 0u) << "of the second 100,000 all 5 % are used";
  b.sent(start + 12s, 40'000);
  EXPECT_EQ(b.take(start + 12s, 9000), 2000u);
  EXPECT_EQ(b.take(start + 40s, 9000), 1200u) << "a long silence forgets all";
}

TEST(ExtraBudget, InAnyWindowOfTheMeterTheShareHolds) {
  extra_budget b;
  std::uint64_t sent = 0;
  std::uint64_t extra = 0;
  for (int ms = 0; ms < 60'000; ms += 7) {
    const auto now = start + std::chrono::milliseconds(ms);
    b.sent(now, 1000);
    sent += 1000;
    extra += b.take(now, 400);
  }
  EXPECT_LE(extra * 100, sent * 5);
  EXPECT_GE(extra * 100, sent * 4) << "the budget can be used";
}

}  // namespace
}  // namespace rendr::engine
