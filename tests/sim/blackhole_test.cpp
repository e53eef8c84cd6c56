// SPDX-License-Identifier: Apache-2.0
// Gates G4 and G4b: paths that go dark without a word, and false alarms on paths that do not.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

struct load {
  const char* name;
  traffic up;
  bool paced;
};

load bulk_load() { return {"bulk", traffic::bulk(gib), false}; }
load small_load() { return {"1 KiB / 5 ms", traffic::paced(kib, 5ms, 4000), true}; }
load tiny_load() { return {"200 B / 100 ms", traffic::paced(200, 100ms, 200), true}; }

struct lines {
  const char* name;
  duration active;
  duration spare;
  std::uint64_t rate;
};

const char* name_of(direction way) {
  switch (way) {
    case direction::both:
      return "both ways";
    case direction::to_server:
      return "to the server only";
    case direction::to_client:
      return "to the client only";
  }
  return "";
}

scenario paths_of(const lines& l, std::uint64_t seed) {
  scenario s;
  s.seed = seed_or(seed);
  s.paths = {path("dark", l.active, l.rate), path("spare", l.spare, l.rate)};
  s.root = "selector(dark, spare)";
  return s;
}

/// What the contract allows from T0 on.
duration bound_of(const path_status& dark, duration spare_rtt, bool blind) {
  auto bound =
      dark.srtt + std::min<duration>(4 * dark.rttvar, dark.srtt) + 5ms + spare_rtt / 2 + 5ms;
  if (blind) bound += std::max<duration>(200ms, 2 * dark.srtt);
  return bound;
}

class silent_drop : public testing::TestWithParam<std::tuple<int, int, direction, bool>> {};

TEST_P(silent_drop, is_left_within_the_bound) {
  const std::array<load, 3> loads{bulk_load(), small_load(), tiny_load()};
  const std::array<lines, 3> all_lines{lines{"20/20 ms 50 Mbit/s", 20ms, 20ms, 50 * mbit},
                                       lines{"40/100 ms 50 Mbit/s", 40ms, 100ms, 50 * mbit},
                                       lines{"100/30 ms 200 Mbit/s", 100ms, 30ms, 200 * mbit}};
  const auto& what = loads.at(static_cast<std::size_t>(std::get<0>(GetParam())));
  const auto& where = all_lines.at(static_cast<std::size_t>(std::get<1>(GetParam())));
  const auto way = std::get<2>(GetParam());
  const bool blind = std::get<3>(GetParam());
  auto options = paths_of(where, 21);
  if (blind) options.paths[0].evidence = evidence_kind::first_hop;
  world w(options);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = what.up});
  w.at(2s).migrate("dark");
  w.run(6s + 7ms * static_cast<int>(options.seed % 17));  // another phase for each seed
  EXPECT_TRUE(w.run_until([&] { return w.path("dark").data_packets() != 0; }, 1s));
  ASSERT_TRUE(w.status_of("dark").carries_data);
  w.path("dark").blackhole(true, way);
  auto t0 = w.now();
  auto offset = flow.client().wanted;
  if (what.paced) {
    const auto before = flow.client().wanted;
    ASSERT_TRUE(w.run_until([&] { return flow.client().wanted != before; }, 1s));
    t0 = w.now();
    offset = flow.client().wanted;
  }
  const auto dark = w.status_of("dark");
  const auto bound = bound_of(dark, where.spare, blind);
  w.run(4s);
  EXPECT_GT(w.path("dark").darkened(), 0u) << "nothing was sent into the dark";
  duration figure{};
  if (what.paced) {
    figure = flow.delivered_at(true, offset) - t0;
  } else {
    // What was on the wire still arrives; after that only the survivor brings anything. With dark
    // acknowledgements alone the data goes on arriving: then it is the longest silence that counts,
    // before the survivor's own slow start has its losses.
    figure = way == direction::to_client
                 ? flow.longest_gap(true, t0, t0 + 500ms)
                 : flow.next_delivery(true, t0 + where.active / 2 + 1ms) - t0;
  }
  const std::string title = std::string("G4 ") + what.name + ", " + where.name + ", " +
                            name_of(way) + (blind ? ", first_hop" : "");
  expect_at_most(title, ms(figure), ms(bound), "ms");
  EXPECT_EQ(w.violations(), "");
  flow.abort(false, 1);
}
constexpr auto both = direction::both;
constexpr auto out = direction::to_server;
constexpr auto back = direction::to_client;
constexpr std::array ways{both, out, back};
// Loads, lines, dark directions, and whether the path spec says `evidence=first_hop`.
INSTANTIATE_TEST_SUITE_P(g4_bulk, silent_drop,
                         testing::Combine(testing::Values(0), testing::Values(0, 1, 2),
                                          testing::ValuesIn(ways), testing::Values(false)));
INSTANTIATE_TEST_SUITE_P(g4_small, silent_drop,
                         testing::Combine(testing::Values(1, 2), testing::Values(0, 1, 2),
                                          testing::ValuesIn(ways), testing::Values(false)));
INSTANTIATE_TEST_SUITE_P(g4_first_hop, silent_drop,
                         testing::Combine(testing::Values(0, 1, 2), testing::Values(0),
                                          testing::Values(both), testing::Values(true)));

// A share of the little that was sent does not pay for one copy of a message.
TEST(silent_drop_at_the_start, of_a_sparse_flow_is_left_within_the_bound) {
  for (const auto way : ways) {
    const lines where{"20/20 ms 50 Mbit/s", 20ms, 20ms, 50 * mbit};
    world w(paths_of(where, 22));
    w.connect();
    w.run(500ms);
    auto& flow = w.open({.up = tiny_load().up});
    w.at(600ms).migrate("dark");
    w.run(1570ms);  // between two messages
    ASSERT_TRUE(w.status_of("dark").carries_data);
    w.path("dark").blackhole(true, way);
    const auto before = flow.client().wanted;
    ASSERT_TRUE(w.run_until([&] { return flow.client().wanted != before; }, 1s));
    const auto t0 = w.now();
    const auto offset = flow.client().wanted;
    const auto bound = bound_of(w.status_of("dark"), where.spare, false);
    w.run(2s);
    EXPECT_GT(w.path("dark").darkened(), 0u);
    expect_at_most(std::string("G4 200 B / 100 ms, just begun, ") + name_of(way),
                   ms(flow.delivered_at(true, offset) - t0), ms(bound), "ms");
    EXPECT_EQ(w.violations(), "");
    flow.abort(false, 1);
  }
}

class false_alarms : public testing::TestWithParam<std::tuple<int, std::uint32_t, congestion>> {};

TEST_P(false_alarms, cost_little_and_move_nothing) {
  const bool small = std::get<0>(GetParam()) == 1;
  const auto loss = std::get<1>(GetParam());
  const auto control = std::get<2>(GetParam());
  scenario s;
  s.seed = seed_or(31);
  s.paths = {path("first", 20ms, 20 * mbit, loss), path("second", 40ms, 20 * mbit, loss)};
  for (auto& p : s.paths) p.control = control;
  s.root = "selector(first, second)";
  world w(s);
  w.connect();
  w.run(1s);
  w.open({.up = small ? traffic::paced(kib, 5ms, 20'000) : traffic::bulk(gib)});
  const auto moves = w.migrations().size();
  w.run(60s);
  if (loss != 0) {
    EXPECT_GT(w.path("first").to_server().counters().lost, 50u);
  }
  const std::string title = std::string("G4b ") + (small ? "1 KiB / 5 ms" : "bulk") + ", " +
                            std::to_string(loss / 10'000) + " % loss, " +
                            (control == congestion::bbr ? "bbr" : "cubic");
  expect_at_most(title + ", extra", static_cast<double>(w.extra_per_mille()), loss == 0 ? 10 : 50,
                 "per mille");
  EXPECT_EQ(w.deaths() + w.deaths(true), 0u);
  EXPECT_EQ(w.migrations().size(), moves) << title;
  EXPECT_EQ(w.violations(), "");
}
INSTANTIATE_TEST_SUITE_P(g4b_bulk, false_alarms,
                         testing::Combine(testing::Values(0), testing::Values(0u, 10'000u),
                                          testing::Values(congestion::cubic, congestion::bbr)));
INSTANTIATE_TEST_SUITE_P(g4b_small, false_alarms,
                         testing::Values(std::tuple{1, 0u, congestion::cubic},
                                         std::tuple{1, 0u, congestion::bbr},
                                         std::tuple{1, 10'000u, congestion::bbr}));
// A lost control record of the other end is taken for darkness.
INSTANTIATE_TEST_SUITE_P(g4b_small_loss, false_alarms,
                         testing::Values(std::tuple{1, 10'000u, congestion::cubic}));

TEST(relay, that_acknowledges_and_forwards_nothing_is_left) {
  scenario s;
  s.seed = seed_or(41);
  s.paths = {path("relayed", 30ms, 50 * mbit), path("spare", 40ms, 50 * mbit)};
  s.paths[0].relayed = true;
  s.root = "selector(relayed, spare)";
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 5ms, 4000)});
  w.run(5s);
  ASSERT_TRUE(w.status_of("relayed").carries_data);
  w.path("relayed").mute(true);
  const auto before = flow.client().wanted;
  ASSERT_TRUE(w.run_until([&] { return flow.client().wanted != before; }, 1s));
  const auto t0 = w.now();
  const auto offset = flow.client().wanted;
  const auto dark = w.status_of("relayed");
  const auto acknowledged = w.client().evidence_of(dark.carrier).delivered;
  w.run(60ms);
  EXPECT_GT(w.client().evidence_of(dark.carrier).delivered, acknowledged) << "it acknowledges";
  w.run(5s);
  const auto bound = bound_of(dark, 40ms, false) + 2 * dark.srtt + 55ms;
  expect_at_most("relay that forwards nothing", ms(flow.delivered_at(true, offset) - t0), ms(bound),
                 "ms");
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
  EXPECT_EQ(w.violations(), "");
}

TEST(stopped_peer, kills_nothing) {
  world w(two_paths(42));
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 5ms, 10'000)});
  w.run(2s);
  w.server().stop(true);
  w.run(30s);
  EXPECT_EQ(w.deaths(), 0u);
  EXPECT_GT(flow.client().written, flow.server().received) << "nothing was written meanwhile";
  w.server().stop(false);
  w.run(1s);
  EXPECT_EQ(w.deaths() + w.deaths(true), 0u);
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 120s));
  EXPECT_EQ(w.finish(), "");
}

// Nobody speaks, and a path that is pinged now and then goes dark: the others are asked whether it
// is alone.
TEST(idle_path, that_goes_dark_is_found_dead_at_any_delay) {
  for (const auto rtt : {20ms, 200ms, 800ms}) {
    scenario s;
    s.seed = seed_or(44);
    s.paths = {path("a", rtt, 50 * mbit), path("b", rtt, 50 * mbit)};
    s.root = "selector(a, b)";
    world w(s);
    w.connect();
    w.run(20s);
    w.path("a").blackhole(true);
    EXPECT_TRUE(w.run_until([&] { return w.deaths() + w.deaths(true) > 0; }, 30s)) << ms(rtt);
    EXPECT_GT(w.path("a").darkened(), 0u);
    w.run(10s);
    EXPECT_EQ(w.status_of("b").deaths, 0u);
  }
}

// A process that gets the processor now and then: what it says comes in bursts, in the order of its
// sockets, and answers what was asked long ago. Each end may be that process.
TEST(starved_peer, kills_nothing) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto s = two_paths(seed);
    world w(s);
    w.connect();
    w.run(1s);
    auto& flow = w.open({.up = traffic::paced(kib, 5ms, 2000), .down = traffic::echo()});
    w.run(1s);
    random pauses(s.seed);
    for (int i = 0; i < 20; ++i) {
      auto& starved = seed % 2 == 0 ? w.client() : w.server();
      starved.stop(true);
      w.run(pauses.between(50ms, 3s));
      starved.stop(false);
      w.run(pauses.between(1ms, 100ms));
    }
    w.run(1s);
    EXPECT_EQ(w.deaths(), 0u) << "seed " << s.seed;
    EXPECT_EQ(w.deaths(true), 0u) << "seed " << s.seed;
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(late_caller, kills_nothing) {
  for (const auto lag : {20ms, 100ms, 300ms}) {
    world w(two_paths(43));
    w.connect();
    w.run(1s);
    auto& flow = w.open({.up = traffic::paced(kib, 5ms, 4000), .down = traffic::echo()});
    w.client().lag(lag);
    w.server().lag(lag);
    w.run(10s);
    // The whole process is late, too.
    for (int i = 0; i < 40; ++i) {
      w.client().stop(true);
      w.run(lag);
      w.client().stop(false);
      w.run(50ms);
    }
    EXPECT_EQ(w.deaths() + w.deaths(true), 0u) << ms(lag);
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
    EXPECT_EQ(w.violations(), "");
  }
}

// The first overshoot of a transfer loses much at once: for the repair's time the receiver's
// records are acknowledged by the sender's kernel, and the sender's own answers wait in its repair.
TEST(own_load, of_a_transfer_makes_no_path_suspect_at_either_end) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    scenario s;
    s.seed = seed_or(seed);
    s.paths = {path("fiber", 20ms, 50 * mbit), path("lte", 60ms, 20 * mbit)};
    s.root = "selector(lte, fiber)";
    world w(s);
    w.connect();
    w.run(1s);
    w.at(1s).migrate("lte");
    auto& flow = w.open({.up = traffic::bulk(gib)});
    const auto moves = w.migrations().size();
    w.run(10s);
    EXPECT_GT(w.path("lte").to_server().counters().overflowed, 0u) << "it overshot";
    for (const bool at_server : {false, true}) {
      EXPECT_EQ(w.status_of("lte", at_server).suspicions, 0u)
          << (at_server ? "server" : "client") << ", seed " << seed;
    }
    EXPECT_LE(w.migrations().size(), moves + 1);
    EXPECT_EQ(w.violations(), "");
    flow.abort(false, 1);
  }
}

}  // namespace
}  // namespace rendr::sim
