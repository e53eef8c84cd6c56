// SPDX-License-Identifier: Apache-2.0
// How long a link lives, and how it ends.
#include "engine/link/standing.hpp"

#include <gtest/gtest.h>

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);
constexpr standing::path_facts lit{true, false, false};
constexpr standing::path_facts dark{false, false, false};
constexpr standing::path_facts peer_stalled{false, true, false};
constexpr standing::path_facts all_closed{false, false, true};

link_config usual() {
  link_config out;
  out.no_path_grace = 90s;
  out.grace_closed = 300s;
  out.linger = 30s;
  return out;
}

standing up_since_t0(const link_config& config = usual(), duration peer_grace = duration::max()) {
  standing out(config);
  out.start(t0);
  out.come_up(t0, peer_grace);
  return out;
}

standing::closing_facts flows(bool delivering, bool told = true) {
  return {delivering, false, told, false, t0};
}
const standing::closing_facts nothing_left{false, true, true, false, t0};
const standing::closing_facts reader_waits = flows(false);
const standing::closing_facts delivers = flows(true);

TEST(standing, without_a_deadline_a_link_dials_for_ever) {
  standing s(usual());
  s.start(t0);
  EXPECT_EQ(s.dial_ends(), never);
  EXPECT_FALSE(s.judge_dial(t0 + 1000h, errc::no_path, ""));
}

TEST(standing, a_link_that_is_not_up_in_time_ends_with_what_the_last_dial_said) {
  auto config = usual();
  config.dial_deadline = 10s;
  standing s(config);
  s.start(t0);
  EXPECT_EQ(s.dial_ends(), t0 + 10s);
  EXPECT_FALSE(s.judge_dial(t0 + 9s, errc::no_path, ""));
  auto end = s.judge_dial(t0 + 10s, errc::no_path, "");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->sentence, "no path came up in time");
  end = s.judge_dial(t0 + 10s, errc::auth_failed, "wifi: the keys differ");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, errc::auth_failed);
  EXPECT_EQ(end->sentence, "wifi: the keys differ");
}

TEST(standing, the_dial_deadline_counts_no_more_once_the_link_is_up) {
  auto config = usual();
  config.dial_deadline = 10s;
  const auto s = up_since_t0(config);
  EXPECT_EQ(s.dial_ends(), never);
  EXPECT_FALSE(s.judge_dial(t0 + 11s, errc::no_path, ""));
}

TEST(standing, a_link_goes_dark_once_when_its_last_path_is_lost) {
  auto s = up_since_t0();
  EXPECT_FALSE(s.look(t0, lit));
  EXPECT_EQ(s.dark_since(), never);
  EXPECT_TRUE(s.look(t0 + 1s, dark));
  EXPECT_FALSE(s.look(t0 + 2s, dark));
  EXPECT_EQ(s.dark_since(), t0 + 1s);
}

TEST(standing, the_grace_ends_a_dark_link_and_a_path_that_lives_again_stops_it) {
  auto s = up_since_t0();
  s.look(t0, dark);
  EXPECT_EQ(s.grace_ends(), t0 + 90s);
  s.look(t0 + 80s, lit);
  EXPECT_EQ(s.grace_ends(), never);
  EXPECT_FALSE(s.judge_grace(t0 + 95s, ""));
  s.look(t0 + 100s, dark);
  EXPECT_FALSE(s.judge_grace(t0 + 189s, ""));
  const auto end = s.judge_grace(t0 + 190s, "wifi: no route");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, errc::no_path);
  EXPECT_EQ(end->sentence, "no path came back in time; the last dial said: wifi: no route");
}

TEST(standing, both_ends_count_the_lower_of_their_graces) {
  auto s = up_since_t0(usual(), 20s);
  s.look(t0, dark);
  EXPECT_EQ(s.grace_ends(), t0 + 20s);
}

TEST(standing, the_grace_of_a_stalled_peer_does_not_run) {
  auto s = up_since_t0();
  s.look(t0, peer_stalled);
  EXPECT_EQ(s.grace_ends(), never);
}

TEST(standing, a_link_whose_paths_the_peer_all_closed_ends_by_a_grace_of_its_own) {
  auto config = usual();
  config.no_path_grace = duration::max();
  auto s = up_since_t0(config);
  s.look(t0, dark);
  EXPECT_EQ(s.grace_ends(), never) << "silence may last for ever";
  s.look(t0 + 1s, all_closed);
  EXPECT_EQ(s.grace_ends(), t0 + 301s);
  const auto end = s.judge_grace(t0 + 301s, "");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->sentence,
            "the other end closed every path, and none came back in time; "
            "the last dial said: nothing");
}

TEST(standing, a_link_that_gave_way_ends_when_it_goes_dark_within_a_minute) {
  auto s = up_since_t0();
  s.give_way(t0);
  EXPECT_EQ(s.grace_ends(), never) << "a path lives";
  s.look(t0 + 59s, dark);
  const auto end = s.judge_grace(t0 + 59s, "");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, errc::peer_lost);
}

TEST(standing, a_link_that_lived_on_after_it_gave_way_has_its_whole_grace_again) {
  auto s = up_since_t0();
  s.give_way(t0);
  s.look(t0 + 61s, dark);
  EXPECT_EQ(s.grace_ends(), t0 + 151s);
}

TEST(standing, closing_ends_when_no_flow_is_left_and_the_peer_was_told) {
  auto s = up_since_t0();
  EXPECT_FALSE(s.judge_closing(t0, nothing_left)) << "nobody closed it";
  EXPECT_TRUE(s.close(t0, false));
  auto untold = nothing_left;
  untold.told = false;
  EXPECT_FALSE(s.judge_closing(t0, untold));
  const auto end = s.judge_closing(t0, nothing_left);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, errc::closed);
}

TEST(standing, a_dark_link_that_closes_tells_nobody) {
  auto s = up_since_t0();
  s.look(t0, dark);
  s.close(t0, false);
  auto untold = nothing_left;
  untold.told = false;
  EXPECT_TRUE(s.judge_closing(t0, untold));
}

TEST(standing, the_linger_is_for_flows_that_the_application_may_still_finish) {
  auto s = up_since_t0();
  s.close(t0, false);
  EXPECT_EQ(s.closing_ends(reader_waits), t0 + 30s);
  EXPECT_FALSE(s.judge_closing(t0 + 29s, reader_waits));
  EXPECT_TRUE(s.judge_closing(t0 + 30s, reader_waits));
}

TEST(standing, what_is_delivered_may_take_its_time_while_the_peer_lives) {
  auto s = up_since_t0();
  s.close(t0, false);
  EXPECT_EQ(s.closing_ends(delivers), never);
}

TEST(standing, a_program_that_is_told_to_go_waits_no_longer_than_the_linger) {
  auto s = up_since_t0();
  s.close(t0, false);
  EXPECT_FALSE(s.close(t0 + 10s, true)) << "it was closing";
  EXPECT_EQ(s.closing_ends(delivers), t0 + 40s);
  s.close(t0 + 20s, true);
  EXPECT_EQ(s.closing_ends(delivers), t0 + 40s) << "the bound is set once";
}

TEST(standing, a_stalled_peer_gets_the_linger_from_its_last_sign_of_life) {
  auto s = up_since_t0();
  s.close(t0, false);
  auto facts = delivers;
  facts.stalled = true;
  facts.last_life = t0 + 20s;
  EXPECT_EQ(s.closing_ends(facts), t0 + 50s);
}

TEST(standing, in_the_dark_the_linger_counts_from_when_the_last_path_was_lost) {
  auto s = up_since_t0();
  s.look(t0, dark);
  s.close(t0 + 25s, false);
  EXPECT_EQ(s.closing_ends(delivers), t0 + 30s);
}

TEST(standing, closing_is_short_when_the_peer_closed_every_path) {
  auto s = up_since_t0();
  s.look(t0, all_closed);
  s.close(t0, false);
  EXPECT_EQ(s.closing_ends(delivers), t0 + defaults::closed_wait);
  EXPECT_LT(defaults::closed_wait, 30s);
}

TEST(standing, the_peer_says_once_that_it_goes_and_no_flow_is_opened_then) {
  auto s = up_since_t0();
  EXPECT_FALSE(s.winding_up());
  EXPECT_TRUE(s.peer_closes());
  EXPECT_FALSE(s.peer_closes());
  EXPECT_TRUE(s.winding_up());
  EXPECT_FALSE(s.closing()) << "this end is not";
}

TEST(standing, a_peer_that_closes_the_link_loses_the_flows_that_still_lack_something) {
  EXPECT_EQ(standing::closed_by_peer(true).code, errc::closed);
  EXPECT_EQ(standing::closed_by_peer(false).code, errc::peer_lost);
}

TEST(standing, a_link_that_starts_over_is_neither_up_nor_dark) {
  auto s = up_since_t0();
  s.look(t0, all_closed);
  s.start_over();
  EXPECT_FALSE(s.up());
  EXPECT_EQ(s.dark_since(), never);
  EXPECT_EQ(s.grace_ends(), never);
}

}  // namespace
}  // namespace rendr::engine
