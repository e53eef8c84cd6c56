// SPDX-License-Identifier: Apache-2.0
#include "base/slab.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace rendr {
namespace {

TEST(Slab, ARequestGetsTheSmallestClassThatHoldsIt) {
  slab_pool pool;
  EXPECT_EQ(pool.allocate(0).capacity(), 512u);
  EXPECT_EQ(pool.allocate(512).capacity(), 512u);
  EXPECT_EQ(pool.allocate(513).capacity(), 4096u);
  EXPECT_EQ(pool.allocate(131072).capacity(), 131072u);
  EXPECT_EQ(pool.allocate(131073).capacity(), 524288u);
  EXPECT_EQ(pool.allocate(10'000'000).capacity(), 524288u) << "the largest there is";
}

TEST(Slab, WhatIsHeldIsCountedUntilTheLastReferenceGoes) {
  slab_pool pool;
  auto a = pool.allocate(4096);
  EXPECT_EQ(pool.in_use(), 4096u);
  auto b = a;
  const auto c = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): what a move leaves is the question
  EXPECT_FALSE(c.unique());
  b = slab_ref();
  EXPECT_TRUE(c.unique());
  EXPECT_EQ(pool.in_use(), 4096u);
  {
    const auto d = pool.allocate(512);
    EXPECT_EQ(pool.in_use(), 4608u);
  }
  EXPECT_EQ(pool.in_use(), 4096u);
}

TEST(Slab, AFreedBlockIsUsedAgainAndAllOfItCanBeWritten) {
  slab_pool pool;
  const std::byte* first = nullptr;
  {
    const auto a = pool.allocate(32768);
    first = a.data();
    std::memset(a.data(), 0xab, a.capacity());
  }
  EXPECT_EQ(pool.allocate(32768).data(), first);
}

TEST(Slab, APoolThatKeepsNothingStillServes) {
  slab_pool pool(0);
  for (int i = 0; i < 100; ++i) {
    const auto a = pool.allocate(4096);
    std::memset(a.data(), i, a.capacity());
    EXPECT_EQ(pool.in_use(), 4096u);
  }
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Slab, AssigningASlabToItselfKeepsIt) {
  slab_pool pool;
  auto a = pool.allocate(1);
  auto& same = a;
  a = same;
  EXPECT_TRUE(a.unique());
  EXPECT_EQ(pool.in_use(), 512u);
}

}  // namespace
}  // namespace rendr
