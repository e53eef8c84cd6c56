// SPDX-License-Identifier: Apache-2.0
// Packet flows under migrations and faults, and gate G3.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

scenario two_paths(const std::string& root, duration first = 20ms, duration second = 30ms,
                   std::uint64_t rate = 100 * mbit) {
  scenario s;
  s.seed = seed_or(31);
  s.paths = {path("a", first, rate), path("b", second, rate)};
  s.root = root;
  return s;
}

packet_traffic steady(std::uint64_t total, duration interval, std::uint64_t size = 1000) {
  packet_traffic t;
  t.total = total;
  t.smallest = t.largest = size;
  t.interval = interval;
  return t;
}

packet_traffic mixed(std::uint64_t total, duration interval, std::uint64_t largest) {
  return {
      .total = total, .smallest = 8, .largest = largest, .interval = interval, .some_empty = true};
}

TEST(packets, keep_their_boundaries_both_ways) {
  world w(two_paths("selector(a, b)"));
  w.connect();
  w.run(1s);
  auto& small = w.open(packet_plan{.up = mixed(2000, 1ms, 1500), .down = mixed(1000, 2ms, 300)});
  auto& large = w.open(packet_plan{.up = mixed(200, 20ms, wire::max_packet),
                                   .down = mixed(300, 0ms, wire::max_packet)});
  EXPECT_TRUE(w.run_until([&] { return small.complete() && large.complete(); }, 30s));
  for (const auto* talk : {&small, &large}) {
    EXPECT_EQ(talk->lost(false) + talk->lost(true), 0u);
    EXPECT_GT(talk->server().empty, 0u);
  }
  EXPECT_EQ(w.finish(), "");
}

// Gate G3. 800 Mbit/s of payload on lines of 1 Gbit/s, moved ten times.
TEST(packets, survive_ten_migrations_at_full_rate) {
  auto s = two_paths("selector(a, b)", 4ms, 4ms, 1000 * mbit);
  s.tcp.mss = 8 * 1448;
  world w(s);
  w.connect();
  w.run(1s);
  const std::uint64_t total = 600'000;
  auto& talk = w.open(packet_plan{.up = steady(total, 10us)});
  const auto begin = w.now() - instant{};
  for (int i = 1; i <= 10; ++i) w.at(begin + i * 500ms).migrate(i % 2 == 1 ? "b" : "a");
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 60s));
  EXPECT_EQ(w.migrations().size(), 10u + 1);
  std::printf("refused %llu dup %llu\n", (unsigned long long)talk.client().refused,
              (unsigned long long)talk.counts(true).duplicates);
  expect_at_most("G3 lost", static_cast<double>(talk.lost(true)), 0, "packets");
  for (int q : {100, 500, 900, 950, 990, 999})
    std::printf("%d %.2f\n", q, ms(quantile(talk.server().delays, static_cast<std::size_t>(q))));
  expect_at_most("G3 longest gap", ms(talk.server().longest_gap), 50, "ms");
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
