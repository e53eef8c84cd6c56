// SPDX-License-Identifier: Apache-2.0
#include "engine/path/leaf_table.hpp"

#include <gtest/gtest.h>

namespace rendr::engine {
namespace {

path_config leaf_named(std::string name) {
  path_config out;
  out.name = std::move(name);
  return out;
}

leaf_table with(std::initializer_list<path_config> paths) {
  leaf_table out;
  out.start(paths);
  return out;
}

TEST(leaf_table, a_leaf_that_only_its_number_is_known_of_has_a_name) {
  leaf_table t;
  EXPECT_EQ(t.of(2).config.name, "p3");
  EXPECT_EQ(t.size(), 3u);
  EXPECT_EQ(t.of(2).config.name, "p3") << "it is there already";
  EXPECT_EQ(t.size(), 3u);
}

TEST(leaf_table, a_removed_leaf_has_no_name_any_more) {
  auto t = with({leaf_named("a"), leaf_named("b")});
  EXPECT_EQ(t.named("b"), 1u);
  t[1].removed = true;
  EXPECT_FALSE(t.named("b"));
  EXPECT_FALSE(t.named("c"));
}

TEST(leaf_table, a_path_stands_for_its_leaf_while_it_takes_new_data) {
  auto t = with({leaf_named("a")});
  path p;
  EXPECT_FALSE(t.stands_for(p));
  t[0].current = &p;
  EXPECT_TRUE(t.stands_for(p));
  EXPECT_EQ(t.current(0), &p);
  EXPECT_EQ(t.current(7), nullptr) << "there is no such leaf";
  t.end_all();
  EXPECT_FALSE(t.stands_for(p));
  EXPECT_EQ(t[0].shown, path_phase::dead);
}

TEST(leaf_table, a_name_that_comes_back_has_its_leaf_again_with_what_is_known_of_it) {
  auto t = with({leaf_named("a"), leaf_named("b")});
  t[1].removed = true;
  t[1].totals.deaths = 3;
  const auto place = t.take("b", {true, true});
  ASSERT_TRUE(place);
  EXPECT_EQ(place->leaf, 1u);
  EXPECT_FALSE(place->fresh);
  EXPECT_EQ(t[1].totals.deaths, 3u);
}

TEST(leaf_table, a_new_name_has_a_fresh_leaf) {
  auto t = with({leaf_named("a"), leaf_named("b")});
  t[1].removed = true;
  const auto place = t.take("c", {false, false});
  ASSERT_TRUE(place);
  EXPECT_EQ(place->leaf, 2u);
  EXPECT_TRUE(place->fresh);
  EXPECT_EQ(t.size(), 3u);
}

TEST(leaf_table, when_all_numbers_are_given_one_that_nothing_knows_is_given_again) {
  leaf_table t;
  std::vector<bool> known;
  for (std::size_t i = 0; i < defaults::paths_per_link; ++i) {
    t.of(static_cast<spec_id>(i)).totals.deaths = 1;
    known.push_back(true);
  }
  known[9] = false;
  EXPECT_FALSE(t.take("new", known)) << "leaf 9 is not removed";
  t[9].removed = true;
  t[5].removed = true;
  const auto place = t.take("new", known);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->leaf, 9u) << "a graph still names leaf 5";
  EXPECT_TRUE(place->fresh);
  EXPECT_EQ(t[9].totals.deaths, 0u);
}

TEST(leaf_table, graphs_may_name_the_leaves_that_are_not_removed) {
  auto t = with({leaf_named("a"), leaf_named("b"), leaf_named("c")});
  t[1].removed = true;
  t[2].config.fate = "dsl";
  const auto infos = t.infos();
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].name, "a");
  EXPECT_EQ(infos[1].name, "c");
  EXPECT_EQ(infos[1].leaf, 2u);
  EXPECT_EQ(infos[1].fate, "dsl");
}

TEST(leaf_table, an_acceptor_learns_of_a_leaf_what_the_graph_says) {
  leaf_table t;
  path p;
  t.of(0).current = &p;
  policy::node node;
  node.kind = policy::node_kind::path;
  node.name = "lte";
  node.leaf = 0;
  node.cost = 7;
  node.fate = "mast";
  node.evidence = evidence_kind::first_hop;
  t.learn(node);
  EXPECT_EQ(t[0].config.name, "lte");
  EXPECT_EQ(t[0].config.cost, 7u);
  EXPECT_EQ(t[0].config.fate, "mast");
  EXPECT_EQ(p.evidence, evidence_kind::first_hop);
  node.evidence = evidence_kind::none;
  t.learn(node);
  EXPECT_EQ(p.evidence, evidence_kind::first_hop) << "the first word counts";
}

TEST(leaf_table, one_carrier_that_ended_in_silence_is_enough) {
  auto t = with({leaf_named("a"), leaf_named("b")});
  EXPECT_FALSE(t.any_silent_end());
  t[1].silent_end = true;
  EXPECT_TRUE(t.any_silent_end());
}

}  // namespace
}  // namespace rendr::engine
