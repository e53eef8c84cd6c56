// SPDX-License-Identifier: Apache-2.0
// Several roots on one link: each flow under its own, replaced while it runs.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

scenario two_lines() {
  scenario s;
  s.seed = seed_or(51);
  s.paths = {path("fiber", 20ms, 50 * mbit), path("lte", 60ms, 20 * mbit)};
  s.root = "selector(fiber, lte)";
  return s;
}

void set_root(world& w, engine::link_ref link, std::string_view text, std::string_view name) {
  const auto refused = w.client().ep().set_root(w.now(), link, text, name);
  EXPECT_FALSE(refused) << refused->detail;
  w.client().wake();
}

double rate_of(world& w, const conversation& flow, duration time) {
  const auto before = flow.server().received;
  w.run(time);
  return static_cast<double>(flow.server().received - before) /
         std::chrono::duration<double>(time).count();
}

/// Goodput of one bulk flow, alone on its link, on path `name`.
double alone(const std::string& name) {
  auto s = two_lines();
  s.root = "selector(fiber, lte)";
  world w(s);
  const auto link = w.connect();
  w.run(1s);
  set_root(w, link, name, "only");
  auto& flow = w.open({.up = traffic::bulk(gib), .root = "only"});
  w.run(3s);
  const auto rate = rate_of(w, flow, 10s);
  flow.abort(false, 1);
  return rate;
}

TEST(two_flows, under_different_roots_are_each_as_good_as_alone) {
  const auto fiber_alone = alone("fiber");
  const auto lte_alone = alone("lte");
  world w(two_lines());
  const auto link = w.connect();
  w.run(1s);
  set_root(w, link, "lte", "cheap");
  auto& fast = w.open({.up = traffic::bulk(gib)});
  auto& cheap =
      w.open({.up = traffic::bulk(gib), .down = traffic::paced(kib, 20ms, 1000), .root = "cheap"});
  w.run(3s);
  const auto before = cheap.server().received;
  const auto sent_down = cheap.client().received;
  const auto fast_rate = rate_of(w, fast, 10s);
  const auto cheap_rate = static_cast<double>(cheap.server().received - before) / 10;
  expect_at_least("a flow under the default root, of the same alone", 100 * fast_rate / fiber_alone,
                  98, "%");
  expect_at_least("a flow under its own root, of the same alone", 100 * cheap_rate / lte_alone, 98,
                  "%");
  EXPECT_GT(cheap.client().received, sent_down) << "the acceptor places by the same root";
  EXPECT_EQ(w.status_of("fiber", true).payload_sent, 0u);
  EXPECT_GT(w.status_of("lte", true).payload_sent, 300'000u);
  EXPECT_EQ(w.violations(), "");
  fast.abort(false, 1);
  cheap.abort(false, 1);
}

TEST(root, is_replaced_a_hundred_times_while_its_flow_runs) {
  world w(two_lines());
  const auto link = w.connect();
  w.run(1s);
  set_root(w, link, "fiber", "mine");
  auto& other = w.open({.up = traffic::bulk(48 * mib)});
  auto& flow =
      w.open({.up = traffic::bulk(48 * mib), .down = traffic::bulk(8 * mib), .root = "mine"});
  const std::array graphs{"race(fiber, lte)",
                          "lte",
                          "bond(fiber, lte)",
                          "selector(lte, fiber)",
                          "selector(bond(fiber, lte), lte)",
                          "fiber"};
  for (std::size_t i = 0; i < 100; ++i) {
    w.run(50ms);
    set_root(w, link, graphs[i % graphs.size()], "mine");
  }
  EXPECT_FALSE(flow.complete()) << "it ran meanwhile";
  EXPECT_TRUE(w.run_until([&] { return flow.complete() && other.complete(); }, 60s));
  EXPECT_EQ(w.server().ep().status(w.now()).links.at(0).roots.begin()->second,
            "selector1: selector(lte, fiber)");
  EXPECT_EQ(w.finish(), "");
}

TEST(root, that_no_set_root_made_is_refused_and_a_selector_of_a_root_is_its_own) {
  world w(two_lines());
  const auto link = w.connect();
  w.run(1s);
  auto& client = w.client().ep();
  EXPECT_EQ(client.open_stream(w.now(), link, {{}, "none", {}}).error(), errc::invalid_argument);
  EXPECT_EQ(client.select(w.now(), link, "selector1", "lte", "none")->code, errc::invalid_argument);
  EXPECT_EQ(client.set_root(w.now(), link, "fiber", "a b")->code, errc::invalid_argument);
  set_root(w, link, "selector(fiber, lte)", "mine");
  EXPECT_FALSE(client.select(w.now(), link, "selector1", "lte", "mine"));
  w.client().wake();
  w.run(1s);
  for (const bool at_server : {false, true}) {
    const auto status = (at_server ? w.server() : w.client()).ep().status(w.now());
    const auto& chosen = status.links.at(0).selections;
    ASSERT_EQ(chosen.size(), 2u);
    EXPECT_EQ(chosen[0].child, "fiber");
    EXPECT_EQ(chosen[1].root, "mine");
    EXPECT_EQ(chosen[1].child, "lte");
  }
  EXPECT_EQ(w.finish(), "");
}

TEST(root, of_a_flow_that_dies_moves_no_other_flow) {
  auto s = two_lines();
  world w(s);
  const auto link = w.connect();
  w.run(1s);
  set_root(w, link, "selector(lte, fiber)", "mine");
  EXPECT_FALSE(w.client().ep().migrate(w.now(), link, "lte", "mine"));
  w.client().wake();
  auto& flow = w.open({.up = traffic::bulk(8 * mib), .root = "mine"});
  auto& other = w.open({.up = traffic::bulk(16 * mib)});
  w.run(1s);
  const auto moves = w.migrations().size();
  w.path("lte").kill();
  w.run(50ms);
  EXPECT_EQ(w.deaths(), 1u);
  ASSERT_EQ(w.migrations().size(), moves + 1);
  EXPECT_EQ(w.migrations().back().root, "mine");
  EXPECT_TRUE(w.run_until([&] { return flow.complete() && other.complete(); }, 60s));
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
