// SPDX-License-Identifier: Apache-2.0
#include "engine/budget.hpp"

#include <gtest/gtest.h>

namespace rendr::engine {
namespace {

TEST(Budget, WhatDoesNotFitChargesNothing) {
  budget b(100);
  EXPECT_TRUE(b.take(60));
  EXPECT_FALSE(b.take(41));
  EXPECT_EQ(b.used(), 60u);
  EXPECT_EQ(b.free(), 40u);
  EXPECT_TRUE(b.take(40));
  EXPECT_FALSE(b.take(1));
  EXPECT_TRUE(b.take(0));
}

TEST(Budget, WhatIsGivenBackCanBeTakenAgain) {
  budget b(100);
  ASSERT_TRUE(b.take(100));
  b.give_back(30);
  EXPECT_FALSE(b.take(31));
  EXPECT_TRUE(b.take(30));
  b.give_back(100);
  EXPECT_EQ(b.used(), 0u);
  EXPECT_EQ(b.limit(), 100u);
}

TEST(Budget, AHugeRequestDoesNotWrapAround) {
  budget b(100);
  ASSERT_TRUE(b.take(50));
  EXPECT_FALSE(b.take(~std::size_t{0}));
  EXPECT_FALSE(b.take(~std::size_t{0} - 49));
  EXPECT_EQ(b.used(), 50u);
}

}  // namespace
}  // namespace rendr::engine
