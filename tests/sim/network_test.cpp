// SPDX-License-Identifier: Apache-2.0
// What the operating system tells of addresses, devices and routes, and how the engine takes it.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

void doubt(world& w, const char* path) {
  w.client().ep().path_doubted(w.now(), w.status_of(path).carrier, "192.0.2.7 left eth0");
  w.client().wake();
}

TEST(doubted_path, whose_evidence_returns_is_cleared_and_nothing_is_lost) {
  for (const std::uint64_t seed : {61u, 62u, 63u}) {
    world w(two_paths(seed));
    w.connect();
    w.run(1s);
    auto& paced = w.open({.up = traffic::paced(kib, 10ms, 1000), .down = traffic::echo()});
    auto& bulk = w.open({.up = traffic::bulk(20 * mib), .down = traffic::bulk(20 * mib)});
    w.run(2s);
    ASSERT_TRUE(w.run_until([&] { return w.path("a").data_packets() != 0; }, 1s));
    doubt(w, "a");
    ASSERT_TRUE(w.run_until([&] { return w.status_of("a").phase == path_phase::suspect; }, 0s));
    const auto began = w.now();
    ASSERT_TRUE(w.run_until([&] { return w.status_of("a").phase != path_phase::suspect; }, 5s));
    expect_at_most("a wrong doubt is cleared after", ms(w.now() - began), 500, "ms");
    EXPECT_TRUE(w.run_until([&] { return paced.complete() && bulk.complete(); }, 60s));
    EXPECT_EQ(w.deaths(), 0u);
    EXPECT_EQ(w.status_of("a").suspicions, 1u);
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(doubted_path, that_is_dark_is_left_before_any_deadline) {
  const auto gap = [](bool told) {
    world w(two_paths(64));
    w.connect();
    w.run(1s);
    auto& flow = w.open({.up = traffic::paced(kib, 10ms, 1000)});
    w.run(3s);
    EXPECT_TRUE(w.run_until([&] { return w.path("a").data_packets() != 0; }, 1s));
    w.path("a").blackhole(true);
    if (told) doubt(w, "a");
    const auto from = w.now();
    w.run(2s);
    EXPECT_GT(w.path("a").darkened(), 0u);
    const auto longest = flow.longest_gap(true, from, w.now());
    w.path("a").blackhole(false);
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
    EXPECT_EQ(w.finish(), "");
    return longest;
  };
  const auto told = gap(true);
  expect_at_most("gap when the system told", ms(told), 45, "ms");  // b's way and the pace
  EXPECT_LT(told, gap(false));
}

TEST(returned_network, is_used_as_soon_as_the_system_tells) {
  world w(two_paths(65));
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 10ms, 3000), .down = traffic::echo()});
  w.run(3s);
  w.path("a").blackhole(true);
  w.path("a").refuse(true);
  doubt(w, "a");
  w.run(600ms);  // too short for a death
  EXPECT_EQ(w.status_of("a").phase, path_phase::suspect);
  w.path("a").blackhole(false);
  w.path("a").refuse(false);
  w.client().ep().network_changed(w.now());
  w.client().wake();
  const auto back = w.now();
  ASSERT_TRUE(w.run_until([&] { return w.status_of("a").phase == path_phase::standby; }, 10s));
  expect_at_most("attached again after", ms(w.now() - back), 100, "ms");
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
