// SPDX-License-Identifier: Apache-2.0
// Gates G6, G7 and G8: race and bond over modelled kernels. The baseline is each path alone.
#include "sim/plain.hpp"

namespace rendr::sim {
namespace {

struct grid_point {
  const char* name;
  path_options first;
  path_options second;
  double least;
};

class bond : public testing::TestWithParam<int> {};

TEST_P(bond, adds_up_and_is_never_slower_than_the_best_alone) {
  const std::array<grid_point, 4> points{
      grid_point{"G7 50 + 50 Mbit/s at 20 and 20 ms", path("a", 20ms, 50 * mbit),
                 path("b", 20ms, 50 * mbit), 98},
      grid_point{"G8 50 + 10 Mbit/s at 20 and 100 ms", path("a", 20ms, 50 * mbit),
                 path("b", 100ms, 10 * mbit), 96},
      grid_point{"G8 50 + 10 Mbit/s, 1 % loss on the slow one", path("a", 20ms, 50 * mbit),
                 path("b", 100ms, 10 * mbit, 10'000), 96},
      grid_point{"G8 50 + 50 Mbit/s at 20 and 80 ms", path("a", 20ms, 50 * mbit),
                 path("b", 80ms, 50 * mbit), 96}};
  const auto& point = points.at(static_cast<std::size_t>(GetParam()));
  const auto alone_a = plain_tcp(point.first, 20s, 71);
  const auto alone_b = plain_tcp(point.second, 20s, 72);
  const auto both = goodput({point.first, point.second}, "bond(a, b)", 20s, 73);
  expect_at_least(std::string(point.name) + ", of the sum", 100 * both / (alone_a + alone_b),
                  point.least, "%");
  expect_at_least(std::string(point.name) + ", of the best alone",
                  100 * both / std::max(alone_a, alone_b), 98, "%");
}
INSTANTIATE_TEST_SUITE_P(g7_g8, bond, testing::Values(0, 1, 2, 3));

// The far path repairs its losses for seconds at a time, and the receiver waits: meanwhile the near
// one goes on with what comes behind.
TEST(bond_with_a_far_lossy_path, keeps_the_near_one_busy) {
  scenario s;
  s.seed = seed_or(63);
  s.paths = {path("near", 20ms, 20 * mbit), path("far", 400ms, 20 * mbit, 20'000)};
  for (auto& p : s.paths) p.control = congestion::bbr;
  s.root = "bond(near, far)";
  world w(s);
  w.connect();
  w.open({.up = traffic::bulk(16 * gib)});
  w.run(4s);
  constexpr duration interval = 100ms;
  constexpr int intervals = 200;
  auto& lane = w.path("near").to_server();
  int idle = 0;
  auto before = lane.counters().bytes;
  for (int i = 0; i < intervals; ++i) {
    w.run(interval);
    const auto carried = lane.counters().bytes - before;
    before += carried;
    if (carried < 20 * mbit / 100) ++idle;  // a tenth of its rate
  }
  EXPECT_GT(w.path("far").to_server().counters().lost, 0u);
  EXPECT_EQ(w.violations(), "");
  expect_at_most("bond of 20 and 400 ms, 2 % loss on the far path, time without the near one",
                 100.0 * idle / intervals, 3, "%");
}

TEST(one_path, costs_little_against_plain_tcp) {
  const auto p = path("a", 20ms, 50 * mbit);
  const auto q = path("b", 100ms, 10 * mbit);
  const auto ours = goodput({p, q}, "selector(a, b)", 20s, 74);
  expect_at_least("selector on one path of plain TCP", 100 * ours / plain_tcp(p, 20s, 74), 97, "%");
}

TEST(race, is_as_fast_as_the_best_arrival) {
  scenario s;
  s.seed = seed_or(75);
  s.paths = {path("lossy", 20ms, 0, 300'000), path("far", 220ms)};
  s.paths[0].lanes.loss_ppm = 300'000;
  // Not bbr: its probe of the RTT each 10 s stalls a thin flow, at other times in each of the three
  // runs.
  for (auto& p : s.paths) p.control = congestion::cubic;
  s.root = "race(lossy, far)";
  const std::uint64_t messages = 3000;
  // Each path alone, same seeds: the best arrival of each message.
  std::array<std::vector<duration>, 2> alone;
  for (std::size_t i = 0; i < 2; ++i) {
    auto one = s;
    one.paths = {s.paths[i]};
    one.root = s.paths[i].name;
    world w(one);
    w.connect();
    w.run(20s);
    auto& flow = w.open({.up = traffic::paced(200, 20ms, messages)});
    w.run_until([&] { return flow.complete(); }, 600s);
    for (std::size_t k = 0; k < flow.client().message_times.size(); ++k) {
      alone[i].push_back(flow.delivered_at(true, (k + 1) * 200) - flow.client().message_times[k]);
    }
  }
  std::vector<duration> best;
  for (std::size_t k = 0; k < std::min(alone[0].size(), alone[1].size()); ++k) {
    best.push_back(std::min(alone[0][k], alone[1][k]));
  }
  world w(s);
  w.connect();
  w.run(20s);
  auto& flow = w.open({.up = traffic::paced(200, 20ms, messages)});
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 600s));
  EXPECT_GT(w.path("lossy").to_server().counters().lost, messages / 20);
  std::vector<duration> raced;
  for (std::size_t k = 0; k < flow.client().message_times.size(); ++k) {
    raced.push_back(flow.delivered_at(true, (k + 1) * 200) - flow.client().message_times[k]);
  }
  EXPECT_EQ(raced.size(), messages);
  expect_at_most("G6 P99", ms(quantile(raced, 990)), ms(quantile(best, 990)) + 1, "ms");
  expect_at_most("G6 P50", ms(quantile(raced, 500)), ms(quantile(best, 500)) + 1, "ms");
  EXPECT_EQ(w.finish(), "");
}

TEST(race, does_not_slow_bulk_to_its_slowest_member) {
  const auto fast = path("a", 20ms, 50 * mbit);
  const auto slow = path("b", 60ms, 5 * mbit);
  const auto raced = goodput({fast, slow}, "race(a, b)", 10s, 76);
  expect_at_least("race of bulk, of its fastest member", 100 * raced / plain_tcp(fast, 10s, 76), 90,
                  "%");
}

}  // namespace
}  // namespace rendr::sim
