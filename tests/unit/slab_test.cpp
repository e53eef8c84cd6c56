// SPDX-License-Identifier: Apache-2.0
#include "base/slab.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <vector>

namespace rendr {
namespace {

TEST(Slab, ARequestGetsTheSmallestClassThatHoldsIt) {
  slab_pool pool;
  EXPECT_EQ(pool.allocate(0).capacity(), 512u);
  EXPECT_EQ(pool.allocate(512).capacity(), 512u);
  EXPECT_EQ(pool.allocate(513).capacity(), 4096u);
  EXPECT_EQ(pool.allocate(131072).capacity(), 131072u);
  EXPECT_EQ(pool.allocate(10'000'000).capacity(), 131072u) << "the largest there is";
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

std::vector<slab_ref> many(slab_pool& pool, std::size_t count, std::size_t size) {
  std::vector<slab_ref> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(pool.allocate(size));
  return out;
}

TEST(Slab, WhatAPeakNeededGoesBackWhenItWasFreeForAWholePeriod) {
  slab_pool pool;
  many(pool, 20, 131072);
  EXPECT_EQ(pool.kept(), 20 * 131072u);
  pool.tidy();
  EXPECT_EQ(pool.kept(), 20 * 131072u) << "it was in use in this period";
  pool.tidy();
  EXPECT_LE(pool.kept(), slab_pool::spare);
}

TEST(Slab, WhatIsNeededAgainAndAgainStays) {
  slab_pool pool;
  many(pool, 20, 131072);
  for (int period = 0; period < 5; ++period) {
    many(pool, 8, 131072);
    pool.tidy();
  }
  EXPECT_EQ(pool.kept(), 8 * 131072u);
}

TEST(Slab, WhatIsHeldIsNoneOfATidysBusiness) {
  slab_pool pool;
  const auto held = many(pool, 3, 131072);
  for (int period = 0; period < 3; ++period) pool.tidy();
  EXPECT_EQ(pool.in_use(), 3 * 131072u);
  for (const auto& slab : held) std::memset(slab.data(), 1, slab.capacity());
}

TEST(Slab, ATidyLeavesALittleAndAClearLeavesNothing) {
  slab_pool pool;
  many(pool, 1000, 512);
  for (int period = 0; period < 3; ++period) pool.tidy();
  EXPECT_EQ(pool.kept(), slab_pool::spare);
  pool.clear();
  EXPECT_EQ(pool.kept(), 0u);
}

std::size_t outside = 0;  // bytes that the source below has handed out

TEST(Slab, EveryBlockGoesBackToItsSourceWithItsSize) {
  const slab_source counted{[](std::size_t size) {
                              outside += size;
                              return ::operator new(size);
                            },
                            [](void* block, std::size_t size) noexcept {
                              outside -= size;
                              ::operator delete(block);
                            }};
  {
    slab_pool pool(1u << 20, counted);
    for (const auto size : slab_pool::classes) many(pool, 40, size);
    EXPECT_GE(outside, pool.kept());
    EXPECT_LE(pool.kept(), 1u << 20);
    const auto before = outside;
    pool.tidy();
    pool.tidy();
    EXPECT_LT(outside, before);
    EXPECT_GE(outside, pool.kept());
  }
  EXPECT_EQ(outside, 0u);
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
