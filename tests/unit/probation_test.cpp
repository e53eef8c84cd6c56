// SPDX-License-Identifier: Apache-2.0
#include "engine/path/probation.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"
#include "policy/facts.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr instant start{1000s};

TEST(probation, a_leaf_that_never_failed_is_eligible) {
  const probation fresh;
  EXPECT_TRUE(fresh.over(start));
  EXPECT_EQ(fresh.flaps(start), 0u);
}

TEST(probation, a_leaf_that_returns_waits_in_proportion_to_the_time_of_its_judgement) {
  probation trial;
  trial.failed(start, 100ms);
  trial.returned(start + 1s);
  const auto wait = policy::return_delay(100ms, 1);
  ASSERT_GT(wait, duration(0));
  EXPECT_FALSE(trial.over(start + 1s + wait - 1ns));
  EXPECT_TRUE(trial.over(start + 1s + wait));
}

TEST(probation, each_further_flap_makes_the_wait_longer) {
  probation trial;
  for (int i = 0; i < 3; ++i) trial.failed(start + i * 1s, 100ms);
  EXPECT_EQ(trial.flaps(start + 3s), 3u);
  trial.returned(start + 3s);
  EXPECT_FALSE(trial.over(start + 3s + policy::return_delay(100ms, 2)));
  EXPECT_TRUE(trial.over(start + 3s + policy::return_delay(100ms, 3)));
}

TEST(probation, the_newest_judgement_counts) {
  probation trial;
  trial.failed(start, 1s);
  trial.failed(start, duration(0));
  trial.returned(start);
  EXPECT_TRUE(trial.over(start)) << "a reset took no time to judge";
}

TEST(probation, a_leaf_that_was_good_for_long_begins_anew) {
  probation trial;
  trial.failed(start, 100ms);
  trial.failed(start, 100ms);
  EXPECT_EQ(trial.flaps(start + defaults::flap_memory), 2u);
  EXPECT_EQ(trial.flaps(start + defaults::flap_memory + 1ns), 0u);
  trial.failed(start + defaults::flap_memory + 1ns, 100ms);
  EXPECT_EQ(trial.flaps(start + defaults::flap_memory + 1ns), 1u);
}

}  // namespace
}  // namespace rendr::engine
