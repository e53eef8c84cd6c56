// SPDX-License-Identifier: Apache-2.0
#include "policy/graph.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "policy/graph_text.hpp"

namespace rendr::policy {
namespace {

using ids = std::vector<node_id>;

graph sample() {
  // 0 best, 1 a, 2 race1, 3 b, 4 pair, 5 c, 6 a
  const std::vector<leaf_info> paths{{"a"}, {"b"}, {"c"}};
  return *parse_graph("best: selector(a, race(b, pair: bond(c, a)))", paths);
}

TEST(Graph, AnEmptyGraphHasNoRoot) {
  const graph g;
  EXPECT_TRUE(g.empty());
  EXPECT_EQ(g.root(), no_node);
  EXPECT_EQ(g.leaf_count(), 0u);
  EXPECT_EQ(g.find("best"), no_node);
  EXPECT_EQ(to_text(g), "");
}

TEST(Graph, ChildrenComeInTheOrderOfTheText) {
  const auto g = sample();
  EXPECT_EQ(g.root(), 0u);
  EXPECT_EQ(ids(g.children_of(0).begin(), g.children_of(0).end()), (ids{1, 2}));
  EXPECT_EQ(ids(g.children_of(4).begin(), g.children_of(4).end()), (ids{5, 6}));
  EXPECT_TRUE(g.children_of(6).empty());
}

TEST(Graph, LeavesComeInPreorderAndMayRepeatAPath) {
  const auto g = sample();
  EXPECT_EQ(g.leaves(), (ids{1, 3, 5, 6}));
  EXPECT_EQ(g.places_of(0), (ids{1, 6}));
  EXPECT_EQ(g.places_of(2), (ids{5}));
  EXPECT_EQ(g.places_of(3), ids{});
  EXPECT_EQ(g.leaf_count(), 3u);
}

TEST(Graph, CompositesAreFoundByName) {
  const auto g = sample();
  EXPECT_EQ(g.find("best"), 0u);
  EXPECT_EQ(g.find("race1"), 2u);
  EXPECT_EQ(g.find("pair"), 4u);
  EXPECT_EQ(g.find("a"), no_node);
}

TEST(Graph, AChildIsFoundByItsNameUnderItsParent) {
  const auto g = sample();
  EXPECT_EQ(g.child_named(0, "a"), 0u);
  EXPECT_EQ(g.child_named(0, "race1"), 1u);
  EXPECT_EQ(g.child_named(0, "b"), std::nullopt);
  EXPECT_EQ(g.child_named(4, "a"), 1u);
}

TEST(Graph, EachNodeKnowsItsPosition) {
  const auto g = sample();
  EXPECT_EQ(g.position_of(0), 0u);
  for (node_id id = 0; id < g.size(); ++id) {
    for (std::size_t i = 0; i < g.children_of(id).size(); ++i) {
      EXPECT_EQ(g.position_of(g.children_of(id)[i]), i);
      EXPECT_EQ(g[g.children_of(id)[i]].parent, id);
    }
  }
}

TEST(Graph, EqualityLooksAtAllButWhoMadeTheName) {
  const std::vector<leaf_info> paths{{"a"}, {"b"}, {"c"}};
  const auto same = *parse_graph("best: selector(a, race1: race(b, pair: bond(c, a)))", paths);
  EXPECT_EQ(same, sample());
  for (const auto other :
       {"best: race(a, race(b, pair: bond(c, a)))", "bust: selector(a, race(b, pair: bond(c, a)))",
        "best: selector(a, race(b, pair: bond(a, c)))",
        "best: selector(a, race(b, pair: bond(c, a)), weight=2)",
        "best: selector(a, race(b), pair: bond(c, a))"}) {
    EXPECT_NE(*parse_graph(other, paths), sample()) << other;
  }
}

}  // namespace
}  // namespace rendr::policy
