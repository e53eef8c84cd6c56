// SPDX-License-Identifier: Apache-2.0
#include "engine/path/path_copies.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);

TEST(path_copies, what_waits_already_is_not_added_again) {
  path_copies c;
  c.add(1, {0, 100});
  c.add(1, {20, 80});
  c.add(2, {20, 80});
  ASSERT_FALSE(c.empty());
  EXPECT_EQ(c.front().flow, 1u);
  c.pop();
  EXPECT_EQ(c.front().flow, 2u);
  c.pop();
  EXPECT_TRUE(c.empty());
}

TEST(path_copies, the_front_goes_on_where_the_last_record_ended) {
  path_copies c;
  c.add(1, {0, 100});
  c.advance(60);
  EXPECT_EQ(c.front().bytes.begin, 60u);
  EXPECT_EQ(c.front().bytes.end, 100u);
}

TEST(path_copies, at_most_64_ranges_wait) {
  path_copies c;
  for (std::uint64_t i = 0; i < 100; ++i) c.add(i, {0, 1});
  int n = 0;
  for (; !c.empty(); ++n) c.pop();
  EXPECT_EQ(n, 64);
}

TEST(path_copies, a_suspicion_pays_for_what_was_in_flight_and_no_more) {
  path_copies c;
  EXPECT_FALSE(c.pays(1));
  c.reserve(t0, 1000);
  EXPECT_TRUE(c.pays(1000));
  c.pay(400);
  EXPECT_TRUE(c.pays(600));
  EXPECT_FALSE(c.pays(601));
}

TEST(path_copies, a_path_that_is_doubted_again_and_again_has_one_reserve_in_a_window) {
  path_copies c;
  c.reserve(t0, 1000);
  c.pay(1000);
  c.reserve(t0 + defaults::extra_window - 1ns, 1000);
  EXPECT_FALSE(c.pays(1));
  c.reserve(t0 + defaults::extra_window, 1000);
  EXPECT_TRUE(c.pays(1000));
}

}  // namespace
}  // namespace rendr::engine
