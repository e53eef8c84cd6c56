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

std::uint64_t suspicions(const world& w) {
  return w.status_of("a").suspicions + w.status_of("b").suspicions;
}

// Gate G3. 800 Mbit/s of payload on lines of 1 Gbit/s, moved ten times. Each time the other path's
// TCP begins from its initial window: what it cannot take yet goes on by the old one.
class full_rate : public testing::TestWithParam<duration> {};

TEST_P(full_rate, survives_ten_migrations) {
  auto s = two_paths("selector(a, b)", GetParam(), GetParam(), 1000 * mbit);
  s.tcp.mss = 8 * 1448;
  world w(s);
  w.connect();
  w.run(1s);
  const std::uint64_t total = 1'200'000;
  auto& talk = w.open(packet_plan{.up = steady(total, 10us)});
  const auto begin = w.now() - instant{};
  for (int i = 1; i <= 10; ++i) w.at(begin + i * 1s).migrate(i % 2 == 1 ? "b" : "a");
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 60s));
  EXPECT_EQ(talk.client().sent, total);
  const auto moved = std::count_if(w.migrations().begin(), w.migrations().end(), [](const auto& m) {
    return !m.from.empty() && m.why == cause::explicit_command;
  });
  EXPECT_EQ(moved, 10);
  EXPECT_GT(w.status_of("b", true).payload_received, total * 1000 * 2 / 5);
  // What it needed to begin at such a rate belongs to no migration.
  const auto& all = talk.server().delays;
  const std::vector<duration> delays(all.begin() + 300'000, all.end());
  const auto rtt = static_cast<int>(ms(GetParam()));
  const auto label = "G3 packets over " + std::to_string(rtt) + " ms, ";
  const auto base = ms(quantile(delays, 500));
  expect_at_most(label + "lost", static_cast<double>(talk.lost(true)), 0, "packets");
  expect_at_most(label + "doubled", static_cast<double>(talk.server().doubled), 0, "packets");
  expect_at_most(label + "P95", ms(quantile(delays, 950)), 2 * base, "ms");
  expect_at_most(label + "P99", ms(quantile(delays, 990)), 2 * base, "ms");
  expect_at_most(label + "longest gap", ms(talk.server().longest_gap), 50, "ms");
  EXPECT_EQ(w.finish(), "");
}

INSTANTIATE_TEST_SUITE_P(packets, full_rate, testing::Values(10ms, 20ms, 40ms));

// From a slow path to a fast one and back: what is under way is overtaken, and arrives.
TEST(packets, none_is_lost_between_paths_far_apart) {
  world w(two_paths("selector(a, b)", 200ms, 10ms));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(10'000, 1ms), .down = steady(10'000, 1ms)});
  const auto begin = w.now() - instant{};
  for (int i = 1; i <= 8; ++i) w.at(begin + i * 1s).migrate(i % 2 == 1 ? "b" : "a");
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s));
  EXPECT_EQ(talk.lost(false) + talk.lost(true), 0u);
  EXPECT_EQ(w.finish(), "");
}

TEST(packets, none_is_lost_when_a_path_is_detached) {
  world w(two_paths("selector(a, b)", 40ms, 20ms));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(3000, 1ms), .down = steady(3000, 1ms)});
  const auto leaf = w.status_of("a").carries_data ? "a" : "b";
  w.at(w.now() - instant{} + 1s).does([&] {
    EXPECT_GT(w.status_of(leaf).in_flight, 0u);
    EXPECT_TRUE(w.detach(leaf));
  });
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s));
  EXPECT_EQ(talk.lost(false) + talk.lost(true), 0u);
  EXPECT_EQ(w.finish(), "");
}

class faulty_path : public testing::TestWithParam<const char*> {};

// Within the retention window a dead or dark path costs time, and no packet.
TEST_P(faulty_path, loses_nothing_that_is_young) {
  for (const auto fault : {direction::both, direction::to_server, direction::to_client}) {
    for (const bool kill : {false, true}) {
      if (kill && fault != direction::both) continue;
      world w(two_paths(GetParam()));
      w.connect();
      w.run(1s);
      auto& talk = w.open(packet_plan{.up = steady(4000, 1ms), .down = steady(4000, 1ms, 200)});
      w.run(1s);
      const std::string name = w.status_of("a").carries_data ? "a" : "b";
      EXPECT_GT(w.path(name).data_packets(), 0u);
      if (kill) {
        w.path(name).refuse(true);
        w.path(name).kill();
      } else {
        w.path(name).blackhole(true, fault);
      }
      EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s)) << talk.server().received;
      EXPECT_GE(suspicions(w) + w.deaths(), 1u);
      EXPECT_EQ(talk.lost(false) + talk.lost(true), 0u);
      EXPECT_LE(talk.server().longest_gap, 250ms);
      EXPECT_EQ(w.finish(), "");
    }
  }
}
INSTANTIATE_TEST_SUITE_P(roots, faulty_path,
                         testing::Values("selector(a, b)", "race(a, b)", "bond(a, b)"));

TEST(packets, of_a_race_arrive_once) {
  world w(two_paths("race(a, b)"));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = mixed(5000, 1ms, 1500)});
  EXPECT_TRUE(w.run_until([&] { return w.now() > instant{} + 5s; }, 10s));
  EXPECT_GT(talk.status(true).packets_discarded, 3000u);
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s));
  EXPECT_EQ(talk.lost(true), 0u);
  EXPECT_EQ(talk.server().doubled, 0u);
  EXPECT_EQ(w.finish(), "");
}

TEST(packets, of_a_bond_add_up_its_paths) {
  world w(two_paths("bond(a, b)", 20ms, 40ms, 40 * mbit));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(45'000, 0ms)});
  const auto start = w.now();
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s));
  EXPECT_LE(w.now() - start, 5800ms) << "36 Mbyte: 4.5 s on both, 9 s on one";
  EXPECT_EQ(talk.lost(true), 0u);
  EXPECT_EQ(w.finish(), "");
}

// A path of which only the engine's deadlines tell dies at a high rate: more is under way than is
// retained. What is lost is counted, told to the peer, and credit goes on.
TEST(packets, that_are_too_old_are_given_up_and_counted) {
  auto s = two_paths("selector(a, b)", 200ms, 200ms, 400 * mbit);
  s.paths[0].evidence = evidence_kind::none;
  s.paths[1].evidence = evidence_kind::none;
  world w(s);
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(60'000, 100us)});
  w.run(2s);
  const std::string name = w.status_of("a").carries_data ? "a" : "b";
  w.path(name).blackhole(true, direction::both);
  w.run(2s);
  const auto given_up = talk.status(false).packets_given_up;
  EXPECT_GT(given_up, 0u);
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s)) << talk.server().received;
  EXPECT_GT(talk.lost(true), 0u);
  EXPECT_LE(talk.lost(true), given_up);
  EXPECT_EQ(talk.server().doubled, 0u);
  EXPECT_EQ(w.finish(), "");
}

TEST(packets, wait_for_a_slow_reader_in_bounded_memory) {
  world w(two_paths("selector(a, b)"));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(20'000, 0ms), .server_reads = false});
  w.run(10s);
  EXPECT_EQ(talk.server().received, 0u);
  EXPECT_GT(talk.client().refused, 0u);
  EXPECT_LT(talk.client().sent, 2000u);
  const auto there = w.server().ep().status(w.now()).links.at(0).flows.at(0);
  EXPECT_LE(there.received, engine::defaults::packet_reserve);
  EXPECT_LE(w.server().most_slab_bytes(), 2 * mib);
  talk.resume_reading(true);
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 30s)) << talk.server().received;
  EXPECT_EQ(talk.lost(true), 0u);
  EXPECT_EQ(w.finish(), "");
}

// With every path dark the queue fills and refuses; what was never under way goes when one returns,
// of what was lost only the newest.
TEST(packets, outlast_the_dark) {
  world w(two_paths("selector(a, b)"));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(30'000, 1ms)});
  w.run(2s);
  w.at(w.now() - instant{}).blackhole("a").blackhole("b");
  w.run(50s);  // within the minute in which paths are dialled often
  EXPECT_GT(talk.client().refused, 0u);
  const auto before = talk.server().received;
  w.run(5s);
  EXPECT_EQ(talk.server().received, before);
  w.at(w.now() - instant{}).heal("b");
  w.run(1s);
  EXPECT_GT(talk.server().received, before);
  EXPECT_TRUE(w.run_until([&] { return talk.complete(); }, 60s)) << talk.server().received;
  EXPECT_EQ(talk.server().doubled, 0u);
  EXPECT_EQ(w.finish(), "");
}

TEST(packets, are_delivered_behind_a_close) {
  world w(two_paths("selector(a, b)"));
  w.connect();
  w.run(1s);
  auto& talk = w.open(packet_plan{.up = steady(200, 0ms)});
  w.run(0s);
  EXPECT_EQ(talk.client().sent, 200u);
  talk.close(false);
  EXPECT_TRUE(w.run_until([&] { return talk.server().eof; }, 10s));
  EXPECT_EQ(talk.server().received, 200u);
  talk.close(true);
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
