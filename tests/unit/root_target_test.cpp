// SPDX-License-Identifier: Apache-2.0
#include "engine/route/root_target.hpp"

#include <gtest/gtest.h>

#include "policy/graph_text.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t paths = 4;
constexpr instant start{1000s};

root_target made(std::string_view text) {
  std::vector<policy::leaf_info> leaves;
  for (std::size_t i = 0; i < paths; ++i) {
    leaves.push_back({std::string(1, static_cast<char>('a' + i)), 1, std::nullopt});
  }
  auto g = policy::parse_graph(text, leaves);
  EXPECT_TRUE(g);
  return {std::move(*g), 7};
}

std::vector<policy::child_facts> facts(std::string_view states) {
  std::vector<policy::child_facts> out;
  for (const char s : states) {
    policy::child_facts f;
    f.state = s == 'u'   ? policy::health::usable
              : s == 'l' ? policy::health::late
              : s == 's' ? policy::health::suspect
              : s == 'd' ? policy::health::dead
                         : policy::health::absent;
    f.measured = f.state != policy::health::absent;
    f.srtt = f.min_rtt = 20ms;
    f.rate = 1000;
    out.push_back(f);
  }
  return out;
}

std::string carriers(const root_target& t) {
  std::string out;
  for (std::uint32_t leaf = 0; leaf < paths; ++leaf) {
    for (const auto place : t.places(leaf)) {
      if (t.reaches(place)) out += static_cast<char>('a' + leaf);
    }
  }
  return out;
}

TEST(RootTarget, WithoutAGraphNothingIsInstalled) {
  const root_target none;
  EXPECT_FALSE(none.installed());
  EXPECT_TRUE(none.places(0).empty());
  EXPECT_TRUE(made("a").installed());
  EXPECT_EQ(made("a").version(), 7u);
}

TEST(RootTarget, ALeafReachesTheRootWhereEverySelectorStandsOnItsSide) {
  auto t = made("selector(a, bond(b, selector(c, d)))");
  EXPECT_EQ(t.update(start, facts("uuuu")).moves.size(), 2u);
  EXPECT_EQ(carriers(t), "a");
  EXPECT_EQ(t.update(start, facts("duuu")).moves.size(), 1u);
  EXPECT_EQ(carriers(t), "bc");
  EXPECT_EQ(t.update(start, facts("dudu")).moves.size(), 1u);
  EXPECT_EQ(carriers(t), "bd");
  EXPECT_TRUE(t.update(start, facts("dudu")).moves.empty()) << "nothing changed";
}

TEST(RootTarget, ASelectorStaysWhenTheBetterChildReturns) {
  auto t = made("selector(a, b)");
  t.update(start, facts("uu"));
  t.update(start, facts("su"));
  EXPECT_EQ(carriers(t), "b");
  EXPECT_TRUE(t.update(start, facts("uu")).moves.empty());
  EXPECT_EQ(carriers(t), "b");
}

TEST(RootTarget, LatenessMovesNothing) {
  auto t = made("selector(a, b)");
  t.update(start, facts("uu"));
  EXPECT_TRUE(t.update(start, facts("lu")).moves.empty());
  EXPECT_TRUE(t.can_place(t.graph().root()));
}

TEST(RootTarget, ACompositeCanPlaceWhileSomeLeafBelowItCan) {
  auto t = made("race(selector(a, b), c)");
  const auto root = t.graph().root();
  t.update(start, facts("ddl"));
  EXPECT_TRUE(t.can_place(root));
  EXPECT_FALSE(t.can_place(t.graph().children_of(root)[0]));
  t.update(start, facts("dds"));
  EXPECT_FALSE(t.can_place(root)) << "suspect takes nothing new";
}

TEST(RootTarget, ACommandIsFollowedOrRefusedWithItsReason) {
  auto t = made("selector(a, b)");
  t.update(start, facts("uu"));
  EXPECT_FALSE(t.select(start, 0, 1).refused);
  EXPECT_EQ(carriers(t), "b");
  t.update(start, facts("du"));
  const auto refused = t.select(start, 0, 0);
  EXPECT_TRUE(refused.refused);
  EXPECT_EQ(refused.reason, policy::selector_reason::refused_dead);
  EXPECT_EQ(carriers(t), "b");
  EXPECT_EQ(t.selector(0).override, 1u) << "a refusal changes nothing";
}

TEST(RootTarget, AMirroredChoiceIsFollowedAsSoonAsThatChildIsGood) {
  auto t = made("selector(a, b)");
  t.update(start, facts("ud"));
  t.mirror(0, 1);
  t.update(start, facts("ud"));
  EXPECT_EQ(carriers(t), "a");
  t.update(start, facts("uu"));
  EXPECT_EQ(carriers(t), "b");
}

TEST(RootTarget, ALeafMayStandInSeveralPlaces) {
  auto t = made("race(a, bond(b, selector(c, a)))");
  EXPECT_EQ(t.places(0).size(), 2u);
  t.update(start, facts("uudd"));
  EXPECT_EQ(carriers(t), "aab");
  EXPECT_TRUE(t.has_bond());
  EXPECT_FALSE(made("race(a, b)").has_bond());
}

// ---- handing over ----

std::vector<policy::child_facts> blocked(std::string_view states, std::size_t which) {
  auto out = facts(states);
  out[which].blocked = true;
  return out;
}

// It stood on a, and a command moved it to b.
root_target commanded() {
  auto t = made("selector(a, b)");
  t.update(start, facts("uu"));
  EXPECT_FALSE(t.hands_over());
  t.select(start, 0, 1);
  return t;
}

TEST(RootTarget, AfterACommandTheChildThatWasLeftTakesWhatTheNewOneCannot) {
  auto t = commanded();
  ASSERT_TRUE(t.hands_over());
  EXPECT_TRUE(t.weighs());
  EXPECT_TRUE(t.left(t.places(0)[0]));
  EXPECT_EQ(carriers(t), "b");
  t.refresh(facts("uu"));
  EXPECT_EQ(t.serving(0), 1u);
  t.refresh(blocked("uu", 1));
  EXPECT_EQ(t.serving(0), 0u);
  t.refresh(blocked("du", 1));
  EXPECT_EQ(t.serving(0), 1u) << "it died";
  t.refresh(blocked("uu", 1));
  t.end_handovers(start + 239ms);
  EXPECT_TRUE(t.hands_over());
  t.end_handovers(start + 240ms);
  EXPECT_FALSE(t.hands_over());
  EXPECT_EQ(t.serving(0), 1u);
  EXPECT_FALSE(t.left(t.places(0)[0]));
}

TEST(RootTarget, NothingIsHandedOverFromADeadChildOrAComposite) {
  auto t = made("selector(a, b)");
  t.update(start, facts("uu"));
  t.update(start, facts("su"));
  EXPECT_EQ(carriers(t), "b");
  EXPECT_FALSE(t.hands_over());
  auto nested = made("selector(race(a, b), c)");
  nested.update(start, facts("uuu"));
  nested.select(start, 0, 1);
  EXPECT_EQ(carriers(nested), "c");
  EXPECT_FALSE(nested.hands_over());
}

TEST(RootTarget, TheSameCommandAgainEndsNoHandOver) {
  auto t = commanded();
  t.select(start + 10ms, 0, 1);
  EXPECT_TRUE(t.left(t.places(0)[0]));
}

TEST(RootTarget, AMoveBackTurnsTheHandOver) {
  auto t = commanded();
  t.select(start + 10ms, 0, 0);
  EXPECT_FALSE(t.left(t.places(0)[0]));
  EXPECT_TRUE(t.left(t.places(1)[0]));
  t.refresh(blocked("uu", 0));
  EXPECT_EQ(t.serving(0), 1u);
}

TEST(RootTarget, ANewGraphKeepsWhereASelectorStoodByTheNamesOfItsChildren) {
  auto before = made("best: selector(a, b)");
  before.update(start, facts("uu"));
  before.select(start, 0, 1);
  auto after = made("best: selector(c, b, a)");
  after.inherit(before);
  EXPECT_EQ(carriers(after), "b");
  EXPECT_EQ(after.reason(0), policy::selector_reason::by_command);
  auto without = made("best: selector(c, a)");
  without.inherit(before);
  EXPECT_EQ(without.selector(0).current, std::nullopt);
  auto other = made("worst: selector(a, b)");
  other.inherit(before);
  EXPECT_EQ(other.selector(0).current, std::nullopt);
}

// ---- quality ----

std::vector<policy::child_facts> quality(std::initializer_list<duration> latencies, instant at) {
  auto out = facts(std::string(latencies.size(), 'u'));
  std::size_t i = 0;
  for (const auto latency : latencies) {
    out[i].latency = latency;
    out[i].quality_known = out[i].fresh = true;
    out[i].quality_at = at;
    ++i;
  }
  return out;
}

TEST(RootTarget, ABetterChildIsTakenWithItsEvidence) {
  auto t = made("best: selector(a, b)");
  t.update(start, facts("uu"));
  auto now = start;
  std::vector<root_target::move> moves;
  for (int i = 0; i < 40 && moves.empty(); ++i) {
    now += 100ms;
    const auto out = t.update(now, quality({90ms, 12ms}, now));
    EXPECT_TRUE(!out.moves.empty() || out.again <= now + 3s);
    moves = out.moves;
  }
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].reason, policy::selector_reason::quicker);
  EXPECT_EQ(moves[0].evidence, "b 12 ms +-0 ms, a 90 ms +-0 ms, for 3 s");
  EXPECT_EQ(t.evidence(0), moves[0].evidence);
  EXPECT_EQ(t.reason(0), moves[0].reason);
  EXPECT_EQ(carriers(t), "b");
}

TEST(RootTarget, EachSelectorHasTheOptionsOfItsNode) {
  auto t = made("race(selector(a, b, dwell=1s), selector(c, d, dwell=forever))");
  t.update(start, facts("uuuu"));
  for (auto now = start; now < start + 2s; now += 100ms) {
    t.update(now, quality({90ms, 12ms, 90ms, 12ms}, now));
  }
  EXPECT_EQ(carriers(t), "bc");
}

TEST(RootTarget, TheCostIsTheGraphs) {
  const std::vector<policy::leaf_info> leaves{{"a", 1, {}, 100}, {"b", 1, {}, 0}};
  root_target t(*policy::parse_graph("selector(a, b)", leaves), 1);
  EXPECT_EQ(t.update(start, facts("uu")).moves[0].evidence, "b usable");
  EXPECT_EQ(carriers(t), "b");
}

TEST(RootTarget, WhatIsToBeMeasuredIsTheLeavesThatCarryForAChild) {
  auto t = made("selector(a, selector(b, c), race(c, d))");
  t.update(start, facts("uuuu"));
  auto known = quality({20ms}, start);
  auto all = facts("uuuu");
  all[0] = known[0];
  const auto out = t.update(start, all);
  EXPECT_EQ(out.measure, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(out.again, start + 500ms);
  EXPECT_TRUE(t.update(start, quality({20ms, 20ms, 20ms, 20ms}, start)).measure.empty());
}

TEST(RootTarget, AnEvidenceOfACommandSaysWhatItLeft) {
  auto t = made("selector(a, b)");
  t.update(start, facts("uu"));
  t.select(start, 0, 1);
  EXPECT_EQ(t.evidence(0), "b usable, a usable");
}

// ---- the guard of a bond ----

TEST(RootTarget, AChildThatTheGuardRestsCarriesNothing) {
  auto t = made("bond(a, b)");
  auto all = facts("uu");
  all[0].rate = 1'000'000;
  t.update(start, all);
  std::uint64_t in_order = 0;
  policy::guard_decision d;
  for (auto now = start; now < start + 5s; now += 1s, in_order += 500'000) {
    d = t.guard(now, 0, in_order, false, std::vector<duration>{0s, now - start});
    if (d.changed) break;
  }
  EXPECT_EQ(d.reason, policy::guard_reason::rested);
  EXPECT_EQ(d.child, 1u);
  EXPECT_TRUE(t.children_facts(0)[1].rested);
  EXPECT_EQ(t.facts(0).rate, 1'000'000u) << "the rested one adds nothing";
  t.refresh(all);
  EXPECT_TRUE(t.children_facts(0)[1].rested);
  EXPECT_FALSE(t.children_facts(0)[0].rested);
}

TEST(RootTarget, FactsOfMissingLeavesAreAbsent) {
  auto t = made("selector(a, d)");
  t.update(start, facts("u"));
  EXPECT_EQ(t.facts(t.places(3)[0]).state, policy::health::absent);
  EXPECT_EQ(carriers(t), "a");
}

}  // namespace
}  // namespace rendr::engine
