// SPDX-License-Identifier: Apache-2.0
#include "engine/route/router.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"
#include "engine/record/record_writer.hpp"
#include "policy/graph_text.hpp"
#include "wire/record.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using policy::health;

constexpr instant start{1000s};
const std::vector<policy::leaf_info> infos{{"a"}, {"b"}, {"c"}};

router::leaf_facts good() {
  policy::child_facts one;
  one.state = health::usable;
  one.measured = true;
  one.srtt = one.min_rtt = 20ms;
  one.rate = 1000;
  return router::leaf_facts(3, one);
}

/// One end: its router and the facts of its leaves, applied as a link would.
struct end {
  explicit end(role side) : routes(side) {}

  void begin(const std::string& text) {
    auto graph = policy::parse_graph(text, infos);
    ASSERT_TRUE(graph);
    routes.install(routes.begin(text), std::move(*graph), leaves);
    decide(cause::none);
  }
  router::routes decide(cause why) { return routes.decide(now, why, leaves); }
  std::optional<failure> set_root(std::string_view name, std::string_view text) {
    auto wanted = routes.read(name, text, infos);
    if (!wanted) return wanted.error();
    router::renew(*wanted->root, true);
    routes.install(*wanted->root, std::move(wanted->graph), leaves);
    decide(cause::explicit_command);
    return std::nullopt;
  }
  std::string select(std::string_view node, std::string_view child) {
    const auto done = routes.select(now, "", node, child, leaves);
    return done ? "" : done.error().detail;
  }
  std::string stands(std::string_view name = "") {
    link_status seen;
    routes.describe(seen);
    std::string out;
    for (const auto& one : seen.selections) {
      if (one.root == name) out += (out.empty() ? "" : " ") + one.node + "=" + one.child;
    }
    return out;
  }
  /// What it owes, as frames for the other end: how many there were.
  std::size_t tell(end& peer, std::size_t limit = 4000) {
    slab_pool pool;
    outbound out;
    record_writer w(out, pool, 1, limit);
    complete = routes.put(w);
    if (w.empty()) {
      w.cancel();
      return 0;
    }
    controls = w.finish().controls;
    bytes raw;
    for (const auto piece : out.pieces()) raw.insert(raw.end(), piece.begin(), piece.end());
    const auto record = wire::read_record(raw);
    wire::frame_reader reader((*record)->payload);
    std::size_t n = 0;
    for (auto frame = reader.next(); frame && frame->has_value(); frame = reader.next()) {
      peer.take(**frame);
      ++n;
    }
    return n;
  }
  void take(const wire::frame& f) {
    if (const auto* graph = std::get_if<wire::graph>(&f)) {
      auto heard = routes.take(*graph);
      ASSERT_TRUE(heard);
      if (heard->root != nullptr) routes.install(*heard->root, std::move(heard->graph), leaves);
    } else if (const auto* chosen = std::get_if<wire::select>(&f)) {
      ASSERT_TRUE(routes.take(*chosen));
    } else {
      FAIL() << "neither GRAPH nor SELECT";
    }
    decide(cause::explicit_command);
  }

  router routes;
  router::leaf_facts leaves = good();
  instant now = start;
  bool complete = false;
  std::vector<sent_control> controls;
};

struct both_ends {
  end dialer{role::dialer};
  end acceptor{role::acceptor};
};

TEST(router, without_a_graph_it_decides_nothing) {
  end e(role::acceptor);
  EXPECT_FALSE(e.routes.installed());
  EXPECT_FALSE(e.decide(cause::returned).moved);
  EXPECT_EQ(e.routes.next_look(), never);
  EXPECT_FALSE(e.routes.reaches(0, false));
  link_status seen;
  e.routes.describe(seen);
  EXPECT_TRUE(seen.root.empty());
}

TEST(router, a_death_moves_the_selector_above_and_is_told_with_its_evidence) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  EXPECT_TRUE(e.routes.reaches(0, false));
  e.leaves[0].state = health::dead;
  const auto routes = e.decide(cause::carrier_error);
  EXPECT_TRUE(routes.moved);
  ASSERT_EQ(routes.told.size(), 1u);
  EXPECT_EQ(routes.told[0].node, "way");
  EXPECT_EQ(routes.told[0].from, "a");
  EXPECT_EQ(routes.told[0].to, "b");
  EXPECT_EQ(routes.told[0].why, cause::carrier_error) << "what happened to the path";
  EXPECT_EQ(routes.told[0].evidence, "b usable, a dead");
  EXPECT_EQ(e.routes.migrations(), 1u);
  EXPECT_FALSE(e.routes.reaches(0, false));
  EXPECT_TRUE(e.routes.reaches(1, false));
}

TEST(router, the_first_choice_and_the_loss_of_all_children_are_no_migration) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  EXPECT_EQ(e.routes.migrations(), 0u);
  for (auto& leaf : e.leaves) leaf.state = health::dead;
  const auto routes = e.decide(cause::silence);
  EXPECT_TRUE(routes.moved);
  EXPECT_TRUE(routes.told.empty()) << "nothing carries now";
  EXPECT_EQ(e.routes.migrations(), 0u);
}

TEST(router, new_evidence_is_looked_at_together) {
  end e(role::dialer);
  e.begin("a");
  EXPECT_EQ(e.routes.next_look(), never) << "there is nothing to choose";
  e.routes.look_by(start + 100ms);
  e.routes.look_by(start + 150ms);
  EXPECT_EQ(e.routes.next_look(), start + 100ms);
  e.decide(cause::quality);
  EXPECT_EQ(e.routes.next_look(), never);
}

TEST(router, a_rival_of_unknown_quality_is_to_be_measured_and_looked_at_no_sooner_than_the_floor) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  const auto routes = e.decide(cause::returned);
  EXPECT_EQ(routes.measure, (std::vector<std::uint32_t>{1})) << "a rival";
  EXPECT_GE(e.routes.next_look(), start + defaults::deadline_floor);
  EXPECT_LT(e.routes.next_look(), never);
}

TEST(router, a_command_stands_until_it_is_released) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  const auto done = e.routes.select(start, "", "way", "b", e.leaves);
  ASSERT_TRUE(done && done->has_value());
  EXPECT_EQ((*done)->from, "a");
  EXPECT_EQ((*done)->to, "b");
  EXPECT_EQ((*done)->why, cause::explicit_command);
  EXPECT_EQ(e.stands(), "way=b");
  const auto again = e.routes.select(start, "", "way", "b", e.leaves);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->has_value()) << "it stands there already";
  EXPECT_EQ(e.select("way", ""), "");
  EXPECT_EQ(e.routes.migrations(), 1u);
}

TEST(router, a_command_that_cannot_be_followed_says_why_and_changes_nothing) {
  end e(role::dialer);
  EXPECT_EQ(e.select("way", "b"), "select: the link has no root ''");
  e.begin("way: selector(a, b)");
  EXPECT_EQ(e.select("no", "b"), "select: 'no' is no selector of the graph");
  EXPECT_EQ(e.select("way", "c"), "select: 'c' is no child of 'way'");
  e.leaves[1].state = health::dead;
  EXPECT_TRUE(e.select("way", "b").starts_with("select: ")) << "it is dead";
  EXPECT_EQ(e.stands(), "way=a");
  EXPECT_FALSE(e.routes.owed());
}

TEST(router, the_way_to_a_leaf_goes_through_every_selector_above_it) {
  end e(role::dialer);
  e.begin("top: selector(a, under: selector(b, c))");
  const auto way = e.routes.way_to("", "c");
  ASSERT_TRUE(way);
  ASSERT_EQ(way->size(), 2u);
  EXPECT_EQ((*way)[0].node, "under");
  EXPECT_EQ((*way)[0].child, "c");
  EXPECT_EQ((*way)[1].node, "top");
  EXPECT_EQ((*way)[1].child, "under");
  EXPECT_EQ(e.routes.way_to("", "x").error().detail, "migrate: 'x' is no leaf of the graph");
  EXPECT_EQ(e.routes.way_to("no", "c").error().detail, "migrate: the link has no root 'no'");
  e.begin("race(a, b)");
  EXPECT_EQ(e.routes.way_to("", "b").error().detail,
            "migrate: no selector stands above 'b': it carries already");
}

TEST(router, the_acceptor_mirrors_the_graph_and_the_choice_of_the_dialer) {
  both_ends w;
  w.dialer.begin("way: selector(a, b)");
  EXPECT_FALSE(w.dialer.routes.owed()) << "nothing is told before the link is up";
  w.dialer.routes.owe_graphs();
  EXPECT_EQ(w.dialer.select("way", "b"), "");
  EXPECT_EQ(w.dialer.tell(w.acceptor), 2u);
  EXPECT_EQ(w.acceptor.stands(), "way=b");
  EXPECT_FALSE(w.dialer.routes.owed());
  EXPECT_EQ(w.dialer.tell(w.acceptor), 0u) << "it is told once";
  ASSERT_EQ(w.dialer.controls.size(), 2u);
  EXPECT_EQ(w.dialer.controls[0].what, control::graph);
  EXPECT_EQ(w.dialer.controls[1].what, control::select);
}

TEST(router, what_a_lost_record_told_is_told_again_as_it_is_now) {
  both_ends w;
  end nobody(role::acceptor);
  w.dialer.begin("way: selector(a, b)");
  w.dialer.routes.owe_graphs();
  w.dialer.select("way", "b");
  w.dialer.tell(nobody);
  w.dialer.select("way", "a");
  w.dialer.routes.owe_graphs();
  w.dialer.routes.owe_selections();
  EXPECT_EQ(w.dialer.tell(w.acceptor), 2u);
  EXPECT_EQ(w.acceptor.stands(), "way=a");
}

TEST(router, a_choice_that_arrives_before_its_graph_waits_for_it) {
  both_ends w;
  ASSERT_TRUE(w.acceptor.routes.take(wire::select{2, "", "way", "b"}));
  EXPECT_FALSE(w.acceptor.routes.installed());
  w.dialer.begin("way: selector(a, b)");
  w.dialer.routes.owe_graphs();
  w.dialer.tell(w.acceptor);
  EXPECT_EQ(w.acceptor.stands(), "way=b");
}

TEST(router, the_highest_version_of_a_choice_wins) {
  both_ends w;
  w.dialer.begin("way: selector(a, b)");
  w.dialer.routes.owe_graphs();
  w.dialer.tell(w.acceptor);
  const auto takes = [&](std::uint64_t version, std::string_view child) {
    const auto follows = w.acceptor.routes.take(wire::select{version, "", "way", child});
    return follows && *follows;
  };
  EXPECT_TRUE(takes(4, "b"));
  EXPECT_FALSE(takes(4, "a")) << "the same version";
  EXPECT_FALSE(takes(2, "a")) << "an older one";
  EXPECT_EQ(w.acceptor.routes.take(wire::select{wire::max_varint, "", "way", "a"}).error(),
            errc::protocol_violation)
      << "no later choice could win over it";
  EXPECT_FALSE(*w.acceptor.routes.take(wire::select{6, "", "gone", "a"})) << "no such selector";
}

TEST(router, commands_of_both_ends_never_share_a_version) {
  both_ends w;
  w.dialer.begin("way: selector(a, b)");
  w.dialer.routes.owe_graphs();
  w.dialer.tell(w.acceptor);
  for (auto* one : {&w.dialer, &w.acceptor, &w.acceptor, &w.dialer}) {
    auto& other = one == &w.dialer ? w.acceptor : w.dialer;
    EXPECT_EQ(one->select("way", "b"), "");
    EXPECT_EQ(one->tell(other), 1u);
    ASSERT_EQ(one->controls.size(), 1u);
    EXPECT_EQ(one->controls[0].value % 2, one == &w.dialer ? 0u : 1u);
  }
}

TEST(router, only_the_dialer_owns_graphs) {
  both_ends w;
  const auto refused = w.acceptor.set_root("", "a");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, errc::refused);
  EXPECT_EQ(w.dialer.routes.take(wire::graph{9, "", "a#0"}).error(), errc::protocol_violation);
  w.acceptor.routes.owe_graphs();
  EXPECT_FALSE(w.acceptor.routes.owed());
}

TEST(router, a_graph_is_taken_once_and_a_broken_one_is_a_violation) {
  end e(role::acceptor);
  EXPECT_EQ(e.routes.take(wire::graph{1, "", "selector("}).error(), errc::protocol_violation);
  auto heard = e.routes.take(wire::graph{2, "", "a#0"});
  ASSERT_TRUE(heard && heard->root != nullptr);
  heard = e.routes.take(wire::graph{2, "", "b#1"});
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->root, nullptr);
  const auto far = "x#" + std::to_string(defaults::paths_per_link);
  EXPECT_EQ(e.routes.take(wire::graph{3, "", far}).error(), errc::protocol_violation);
}

TEST(router, a_new_graph_keeps_the_place_of_the_selectors_that_it_names_again) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  e.leaves[0].state = health::dead;
  e.decide(cause::carrier_eof);
  e.leaves[0].state = health::usable;
  EXPECT_FALSE(e.set_root("", "way: selector(c, b, a)"));
  EXPECT_EQ(e.stands(), "way=b");
  EXPECT_FALSE(e.set_root("", "other: selector(c, b, a)"));
  EXPECT_EQ(e.stands(), "other=c");
  EXPECT_TRUE(e.routes.owed()) << "the peer must know the newest";
}

TEST(router, a_text_that_is_no_graph_leaves_the_root_as_it_was) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  EXPECT_TRUE(e.set_root("", "selector(a, nobody)"));
  EXPECT_TRUE(e.set_root("no name", "a"));
  EXPECT_EQ(e.stands(), "way=a");
  link_status seen;
  e.routes.describe(seen);
  EXPECT_EQ(seen.root, "way: selector(a, b)");
  EXPECT_TRUE(seen.roots.empty());
}

TEST(router, a_flow_stands_on_the_default_root_until_its_own_has_a_graph) {
  end e(role::dialer);
  e.begin("way: selector(a, b)");
  auto& standard = e.routes.root_of(nullptr);
  EXPECT_TRUE(standard.name.empty());
  EXPECT_EQ(e.routes.find("bulk"), nullptr);
  EXPECT_FALSE(e.set_root("bulk", "far: selector(c, a)"));
  auto* bulk = e.routes.find("bulk");
  ASSERT_NE(bulk, nullptr);
  EXPECT_EQ(&e.routes.root_of(bulk), bulk);
  EXPECT_EQ(e.stands("bulk"), "far=c");
  named_root unknown;
  EXPECT_EQ(&e.routes.root_of(&unknown), &standard);
  EXPECT_TRUE(e.routes.reaches(2, false)) << "some root places bytes there";
}

TEST(router, a_graph_over_all_paths_grows_with_them) {
  end e(role::dialer);
  auto& root = e.routes.begin("");
  const std::span<const policy::leaf_info> two(infos.data(), 2);
  e.routes.install(root, policy::default_graph(two), e.leaves);
  EXPECT_FALSE(router::regrown(root, two).has_value());
  const auto grown = router::regrown(root, infos);
  ASSERT_TRUE(grown);
  EXPECT_EQ(grown->leaves().size(), 3u);
  root.text = "selector(a, c)";
  EXPECT_FALSE(router::regrown(root, two).has_value()) << "it names what is not there";
  EXPECT_FALSE(router::regrown(named_root(), infos).has_value());
}

TEST(router, frames_that_do_not_fit_wait_for_the_next_record) {
  both_ends w;
  w.dialer.begin("way: selector(a, b)");
  w.dialer.routes.owe_graphs();
  EXPECT_FALSE(w.dialer.set_root("second", "over: selector(b, c)"));
  EXPECT_EQ(w.dialer.tell(w.acceptor, 40), 1u) << "one graph alone may widen its record";
  EXPECT_FALSE(w.dialer.complete);
  EXPECT_TRUE(w.dialer.routes.owed());
  EXPECT_EQ(w.dialer.tell(w.acceptor, 40), 1u);
  EXPECT_TRUE(w.dialer.complete);
  EXPECT_EQ(w.acceptor.stands("second"), "over=b");
}

TEST(router, bytes_are_weighed_where_a_bond_is) {
  end e(role::dialer);
  e.begin("selector(a, b)");
  EXPECT_FALSE(e.routes.weighs());
  EXPECT_FALSE(e.routes.has_bond());
  e.begin("bond(a, b)");
  EXPECT_TRUE(e.routes.weighs());
  EXPECT_TRUE(e.routes.has_bond());
  e.leaves[0].rate = 77;
  e.routes.weigh(start, e.leaves);
  const auto& target = e.routes.root_of(nullptr).target;
  EXPECT_EQ(target.facts(target.places(0)[0]).rate, 77u);
}

}  // namespace
}  // namespace rendr::engine
