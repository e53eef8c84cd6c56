// SPDX-License-Identifier: Apache-2.0
#include "base/seeded_random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace rendr {
namespace {

// Computed from the published definitions of splitmix64 and xoshiro256** in another language.
TEST(SeededRandom, SeedZeroGivesThePublishedSequence) {
  seeded_random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452au);
  EXPECT_EQ(random.next(), 0x1a5f849d4933e6e0u);
}

TEST(SeededRandom, EverySeedReplays) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    seeded_random a(seed);
    seeded_random b(seed);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(a.next(), b.next()) << seed;
  }
}

TEST(SeededRandom, BelowReachesEveryValueAndNoOther) {
  seeded_random random(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen.at(random.below(6));
  for (const auto n : seen) {
    EXPECT_GT(n, 800);
    EXPECT_LT(n, 1200);
  }
  EXPECT_EQ(random.below(1), 0u);
}

TEST(SeededRandom, BelowIsNotSkewedForLargeBounds) {
  // With a plain modulo two thirds of the values would fall into the lower half.
  seeded_random random(2);
  const auto bound = (std::uint64_t{1} << 63) + (std::uint64_t{1} << 62);
  int low = 0;
  for (int i = 0; i < 4000; ++i) low += random.below(bound) < bound / 2 ? 1 : 0;
  EXPECT_GT(low, 1850);
  EXPECT_LT(low, 2150);
}

TEST(SeededRandom, BetweenIncludesBothEnds) {
  seeded_random random(3);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.between(-2, 2);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 2);
    ++seen[static_cast<std::size_t>(value + 2)];
  }
  for (const auto n : seen) EXPECT_GT(n, 100);
  EXPECT_EQ(random.between(5, 5), 5);
}

TEST(SeededRandom, BetweenTakesTheWholeRangeOfIntegers) {
  seeded_random random(4);
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 64; ++i) {
    const auto value = random.between(std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max());
    negative |= value < 0;
    positive |= value > 0;
  }
  EXPECT_TRUE(negative && positive);
}

TEST(SeededRandom, ChanceIsARatio) {
  seeded_random random(5);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) hits += random.chance(3, 10) ? 1 : 0;
  EXPECT_GT(hits, 2800);
  EXPECT_LT(hits, 3200);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(random.chance(0, 7));
    EXPECT_TRUE(random.chance(7, 7));
    EXPECT_TRUE(random.chance(8, 7));
  }
}

TEST(SeededRandom, AForkGoesItsOwnWay) {
  seeded_random random(6);
  auto a = random.fork();
  auto b = random.fork();
  int equal = 0;
  for (int i = 0; i < 100; ++i) {
    const auto x = a.next();
    const auto y = b.next();
    const auto z = random.next();
    equal += (x == y || y == z || x == z) ? 1 : 0;
  }
  EXPECT_EQ(equal, 0);
}

}  // namespace
}  // namespace rendr
