// SPDX-License-Identifier: Apache-2.0
// Many flows on one link: fairness, credit, half-close, resets, storms.
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

scenario two_paths(std::uint64_t seed, std::uint64_t rate = 50 * mbit) {
  scenario s;
  s.seed = seed_or(seed);
  s.paths = {path("a", 20ms, rate), path("b", 40ms, rate)};
  s.root = "selector(a, b)";
  return s;
}

TEST(flows, share_a_path_fairly) {
  world w(two_paths(61));
  w.connect();
  w.run(1s);
  for (int i = 0; i < 20; ++i) w.open({.up = traffic::bulk(gib)});
  w.run(10s);
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  for (const auto& f : w.flows()) {
    least = std::min(least, f->server().received);
    most = std::max(most, f->server().received);
  }
  EXPECT_GT(least, 1 * mib);
  expect_at_least("20 flows, least over most",
                  100.0 * static_cast<double>(least) / static_cast<double>(most), 80, "%");
  EXPECT_EQ(w.violations(), "");
}

TEST(small_flow, is_not_delayed_by_nineteen_bulk_flows) {
  world w(two_paths(62));
  w.connect();
  w.run(1s);
  auto& small = w.open({.up = traffic::paced(200, 20ms, 1000), .down = traffic::echo()});
  w.run(5s);
  for (int i = 0; i < 19; ++i) w.open({.up = traffic::bulk(gib)});
  EXPECT_TRUE(w.run_until([&] { return small.complete(); }, 60s));
  const auto times = small.echo_times();
  // RTT, the full queue of the bottleneck, what waits in the kernel, and a round of the others.
  expect_at_most("200 B echo beside 19 bulk flows, P99", ms(quantile(times, 990)), 150, "ms");
  EXPECT_EQ(w.violations(), "");
}

TEST(stalled_reader, does_not_block_its_neighbour) {
  world w(two_paths(63));
  w.connect();
  w.run(1s);
  flow_plan stalled{.up = traffic::bulk(100 * mib)};
  stalled.server_reads = false;
  auto& stuck = w.open(stalled);
  w.run(2s);
  auto& other = w.open({.up = traffic::bulk(20 * mib), .down = traffic::bulk(1 * mib)});
  EXPECT_TRUE(w.run_until([&] { return other.complete(); }, 10s));
  EXPECT_EQ(stuck.server().received, 0u);
  EXPECT_LT(stuck.client().written, 16 * mib) << "a stalled reader bounds its writer";
  EXPECT_LT(w.server().most_slab_bytes(), 80 * mib);
  stuck.resume_reading(true);
  EXPECT_TRUE(w.run_until([&] { return stuck.server().received == 100 * mib; }, 60s));
  EXPECT_TRUE(w.run_until([&] { return stuck.complete(); }, 10s));
  EXPECT_EQ(w.finish(), "");
}

TEST(half_close, leaves_the_other_direction_open_either_way) {
  for (const bool server_first : {false, true}) {
    world w(two_paths(64));
    w.connect();
    w.run(1s);
    const auto quick = traffic::bulk(10 * kib);
    const auto slow = traffic::paced(kib, 50ms, 200);
    auto& flow = w.open({.up = server_first ? slow : quick, .down = server_first ? quick : slow});
    w.run(2s);
    EXPECT_TRUE(server_first ? flow.client().eof : flow.server().eof);
    EXPECT_FALSE(flow.complete());
    w.path("a").kill();
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 20s));
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(request_and_response, work_while_paths_die) {
  world w(two_paths(65));
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(300, 10ms, 2000), .down = traffic::reply(300, 5000)});
  for (int i = 0; i < 6; ++i) {
    w.run(3s);
    const char* name = w.status_of("a").carries_data ? "a" : "b";
    w.path(name).kill();
  }
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 60s));
  EXPECT_GE(w.deaths(), 5u);
  EXPECT_EQ(flow.client().received, 2000u * 5000u);
  EXPECT_EQ(w.finish(), "");
}

TEST(reset, reaches_the_peer_from_either_end) {
  for (const bool by_server : {false, true}) {
    world w(two_paths(66));
    w.connect();
    w.run(1s);
    flow_plan plan{.up = traffic::bulk(gib), .down = traffic::bulk(gib)};
    plan.may_fail = errc::aborted;
    auto& flow = w.open(plan);
    w.run(2s);
    flow.abort(by_server, 77);
    w.run(2s);
    const auto& other = by_server ? flow.client() : flow.server();
    EXPECT_EQ(other.error, errc::aborted);
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(reset_behind_the_data, comes_after_the_last_byte_whatever_paths_die) {
  for (const bool by_server : {false, true}) {
    world w(two_paths(70));
    w.connect();
    w.run(1s);
    const auto lot = traffic::bulk(20 * mib);
    flow_plan plan{.up = by_server ? traffic::bulk(gib) : lot,
                   .down = by_server ? lot : traffic::bulk(gib)};
    plan.resets = by_server;
    auto& flow = w.open(plan);
    w.run(300ms);
    w.path("a").kill();
    w.run(500ms);
    w.path("b").kill();
    const auto& other = by_server ? flow.client() : flow.server();
    EXPECT_TRUE(w.run_until([&] { return other.was_reset; }, 120s));
    EXPECT_EQ(other.received, 20 * mib);
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(closed_flow, is_read_to_its_end_by_who_pauses_longer_than_any_linger) {
  for (const auto resets : {std::optional<bool>(), std::optional(false)}) {
    world w(two_paths(71));
    w.connect();
    w.run(1s);
    flow_plan plan{.up = traffic::bulk(3 * mib)};
    plan.server_reads = false;
    plan.resets = resets;
    auto& flow = w.open(plan);
    w.run(70s);
    EXPECT_FALSE(flow.client().open) << "it let go of all that it wrote";
    w.path("a").kill();
    w.run(2h);
    flow.resume_reading(true);
    EXPECT_TRUE(w.run_until([&] { return flow.server().eof; }, 300s));
    EXPECT_EQ(flow.server().received, 3 * mib);
    EXPECT_EQ(flow.server().was_reset, resets.has_value());
    EXPECT_EQ(w.finish(), "");
  }
}

TEST(rejection, reaches_the_opener_with_its_code) {
  world w(two_paths(67));
  w.connect();
  w.run(1s);
  flow_plan plan{.up = traffic::bulk(10 * mib)};
  plan.may_fail = errc::rejected;
  plan.rejects = true;
  auto& flow = w.open(plan);
  w.run(2s);
  EXPECT_EQ(flow.client().error, errc::rejected);
  EXPECT_EQ(flow.client().app_code, 7u);
  EXPECT_EQ(w.finish(), "");
}

TEST(closed_reader, stops_the_writer) {
  world w(two_paths(68));
  w.connect();
  w.run(1s);
  flow_plan plan{.up = traffic::bulk(gib), .down = traffic::bulk(kib)};
  plan.may_fail = errc::aborted;
  auto& flow = w.open(plan);
  w.run(2s);
  flow.close(true);
  w.run(5s);
  EXPECT_TRUE(flow.client().failed);
  EXPECT_EQ(w.finish(), "");
}

TEST(storm, of_short_flows_loses_none_while_a_path_dies_every_second) {
  world w(two_paths(69));
  w.connect();
  w.run(1s);
  random rng(69);
  std::size_t opened = 0;
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 100; ++i) {
      w.open(
          {.up = traffic::bulk(rng.below(20 * kib)), .down = traffic::bulk(rng.below(40 * kib))});
      ++opened;
      w.run(10ms);
    }
    w.path(second % 2 == 0 ? "a" : "b").kill();
  }
  const auto all_complete = [&] {
    return std::all_of(w.flows().begin(), w.flows().end(),
                       [](const auto& f) { return f->complete(); });
  };
  EXPECT_TRUE(w.run_until(all_complete, 30s));
  EXPECT_EQ(w.flows().size(), opened);
  EXPECT_GE(w.deaths(), 9u);
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
