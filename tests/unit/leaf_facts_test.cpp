// SPDX-License-Identifier: Apache-2.0
#include "engine/route/leaf_facts.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using policy::health;

constexpr instant start{1000s};

leaf_state carried(path_phase phase) {
  leaf_state leaf;
  leaf.carrier.emplace();
  leaf.carrier->phase = phase;
  leaf.carrier->window = 1000;
  return leaf;
}

TEST(leaf_facts, every_phase_of_the_path_has_one_health) {
  struct cell {
    path_phase phase;
    health seen;
  };
  const cell table[] = {
      {path_phase::idle, health::absent},      {path_phase::dialing, health::absent},
      {path_phase::attaching, health::absent}, {path_phase::standby, health::usable},
      {path_phase::active, health::usable},    {path_phase::late, health::late},
      {path_phase::suspect, health::suspect},  {path_phase::draining, health::absent},
      {path_phase::dead, health::dead},
  };
  for (const auto& [phase, seen] : table) {
    EXPECT_EQ(facts_of(carried(phase)).state, seen) << to_string(phase);
  }
}

TEST(leaf_facts, a_leaf_without_a_path_is_absent_until_one_died) {
  leaf_state leaf;
  EXPECT_EQ(facts_of(leaf).state, health::absent);
  leaf.died = true;
  EXPECT_EQ(facts_of(leaf).state, health::dead);
}

TEST(leaf_facts, what_the_leaf_is_by_itself_is_told_with_and_without_a_path) {
  auto leaf = carried(path_phase::standby);
  leaf.weight = 5;
  leaf.cost = 9;
  leaf.flaps = 3;
  leaf.trial_over = false;
  for (const bool has_path : {true, false}) {
    if (!has_path) leaf.carrier.reset();
    const auto facts = facts_of(leaf);
    EXPECT_EQ(facts.weight, 5u);
    EXPECT_EQ(facts.cost, 9u);
    EXPECT_EQ(facts.flaps, 3u);
    EXPECT_FALSE(facts.eligible);
  }
}

TEST(leaf_facts, a_path_that_is_measured_anew_is_not_eligible) {
  auto leaf = carried(path_phase::standby);
  EXPECT_TRUE(facts_of(leaf).eligible);
  leaf.carrier->anew = true;
  EXPECT_FALSE(facts_of(leaf).eligible);
}

TEST(leaf_facts, what_was_measured_is_told_as_it_is) {
  auto leaf = carried(path_phase::active);
  auto& c = *leaf.carrier;
  c.measured = c.cold = c.quality_known = c.fresh = true;
  c.srtt = 20ms;
  c.rttvar = 3ms;
  c.min_rtt = 18ms;
  c.rate = 5000;
  c.latency = 19ms;
  c.jitter = 1ms;
  c.quality_at = start;
  policy::child_facts expected;
  expected.state = health::usable;
  expected.measured = expected.cold = expected.quality_known = expected.fresh = true;
  expected.srtt = 20ms;
  expected.rttvar = 3ms;
  expected.min_rtt = 18ms;
  expected.rate = 5000;
  expected.latency = 19ms;
  expected.jitter = 1ms;
  expected.quality_at = start;
  EXPECT_EQ(facts_of(leaf), expected);
}

TEST(leaf_facts, a_path_is_blocked_when_bytes_wait_before_it_or_its_window_is_full) {
  auto leaf = carried(path_phase::active);
  leaf.carrier->in_flight = 999;
  EXPECT_FALSE(facts_of(leaf).blocked);
  EXPECT_EQ(facts_of(leaf).queued, 999u);
  leaf.carrier->in_flight = 1000;
  EXPECT_TRUE(facts_of(leaf).blocked);
  leaf.carrier->in_flight = 0;
  leaf.carrier->unwritten = 7;
  EXPECT_TRUE(facts_of(leaf).blocked);
  EXPECT_EQ(facts_of(leaf).queued, 7u);
}

class shared_hop : public testing::Test {
 protected:
  health after(std::vector<suspicion> suspicions) {
    std::vector<policy::child_facts> facts(2);
    facts[0].state = health::suspect;
    facts[1].state = state;
    const leaf_fate fates[] = {{"pole", start - 1s}, {group, heard}};
    share_fate(facts, fates, suspicions);
    EXPECT_EQ(facts[0].state, health::suspect);
    return facts[1].state;
  }

  health state = health::usable;
  std::string_view group = "pole";
  instant heard = start - 1ms;
};

TEST_F(shared_hop, what_was_not_heard_since_its_neighbour_is_suspect_is_late) {
  EXPECT_EQ(after({{0, "pole", start}}), health::late);
  EXPECT_EQ(after({}), health::usable);
  heard = start;
  EXPECT_EQ(after({{0, "pole", start}}), health::usable) << "it was heard since";
}

TEST_F(shared_hop, another_group_or_none_shares_nothing) {
  EXPECT_EQ(after({{0, "mast", start}}), health::usable);
  group = "";
  EXPECT_EQ(after({{0, "", start}}), health::usable);
}

TEST_F(shared_hop, an_older_path_of_the_same_leaf_says_nothing_of_it) {
  EXPECT_EQ(after({{1, "pole", start}}), health::usable);
}

TEST_F(shared_hop, what_is_no_better_than_late_stays_as_it_is) {
  for (const auto one : {health::late, health::suspect, health::dead, health::absent}) {
    state = one;
    EXPECT_EQ(after({{0, "pole", start}}), one);
  }
}

}  // namespace
}  // namespace rendr::engine
