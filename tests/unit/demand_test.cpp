// SPDX-License-Identifier: Apache-2.0
#include "engine/route/demand.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr instant start{1000s};
constexpr std::uint64_t mb = 1'000'000;

std::vector<policy::child_facts> good(std::initializer_list<std::uint64_t> rates) {
  std::vector<policy::child_facts> out;
  for (const auto rate : rates) {
    policy::child_facts one;
    one.state = policy::health::usable;
    one.measured = true;
    one.srtt = one.min_rtt = 20ms;
    one.rate = rate;
    out.push_back(one);
  }
  return out;
}

class rooted {
 public:
  explicit rooted(std::string_view text) { install(text); }

  void install(std::string_view text) {
    const std::vector<policy::leaf_info> leaves{{"a"}, {"b"}};
    auto graph = policy::parse_graph(text, leaves);
    ASSERT_TRUE(graph);
    root.target = root_target(std::move(*graph), ++version_);
    root.target.update(start, good({mb, mb}));
  }

  named_root root;
  demand looks;

 private:
  std::uint32_t version_ = 0;
};

/// A flow that sends all that its path takes, looked at as often as it asks to be.
class transfer : public rooted {
 public:
  transfer() : rooted("selector(a, b, bulk=b)") {}

  std::vector<peak_move> run(instant until, std::uint64_t rate, bool waiting = true) {
    std::vector<peak_move> out;
    while (now < until) {
      const auto next = std::min(now + 100ms, until);
      acknowledged += rate * static_cast<std::uint64_t>((next - now) / 1ms) / 1000;
      now = next;
      if (!looks.peaks_due(now)) continue;
      looks.begin_look();
      for (auto& one : looks.look(now, root, flow, {7, waiting, waiting, acknowledged})) {
        out.push_back(std::move(one));
      }
    }
    return out;
  }

  flow_demand flow;
  instant now = start;
  std::uint64_t acknowledged = 0;
};

TEST(demand, looks_at_nothing_before_a_flow_sends) {
  rooted r("selector(a, b, bulk=b)");
  EXPECT_EQ(r.looks.next_look(), never);
  r.looks.flow_sends(start, r.root.target);
  EXPECT_TRUE(r.looks.peaks_due(start));
  EXPECT_FALSE(r.looks.guards_due(start)) << "no bond is there";
  EXPECT_EQ(r.looks.next_look(), start);
}

TEST(demand, looks_at_a_bond_without_bulk_for_its_guard_alone) {
  rooted r("bond(a, b)");
  r.looks.flow_sends(start, r.root.target);
  EXPECT_FALSE(r.looks.peaks_due(start));
  EXPECT_TRUE(r.looks.guards_due(start));
  r.looks.flow_sends(start - 1s, r.root.target);
  EXPECT_EQ(r.looks.next_look(), start) << "a clock that runs is left alone";
}

TEST(demand, moves_a_flow_that_saturates_its_child_to_the_bulk_child_once) {
  transfer t;
  t.looks.flow_sends(t.now, t.root.target);
  const auto moves = t.run(start + 1500ms, mb);
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_TRUE(moves[0].on_bulk);
  EXPECT_EQ(moves[0].selector, t.root.target.graph().root());
  EXPECT_EQ(moves[0].told.from, "a");
  EXPECT_EQ(moves[0].told.to, "b");
  EXPECT_EQ(moves[0].told.why, cause::quality);
  EXPECT_TRUE(moves[0].told.evidence.starts_with("flow 7: ")) << moves[0].told.evidence;
  EXPECT_TRUE(t.looks.any_on_bulk());
  EXPECT_EQ(t.looks.moves(), 1u);
}

TEST(demand, brings_a_flow_back_that_gained_nothing) {
  transfer t;
  t.looks.flow_sends(t.now, t.root.target);
  const auto moves = t.run(start + 5s, mb);
  ASSERT_EQ(moves.size(), 2u);
  EXPECT_FALSE(moves[1].on_bulk);
  EXPECT_EQ(moves[1].told.from, "b");
  EXPECT_EQ(moves[1].told.to, "a");
  EXPECT_FALSE(t.looks.any_on_bulk());
  EXPECT_EQ(t.looks.moves(), 2u);
}

TEST(demand, leaves_a_flow_where_it_is_that_had_nothing_waiting_for_a_moment) {
  transfer t;
  t.looks.flow_sends(t.now, t.root.target);
  std::vector<peak_move> moves;
  while (t.now < start + 3s) {
    for (auto& one : t.run(t.now + 400ms, mb)) moves.push_back(std::move(one));
    t.flow.drained();
  }
  EXPECT_TRUE(moves.empty());
}

TEST(demand, rests_when_no_flow_has_anything_under_way) {
  transfer t;
  t.looks.flow_sends(t.now, t.root.target);
  t.run(start + 200ms, mb, false);
  EXPECT_EQ(t.looks.next_look(), never);
}

TEST(demand, rests_the_child_of_a_bond_that_its_receiver_waits_for) {
  rooted r("bond(a, b)");
  r.root.account.watch(r.root.target);
  r.root.target.refresh(good({mb, mb / 10}));
  std::vector<event::migration> told;
  bool changed = false;
  // The bond gives half of what its best child would give alone, for it waits for the other one.
  for (auto now = start; now < start + 10s; now += 100ms) {
    r.root.account.delivered(mb / 20);
    r.root.account.waited(0, 1, 90ms);
    r.looks.begin_guards();
    for (auto& one : r.looks.guard(now, r.root, true).told) told.push_back(std::move(one));
    changed = changed || !told.empty();
    if (changed) break;
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].from, "b");
  EXPECT_EQ(told[0].to, "");
  EXPECT_EQ(told[0].why, cause::quality);
  EXPECT_FALSE(told[0].evidence.empty());
  EXPECT_EQ(r.looks.moves(), 0u) << "no flow moved";
}

TEST(demand, asks_no_guard_again_while_nothing_is_sent) {
  rooted r("bond(a, b)");
  r.looks.flow_sends(start, r.root.target);
  r.root.account.watch(r.root.target);
  r.looks.begin_guards();
  EXPECT_FALSE(r.looks.guard(start, r.root, false).changed);
  EXPECT_EQ(r.looks.next_look(), never);
  r.looks.begin_guards();
  EXPECT_FALSE(r.looks.guard(start, r.root, true).changed);
  EXPECT_GE(r.looks.next_look(), start + defaults::deadline_floor);
  EXPECT_LT(r.looks.next_look(), never);
}

TEST(bond_account, forgets_the_bonds_of_another_graph_alone) {
  rooted r("bond(a, b)");
  auto& account = r.root.account;
  account.watch(r.root.target);
  account.waited(0, 1, 5ms);
  account.waited(0, 9, 5ms);  // no such child
  account.watch(r.root.target);
  ASSERT_EQ(account.bonds().size(), 1u);
  EXPECT_EQ(account.bonds()[0].blocked, (std::vector<duration>{0ms, 5ms}));
  r.install("selector(a, bond(a, b))");
  account.watch(r.root.target);
  ASSERT_EQ(account.bonds().size(), 1u);
  EXPECT_EQ(account.bonds()[0].node, 2u);
  EXPECT_EQ(account.bonds()[0].blocked, (std::vector<duration>{0ms, 0ms}));
}

TEST(bond_account, asks_seldom_whether_another_flow_has_more) {
  rooted r("bond(a, b)");
  auto& account = r.root.account;
  EXPECT_TRUE(account.asks_for_demand(start, r.root.target));
  EXPECT_FALSE(account.asks_for_demand(start + 9ms, r.root.target));
  EXPECT_TRUE(account.asks_for_demand(start + 10ms, r.root.target));
  account.limited();
  EXPECT_FALSE(account.asks_for_demand(start + 1s, r.root.target)) << "it is known for this window";
  account.begin_window();
  EXPECT_TRUE(account.asks_for_demand(start + 1s, r.root.target));
  rooted plain("selector(a, b)");
  EXPECT_FALSE(plain.root.account.asks_for_demand(start, plain.root.target)) << "no bond is there";
}

TEST(flow_demand, charges_the_child_that_had_the_lowest_byte_since_the_last_look) {
  rooted r("bond(a, b)");
  auto& account = r.root.account;
  account.watch(r.root.target);
  flow_demand flow;
  const auto has = [](std::optional<std::size_t> child) {
    return [child](policy::node_id) { return child; };
  };
  flow.wait(start, r.root.target, account, has(1));
  flow.wait(start + 10ms, r.root.target, account, has(0));
  flow.wait(start + 30ms, r.root.target, account, has(std::nullopt));
  flow.wait(start + 90ms, r.root.target, account, has(1));
  EXPECT_EQ(account.bonds()[0].blocked, (std::vector<duration>{20ms, 10ms}));
  r.install("bond(b, a)");
  account.watch(r.root.target);
  flow.wait(start + 99ms, r.root.target, account, has(1));
  EXPECT_EQ(account.bonds()[0].blocked, (std::vector<duration>{0ms, 0ms}))
      << "children of another graph are other children";
}

TEST(flow_demand, is_saturated_when_something_waited_all_the_time) {
  flow_demand flow;
  EXPECT_TRUE(flow.saturated(true));
  flow.drained();
  EXPECT_FALSE(flow.saturated(true)) << "there was a moment when nothing waited";
  EXPECT_TRUE(flow.saturated(true));
  EXPECT_FALSE(flow.saturated(false));
  EXPECT_FALSE(flow.saturated(true)) << "nothing waited at the look before";
  EXPECT_TRUE(flow.saturated(true));
}

TEST(flow_demand, measures_its_goodput_over_the_last_window) {
  flow_demand flow;
  EXPECT_EQ(flow.goodput(start, 0), 0u) << "one look says nothing";
  for (int i = 1; i <= 10; ++i) {
    flow.goodput(start + i * 100ms, static_cast<std::uint64_t>(i) * mb);
  }
  EXPECT_EQ(flow.goodput(start + 1100ms, 11 * mb), 10 * mb);
  for (int i = 12; i <= 20; ++i) flow.goodput(start + i * 100ms, 11 * mb);
  EXPECT_EQ(flow.goodput(start + 2100ms, 11 * mb), 0u) << "what is older is forgotten";
}

TEST(hole_watch, is_copied_once_when_it_holds_up_credit) {
  hole_watch hole;
  EXPECT_TRUE(hole.open(start, 100));
  EXPECT_FALSE(hole.take(start, 50ms, false)) << "it is young";
  EXPECT_TRUE(hole.take(start, 50ms, true));
  EXPECT_FALSE(hole.open(start + 1s, 100)) << "its copy is under way";
  EXPECT_FALSE(hole.take(start + 1s, 50ms, true));
  EXPECT_TRUE(hole.open(start + 1s, 200)) << "another hole";
}

TEST(hole_watch, is_copied_when_it_is_older_than_the_best_path_needs) {
  hole_watch hole;
  EXPECT_TRUE(hole.open(start, 100));
  EXPECT_TRUE(hole.open(start + 49ms, 100));
  EXPECT_FALSE(hole.take(start + 49ms, 50ms, false));
  EXPECT_TRUE(hole.take(start + 50ms, 50ms, false));
}

}  // namespace
}  // namespace rendr::engine
