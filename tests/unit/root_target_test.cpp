// SPDX-License-Identifier: Apache-2.0
#include "engine/root_target.hpp"

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

TEST(RootTarget, FactsOfMissingLeavesAreAbsent) {
  auto t = made("selector(a, d)");
  t.update(start, facts("u"));
  EXPECT_EQ(t.facts(t.places(3)[0]).state, policy::health::absent);
  EXPECT_EQ(carriers(t), "a");
}

}  // namespace
}  // namespace rendr::engine
