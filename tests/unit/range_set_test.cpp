// SPDX-License-Identifier: Apache-2.0
#include "base/range_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace rendr {
namespace {

TEST(RangeSet, MergesWhatTouches) {
  range_set s;
  EXPECT_EQ(s.add({10, 20}), 10u);
  EXPECT_EQ(s.add({20, 30}), 10u);
  EXPECT_EQ(s.add({5, 12}), 5u);
  EXPECT_EQ(s.ranges(), (std::vector<range>{{5, 30}}));
}

TEST(RangeSet, RemovingTheMiddleSplits) {
  range_set s;
  s.add({0, 100});
  EXPECT_EQ(s.remove({40, 60}), 20u);
  EXPECT_EQ(s.ranges(), (std::vector<range>{{0, 40}, {60, 100}}));
  EXPECT_FALSE(s.overlaps({40, 60}));
  EXPECT_TRUE(s.contains(range{60, 100}));
}

TEST(RangeSet, AgreesWithASetOfNumbersOnRandomOperations) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    range_set s;
    std::set<std::uint64_t> model;
    for (int step = 0; step < 60; ++step) {
      const auto begin = random() % 60;
      const range r{begin, begin + random() % 12};
      std::uint64_t changed = 0;
      if (random() % 2 == 0) {
        for (auto n = r.begin; n < r.end; ++n) changed += model.insert(n).second ? 1U : 0U;
        EXPECT_EQ(s.add(r), changed);
      } else {
        for (auto n = r.begin; n < r.end; ++n) changed += model.erase(n);
        EXPECT_EQ(s.remove(r), changed);
      }
      ASSERT_EQ(s.size(), model.size());
      const auto cut = s.intersection({20, 40});
      for (std::uint64_t n = 0; n < 75; ++n) {
        ASSERT_EQ(s.contains(n), model.count(n) == 1) << n;
        ASSERT_EQ(cut.contains(n), n >= 20 && n < 40 && model.count(n) == 1) << n;
      }
      for (std::size_t i = 1; i < s.ranges().size(); ++i) {
        ASSERT_LT(s.ranges()[i - 1].end, s.ranges()[i].begin);
      }
    }
  }
}

}  // namespace
}  // namespace rendr
