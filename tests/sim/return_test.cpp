// SPDX-License-Identifier: Apache-2.0
// Gates G5 and G11, and what outlives darkness: returns, restarts, late bytes, the end of grace.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

TEST(returned_path, is_attached_again_within_two_seconds_and_causes_no_storm) {
  for (const bool refused : {false, true}) {
    world w(two_paths(51));
    w.connect();
    w.run(1s);
    auto& flow = w.open({.up = traffic::paced(kib, 10ms, 6000), .down = traffic::echo()});
    w.run(5s);
    ASSERT_TRUE(w.run_until([&] { return w.path("a").data_packets() != 0; }, 1s));
    if (refused) {
      w.path("a").refuse(true);
      w.path("a").kill();
    } else {
      w.path("a").blackhole(true);
    }
    w.run(20s);
    EXPECT_EQ(w.deaths(), 1u);
    if (!refused) {
      EXPECT_GT(w.path("a").darkened(), 0u);
    }
    w.path("a").blackhole(false);
    w.path("a").refuse(false);
    const auto back = w.now();
    const auto moves = w.migrations().size();
    ASSERT_TRUE(w.run_until(
        [&] {
          const auto p = w.status_of("a").phase;
          return p == path_phase::standby || p == path_phase::active;
        },
        10s));
    expect_at_most(std::string("G5 attached again, ") + (refused ? "refused" : "dark"),
                   ms(w.now() - back), 2000, "ms");
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
    w.run(10s);
    expect_at_most("G5 moves after the return", static_cast<double>(w.migrations().size() - moves),
                   1, "moves");
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(all_dark, for_a_minute_resumes_within_a_second) {
  for (const std::uint64_t seed : {52u, 53u, 54u}) {
    world w(two_paths(seed));
    w.connect();
    w.run(1s);
    auto& flow =
        w.open({.up = traffic::paced(kib, 5ms, 20'000), .down = traffic::paced(kib, 7ms, 15'000)});
    w.run(5s);
    ASSERT_TRUE(w.run_until([&] { return w.path("a").data_packets() != 0; }, 1s));
    w.path("a").blackhole(true);
    w.path("b").blackhole(true);
    w.run(60s);
    EXPECT_GT(w.path("a").darkened(), 0u);
    EXPECT_GT(w.path("b").darkened(), 0u);
    const auto had = flow.server().received;
    EXPECT_GT(flow.client().written, had);
    w.path("b").blackhole(false);
    const auto back = w.now();
    ASSERT_TRUE(w.run_until([&] { return flow.server().received > had; }, 60s));
    expect_at_most("G11 resumed after", ms(w.now() - back), 1000, "ms");
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 200s));
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(all_dark, is_left_by_a_path_whose_round_trip_is_longer_than_a_dial_waits) {
  auto s = two_paths(58);
  s.paths[1] = path("b", 1200ms, 50 * mbit);
  world w(s);
  w.path("b").refuse(true);  // so that nothing is known of it
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 10ms, 1000)});
  w.run(2s);
  w.path("a").blackhole(true);
  w.path("b").refuse(false);
  const auto since = w.now();
  w.run(100ms);
  const auto had = flow.server().received;
  ASSERT_TRUE(w.run_until([&] { return flow.server().received > had; }, 60s));
  expect_at_most("a slow path alone is there after", ms(w.now() - since), 12'000, "ms");
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
  w.path("a").blackhole(false);
  EXPECT_EQ(w.finish(), "");
}

TEST(old_bytes, that_arrive_two_minutes_late_revive_and_double_nothing) {
  world w(two_paths(55));
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 10ms, 20'000), .down = traffic::echo()});
  auto& short_lived = w.open({.up = traffic::paced(kib, 10ms, 600)});
  w.run(5s);
  ASSERT_TRUE(w.run_until([&] { return w.path("a").data_packets() != 0; }, 1s));
  w.path("a").stall(true);
  w.run(120s);
  EXPECT_GT(w.path("a").data_packets(), 0u) << "old bytes wait";
  EXPECT_TRUE(short_lived.complete());
  const auto opened = w.flows().size();
  w.path("a").stall(false);
  w.run(20s);
  EXPECT_EQ(w.flows().size(), opened);
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 300s));
  EXPECT_EQ(w.finish(), "");
}

TEST(grace, that_runs_out_ends_every_flow_with_no_path) {
  auto s = two_paths(56);
  s.grace = 10s;
  world w(s);
  const auto link = w.connect();
  w.run(1s);
  flow_plan plan{.up = traffic::paced(kib, 100ms, 1000)};
  plan.may_fail = errc::no_path;
  auto& flow = w.open(plan);
  w.run(3s);
  w.path("a").blackhole(true);
  w.path("b").blackhole(true);
  w.path("a").refuse(true);
  w.path("b").refuse(true);
  w.path("a").kill();
  w.path("b").kill();
  w.run(9s);
  EXPECT_EQ(w.link_code(link), errc{});
  EXPECT_FALSE(flow.client().failed);
  w.run(3s);
  EXPECT_EQ(w.link_code(link), errc::no_path);
  EXPECT_EQ(flow.client().error, errc::no_path);
  EXPECT_EQ(flow.server().error, errc::no_path);
  EXPECT_EQ(w.finish(), "");
}

TEST(restarted_server, is_noticed_and_old_flows_wait_for_their_grace) {
  auto s = two_paths(57);
  s.grace = 20s;
  world w(s);
  const auto link = w.connect();
  w.run(1s);
  flow_plan plan{.up = traffic::paced(kib, 100ms, 1000)};
  plan.may_fail = errc::no_path;
  auto& old = w.open(plan);
  w.run(3s);
  w.restart_server(false);
  w.run(5s);
  EXPECT_TRUE(w.peer_restarted());
  EXPECT_EQ(w.link_code(link), errc{}) << "an unproven refusal ends no link";
  EXPECT_FALSE(old.client().failed);
  const auto second = w.connect();
  w.run(1s);
  EXPECT_TRUE(w.link_up(second));
  auto& fresh = w.open({.up = traffic::bulk(1 * mib), .down = traffic::bulk(1 * mib)}, second);
  EXPECT_TRUE(w.run_until([&] { return fresh.complete(); }, 10s));
  w.run(20s);
  EXPECT_EQ(w.link_code(link), errc::no_path);
  EXPECT_EQ(old.client().error, errc::no_path);
  EXPECT_EQ(w.finish(), "");
}

TEST(restarted_server, that_proves_to_have_forgotten_the_link_ends_it_at_once) {
  world w(two_paths(59));
  const auto link = w.connect();
  w.run(1s);
  flow_plan plan{.up = traffic::paced(kib, 100ms, 1000)};
  plan.may_fail = errc::peer_lost;
  auto& old = w.open(plan);
  w.run(3s);
  w.restart_server(true);
  w.run(1s);
  EXPECT_EQ(w.link_code(link), errc::peer_lost);
  EXPECT_EQ(old.client().error, errc::peer_lost);
  EXPECT_EQ(w.finish(), "");
}

TEST(idle_link, keeps_its_paths_and_accepts_each_connection_once) {
  auto s = two_paths(60);
  s.paths[0].lanes.rate = 0;  // packets of one instant arrive in one instant
  world w(s);
  w.connect();
  w.run(600s);
  EXPECT_EQ(w.path("a").accepted(), 1u);
  EXPECT_EQ(w.path("b").accepted(), 1u);
  EXPECT_EQ(w.deaths() + w.deaths(true), 0u);
  EXPECT_EQ(w.finish(), "");
}

TEST(two_links, of_one_endpoint_live_and_end_apart) {
  world w(two_paths(58));
  const auto first = w.connect();
  const auto second = w.connect();
  w.run(1s);
  auto& one = w.open({.up = traffic::bulk(20 * mib)}, first);
  auto& two = w.open({.down = traffic::bulk(20 * mib)}, second);
  w.run(500ms);
  w.path("a").kill();
  EXPECT_TRUE(w.run_until([&] { return one.complete() && two.complete(); }, 60s));
  EXPECT_EQ(w.deaths(), 2u);
  EXPECT_EQ(w.finish(), "");
}

// The far end of a path breaks, the near one does not: who is left must be told, or find out in
// time.
class one_ended : public testing::Test {
 protected:
  // One end of the path in use is reset; what the other end sends on it vanishes from then on.
  static void break_at_client(world& w, const char* name) {
    w.path(name).blackhole(true);
    w.path(name).kill_end(false);
  }
};

TEST_F(one_ended, a_death_is_told_to_the_peer_that_cannot_see_it) {
  scenario s;
  s.seed = seed_or(71);
  s.paths = {path("a", 20ms, 50 * mbit), path("b", 20ms, 50 * mbit)};
  s.root = "selector(a, b)";
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 5ms, 2'000)});
  w.run(2s);
  const auto broken = w.now();
  break_at_client(w, "a");
  EXPECT_TRUE(w.run_until([&] { return w.deaths(true) > 0; }, 1s));
  expect_at_most("the acceptor hears of the death", ms(w.now() - broken), 40, "ms");
  w.run(3s);
  expect_at_most("a death that one end alone sees, gap",
                 ms(flow.longest_gap(true, broken, w.now())), 45, "ms");
  w.path("a").blackhole(false);
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
  EXPECT_EQ(w.finish(), "");
}

// A standby that suddenly carries data had its next PING in the past: that is no late loop.
TEST_F(one_ended, a_standby_that_is_used_again_makes_no_deadline_late) {
  scenario s;
  s.seed = seed_or(72);
  s.paths = {path("a", 20ms, 50 * mbit), path("b", 20ms, 50 * mbit)};
  s.root = "selector(a, b)";
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 100ms, 400), .down = traffic::echo()});
  duration longest{0};
  for (int i = 0; i < 4; ++i) {
    w.run(5s + 17ms * i);
    const auto* used = w.status_of("a").carries_data ? "a" : "b";
    const auto broken = w.now();
    break_at_client(w, used);
    w.run(2s);
    longest = std::max(longest, flow.longest_gap(false, broken, w.now()));
    w.path(used).blackhole(false);
  }
  // 100 ms between two messages, a round trip, and what a dark path costs the server.
  expect_at_most("echo over a standby, the longest wait", ms(longest), 100 + 20 + 35 + 30, "ms");
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 120s));
  EXPECT_EQ(w.finish(), "");
}

// A kernel may have acknowledged the oldest record and nothing behind it: that is silence, not a
// stopped peer.
TEST(all_dark, is_suspected_at_once_whatever_was_acknowledged_last) {
  duration longest{0};
  for (int phase = 0; phase < 80; ++phase) {
    scenario s;
    s.seed = seed_or(73);
    s.paths = {path("a", 20ms, 50 * mbit), path("b", 20ms, 50 * mbit)};
    s.root = "selector(a, b)";
    world w(s);
    w.connect();
    w.run(1s);
    auto& flow = w.open({.up = traffic::paced(5 * kib / 2, 10ms, 10'000), .down = traffic::echo()});
    w.run(2s + 250us * phase);
    const auto dark = w.now();
    for (const char* name : {"a", "b"}) w.path(name).blackhole(true);
    EXPECT_TRUE(w.run_until([&] { return w.status_of("a").suspicions > 0; }, 5s)) << phase;
    longest = std::max(longest, w.now() - dark);
    flow.abort(false, 1);
  }
  expect_at_most("all dark, suspected after", ms(longest), 120, "ms");
}

}  // namespace
}  // namespace rendr::sim
