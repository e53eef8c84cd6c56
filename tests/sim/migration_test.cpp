// SPDX-License-Identifier: Apache-2.0
// Gates G1 and G2: planned migrations and killed paths under load.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

scenario three_paths(const std::string& root, std::uint64_t rate) {
  scenario s;
  s.seed = seed_or(11);
  s.paths = {path("fiber", 20ms, rate), path("lte", 30ms, rate), path("wifi", 40ms, rate)};
  s.root = root;
  return s;
}

enum class disturbance { none, migrations, kills };

struct outcome {
  duration time{};
  duration gap{};
};

outcome transfer(const std::string& root, std::uint64_t size, disturbance what) {
  world w(three_paths(root, 400 * mbit));
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::bulk(size)});
  const auto start = w.now();
  const std::array<std::string, 3> names{"lte", "wifi", "fiber"};
  std::uint64_t on_the_path = 0;
  std::uint64_t kills = 0;
  for (std::size_t i = 0; i < 3 && what != disturbance::none; ++i) {
    const auto mark = size / 10 * (3 + 2 * i);
    EXPECT_TRUE(w.run_until([&] { return flow.server().received >= mark; }, 600s));
    if (what == disturbance::migrations) {
      w.at(w.now() - instant{}).migrate(names[i]);
      w.run(0s);
    } else {
      for (const auto& name : names) {
        if (!w.status_of(name).carries_data || w.path(name).data_packets() == 0) continue;
        on_the_path += w.path(name).data_packets();
        w.path(name).kill();
        ++kills;
        break;
      }
    }
  }
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 600s)) << root;
  if (what == disturbance::kills) {
    EXPECT_GT(on_the_path, 0u) << "nothing was on a path when it died";
    EXPECT_EQ(w.deaths(), kills);
    EXPECT_EQ(kills, 3u);
  }
  const outcome result{w.now() - start, flow.longest_gap(true, start, w.now())};
  EXPECT_EQ(w.finish(), "");
  return result;
}

// To a path that never carried anything: its window is open after eight round trips or so.
TEST(migration, of_a_full_stream_costs_no_rate) {
  auto s = three_paths("selector(fiber, lte)", 400 * mbit);
  s.paths = {path("fiber", 40ms, 400 * mbit), path("lte", 40ms, 400 * mbit)};
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::bulk(std::uint64_t{700} << 20)});
  w.run(8s);
  const auto in_time = [&](duration d) {
    const auto before = flow.server().received;
    w.run(d);
    return static_cast<double>(flow.server().received - before) /
           std::chrono::duration<double>(d).count() * 8 / 1e6;
  };
  const auto usual = in_time(400ms);
  w.at(w.now() - instant{}).migrate("lte");
  const auto moving = in_time(400ms);
  const auto after = in_time(400ms);
  EXPECT_GT(w.path("lte").data_packets(), 0u);
  expect_at_least("400 ms around a migration, of the usual rate", moving / usual * 100, 95, "%");
  expect_at_least("the 400 ms after, of the usual rate", after / usual * 100, 95, "%");
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 600s));
  EXPECT_EQ(w.finish(), "");
}

TEST(link, comes_up_and_carries_a_flow_both_ways) {
  world w(three_paths("selector(fiber, lte, wifi)", 100 * mbit));
  const auto link = w.connect();
  w.run(1s);
  EXPECT_TRUE(w.link_up(link));
  auto& flow = w.open({.up = traffic::bulk(1 * mib), .down = traffic::bulk(2 * mib)});
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 10s));
  EXPECT_EQ(flow.server().received, 1 * mib);
  EXPECT_EQ(flow.client().received, 2 * mib);
  EXPECT_EQ(w.finish(), "");
}

class bulk : public testing::TestWithParam<const char*> {};

TEST_P(bulk, survives_migrations_and_kills_without_a_gap) {
  const std::string root = GetParam();
  const auto size = root.starts_with("race") ? 512 * mib : gib;
  const auto plain = transfer(root, size, disturbance::none);
  const auto killed = transfer(root, size, disturbance::kills);
  if (root.find("selector") != std::string::npos) {  // there is nothing to command elsewhere
    const auto moved = transfer(root, size, disturbance::migrations);
    expect_at_most("G1 " + root + " migrations, gap", ms(moved.gap), 250, "ms");
    expect_at_most("G1 " + root + " migrations, time", ms(moved.time), 1.05 * ms(plain.time), "ms");
  }
  expect_at_most("G1 " + root + " kills, gap", ms(killed.gap), 250, "ms");
  expect_at_most("G1 " + root + " kills, time", ms(killed.time), 1.05 * ms(plain.time), "ms");
}
INSTANTIATE_TEST_SUITE_P(g1, bulk,
                         testing::Values("selector(fiber, lte, wifi)", "race(fiber, lte, wifi)",
                                         "bond(fiber, lte, wifi)"));
// A selector that leaves a bond for a path strands the ranges that the bond had pooled.
INSTANTIATE_TEST_SUITE_P(g1_nested, bulk, testing::Values("s:selector(fiber, bond(lte, wifi))"));

TEST(echo, notices_no_kill) {
  world w(three_paths("selector(fiber, lte, wifi)", 100 * mbit));
  w.connect();
  w.run(1s);
  const std::uint64_t messages = 3000;
  auto& flow = w.open({.up = traffic::paced(kib, 100ms, messages), .down = traffic::echo()});
  const std::array<std::string, 3> names{"fiber", "lte", "wifi"};
  std::uint64_t kills = 0;
  for (int i = 0; i < 11; ++i) {
    w.run(25s);
    for (const auto& name : names) {
      if (!w.status_of(name).carries_data) continue;
      // Wait until bytes of the flow are on the path.
      EXPECT_TRUE(w.run_until([&] { return w.path(name).data_packets() != 0; }, 1s));
      w.path(name).kill();
      ++kills;
      break;
    }
  }
  EXPECT_EQ(kills, 11u);
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 100s));
  EXPECT_EQ(w.deaths(), kills);
  const auto times = flow.echo_times();
  EXPECT_EQ(times.size(), messages);
  const double base = 40;  // the slowest path's RTT: any of them may carry the flow
  expect_at_most("G2 P99", ms(quantile(times, 990)), std::max(1.5 * base, base + 10), "ms");
  expect_at_most("G2 P99.9", ms(quantile(times, 999)), 250, "ms");
  EXPECT_EQ(w.finish(), "");
}

// What the dead path gives back waits at the selector, below the second place of the path that
// lives.
TEST(path_in_two_places, takes_what_waits_at_either) {
  scenario s;
  s.seed = seed_or(27);
  s.paths = {path("a", 100ms, 20 * mbit), path("b", 20ms, 20 * mbit)};
  s.root = "bond(a, selector(b, a))";
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::bulk(8 * kib)});
  w.run(5ms);
  EXPECT_GT(w.status_of("b").in_flight, 1000u);
  w.path("b").refuse(true);
  w.path("b").kill();
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 10s)) << flow.server().received;
  EXPECT_GE(w.deaths(), 1u);
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
