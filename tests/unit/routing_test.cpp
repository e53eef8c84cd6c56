// SPDX-License-Identifier: Apache-2.0
// What the router decides is carried out on the flows and paths of a link.
#include "engine/link/routing.hpp"

#include <gtest/gtest.h>

#include "support/paths_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto start = test::paths_of_a_link::start;

TEST(routing, the_path_that_a_root_uses_is_active_and_the_others_stand_by) {
  test::paths_of_a_link l("selector(a, b)");
  auto& a = l.attach(0);
  auto& b = l.attach(1);
  EXPECT_TRUE(a.life.at(path_stage::active));
  EXPECT_TRUE(b.life.at(path_stage::standby));
  EXPECT_EQ(l.in.slots[0].shown, path_phase::active);
  EXPECT_TRUE(l.in.reaches(a));
  EXPECT_FALSE(l.in.reaches(b));
}

TEST(routing, a_suspicion_moves_the_flows_and_is_told_with_the_link) {
  test::paths_of_a_link l("way: selector(a, b)");
  auto& a = l.attach(0);
  auto& b = l.attach(1);
  l.all<event::migration>();
  l.woken();
  a.life.doubt(start, 0);
  routing(l.in).route(start, cause::silence);
  const auto moves = l.all<event::migration>();
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].link, link_ref{1});
  EXPECT_EQ(moves[0].to, "b");
  EXPECT_EQ(moves[0].why, cause::silence);
  EXPECT_TRUE(b.life.at(path_stage::active));
  EXPECT_EQ(l.woken().size(), 2u);
}

TEST(routing, a_look_for_quality_that_moves_nothing_wakes_nobody) {
  test::paths_of_a_link l("selector(a, b)");
  l.attach(0).want_ping = true;
  l.attach(1).want_ping = true;
  l.woken();
  routing(l.in).route(start + 1s, cause::quality);
  EXPECT_TRUE(l.woken().empty());
}

TEST(routing, a_path_whose_quality_is_wanted_is_asked_once) {
  test::paths_of_a_link l("selector(a, b)");
  l.attach(0);
  auto& b = l.attach(1);
  EXPECT_TRUE(b.want_ping);
  l.woken();
  routing(l.in).route(start + 1s, cause::quality);
  EXPECT_TRUE(l.woken().empty()) << "it is asked already";
}

TEST(routing, leaves_of_one_fate_group_share_a_doubt) {
  test::paths_of_a_link l("bond(a, b, c)", 3);
  auto& a = l.attach(0);
  l.attach(1);
  l.attach(2);
  l.in.slots[0].config.fate = l.in.slots[1].config.fate = "pole";
  a.life.doubt(start + 1s, 0);
  const auto facts = routing(l.in).leaf_facts(start + 1s);
  ASSERT_EQ(facts.size(), 3u);
  EXPECT_EQ(facts[0].state, policy::health::suspect);
  EXPECT_EQ(facts[1].state, policy::health::late);
  EXPECT_EQ(facts[2].state, policy::health::usable);
}

TEST(routing, a_new_graph_places_what_waits_anew) {
  test::paths_of_a_link l("a");
  auto& b = l.attach(1);
  auto& f = l.stream(100);
  const auto before = f.place()->graph_version();
  EXPECT_TRUE(f.waiting()) << "its only path is away";
  EXPECT_FALSE(routing(l.in).set_root(start, "", "selector(a, b)"));
  EXPECT_NE(f.place()->graph_version(), before);
  EXPECT_TRUE(f.waiting());
  EXPECT_TRUE(l.in.reaches(b));
  EXPECT_TRUE(l.in.router.owed()) << "the peer is told";
}

TEST(routing, a_command_moves_at_once_and_one_that_fails_says_why) {
  test::paths_of_a_link l("way: selector(a, b)");
  l.attach(0);
  auto& b = l.attach(1);
  EXPECT_FALSE(routing(l.in).migrate(start, "", "b"));
  EXPECT_TRUE(b.life.at(path_stage::active));
  const auto wrong = routing(l.in).migrate(start, "", "c");
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->code, errc::invalid_argument);
}

TEST(routing, an_acceptor_learns_its_leaves_from_the_graph) {
  test::paths_of_a_link l("a", 1, role::acceptor);
  EXPECT_EQ(routing(l.in).take(start, wire::graph{5, "", "way:selector(fiber#0,lte#2(weight=5))"}),
            errc{});
  ASSERT_EQ(l.in.slots.size(), 3u);
  EXPECT_EQ(l.in.slots[0].config.name, "fiber");
  EXPECT_EQ(l.in.slots[2].config.name, "lte");
  EXPECT_EQ(l.in.slots[2].config.weight, 5u);
  EXPECT_EQ(routing(l.in).take(start, wire::graph{6, "", "selector("}), errc::protocol_violation);
}

TEST(routing, a_flow_that_runs_dry_limits_its_root_unless_another_has_more) {
  test::paths_of_a_link l("bond(a, b)");
  auto& dry = l.stream(0);
  l.stream(100);
  auto& account = l.in.root_of(dry).account;
  auto& target = l.in.root_of(dry).target;
  routing(l.in).note_drained(start, dry);
  EXPECT_TRUE(account.asks_for_demand(start + 1s, target)) << "another one has more";
  test::paths_of_a_link alone("bond(a, b)");
  auto& only = alone.stream(0);
  routing(alone.in).note_drained(start, only);
  EXPECT_FALSE(
      alone.in.root_of(only).account.asks_for_demand(start + 1s, alone.in.root_of(only).target));
}

}  // namespace
}  // namespace rendr::engine
