// SPDX-License-Identifier: Apache-2.0
// What the deadline of an acknowledgement costs and buys: false alarms against reaction, for
// several multiples of rttvar. RENDR_CURVE=1 draws it in full; else a short form holds the
// default's place. With RENDR_PLOT_DIR set it is also written there as CSV. And: jitter alone costs
// no byte. ctest: timeout=600
#include <cstdlib>

#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

struct line_kind {
  const char* name;
  std::uint32_t loss_ppm;
  congestion control;
  duration deviation;
  bool bulk;
};

constexpr std::array kinds{
    line_kind{"clean, cubic, paced", 0, congestion::cubic, 0ms, false},
    line_kind{"1 % loss, cubic, paced", 10'000, congestion::cubic, 0ms, false},
    line_kind{"1 % loss, bbr, paced", 10'000, congestion::bbr, 0ms, false},
    line_kind{"1 % loss, cubic, bulk", 10'000, congestion::cubic, 0ms, true},
    line_kind{"1 % loss, bbr, bulk", 10'000, congestion::bbr, 0ms, true},
    line_kind{"N(30, 10) ms, cubic, paced", 0, congestion::cubic, 10ms, false},
};

scenario two_paths(const line_kind& k, unsigned variations, std::uint64_t seed) {
  scenario s;
  s.seed = seed_or(seed);
  const auto rtt = k.deviation > 0ms ? 30ms : 20ms;
  s.paths = {path("first", rtt, 20 * mbit, k.loss_ppm),
             path("second", 40ms, 20 * mbit, k.loss_ppm)};
  for (auto& p : s.paths) {
    p.control = k.control;
    p.lanes.deviation = k.deviation * 1000 / 1414;  // of one of the two ways
  }
  s.root = "selector(first, second)";
  s.deadline_variations = variations;
  return s;
}

flow_plan plan_of(const line_kind& k) {
  return {.up = k.bulk ? traffic::bulk(gib) : traffic::paced(kib, 5ms, 100'000)};
}

struct alarms {
  double extra = 0;       ///< bytes in per mille
  double suspicions = 0;  ///< a minute, of both ends
};

/// The mean of several seeds.
alarms quiet_runs(const line_kind& k, unsigned variations, duration time, std::uint64_t seeds) {
  alarms a;
  std::uint64_t extra = 0;
  std::uint64_t sent = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    world w(two_paths(k, variations, 31 + seed));
    w.connect();
    w.run(1s);
    w.open(plan_of(k));
    w.run(time);
    EXPECT_EQ(w.deaths() + w.deaths(true), 0u);
    EXPECT_EQ(w.violations(), "");
    for (const char* name : {"first", "second"}) {
      for (const bool at_server : {false, true}) {
        const auto p = w.status_of(name, at_server);
        extra += p.extra_sent;
        sent += p.payload_sent;
        a.suspicions += static_cast<double>(p.suspicions);
      }
    }
  }
  a.extra = 1000.0 * static_cast<double>(extra) / static_cast<double>(sent);
  a.suspicions /= static_cast<double>(seeds) * ms(time) / 60'000;
  return a;
}

/// From the first write into the dark to its delivery, the median of several phases.
duration reaction(const line_kind& k, unsigned variations, int phases) {
  std::vector<duration> times;
  for (int i = 0; i < phases; ++i) {
    auto paced = k;
    paced.bulk = false;
    world w(two_paths(paced, variations, 21 + static_cast<std::uint64_t>(i)));
    w.connect();
    w.run(1s);
    auto& flow = w.open(plan_of(paced));
    w.run(6s + 7ms * i);
    const std::string on = w.status_of("first").carries_data ? "first" : "second";
    EXPECT_TRUE(w.run_until([&] { return w.path(on).data_packets() != 0; }, 1s));
    w.path(on).blackhole(true);
    const auto before = flow.client().wanted;
    EXPECT_TRUE(w.run_until([&] { return flow.client().wanted != before; }, 1s));
    const auto t0 = w.now();
    const auto offset = flow.client().wanted;
    w.run(4s);
    EXPECT_GT(w.path(on).darkened(), 0u);
    times.push_back(flow.delivered_at(true, offset) - t0);
  }
  return quantile(times, 500);
}

class curve {
 public:
  curve() {
    const char* folder = std::getenv("RENDR_PLOT_DIR");
    if (folder == nullptr) return;
    file_ = std::fopen((std::string(folder) + "/curve.csv").c_str(), "w");
    if (file_ != nullptr) std::fprintf(file_, "line,variations,extra,suspicions,reaction\n");
  }
  curve(const curve&) = delete;
  curve& operator=(const curve&) = delete;
  ~curve() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void add(const line_kind& k, unsigned variations, const alarms& a, duration reacted) {
    std::printf("%-28s %2u rttvar %8.2f per mille extra %7.2f suspicions/min %8.1f ms\n", k.name,
                variations, a.extra, a.suspicions, ms(reacted));
    std::fflush(stdout);
    if (file_ == nullptr) return;
    std::fprintf(file_, "\"%s\",%u,%.3f,%.3f,%.2f\n", k.name, variations, a.extra, a.suspicions,
                 ms(reacted));
  }

 private:
  std::FILE* file_ = nullptr;
};

TEST(deadline, costs_few_extra_bytes_at_the_default_and_its_curve_is_drawn) {
  const bool full = std::getenv("RENDR_CURVE") != nullptr;
  const auto multiples = full ? std::vector<unsigned>{2, 3, 4, 6, 8} : std::vector<unsigned>{2, 4};
  curve c;
  double most_extra = 0;
  for (const auto& k : kinds) {
    for (const auto n : multiples) {
      const auto a = full ? quiet_runs(k, n, 100s, 5) : quiet_runs(k, n, 20s, 1);
      const auto reacted = reaction(k, n, full ? 25 : 5);
      c.add(k, n, a, reacted);
      if (n == engine::defaults::deadline_variations) most_extra = std::max(most_extra, a.extra);
    }
  }
  expect_at_most("curve, extra bytes of the default, the worst line", most_extra, 50, "per mille");
}

class jitter : public testing::TestWithParam<std::tuple<duration, congestion>> {
 protected:
  struct cost {
    std::uint64_t extra = 0;
    std::uint64_t suspicions = 0;
  };
  /// Of a minute of paced traffic over lines with `share` per cent of jitter.
  static cost of(int share) {
    const auto rtt = std::get<0>(GetParam());
    scenario s;
    s.seed = seed_or(33);
    s.paths = {path("first", rtt, 20 * mbit), path("second", 2 * rtt, 20 * mbit)};
    for (auto& p : s.paths) {
      p.control = std::get<1>(GetParam());
      p.lanes.jitter = p.lanes.delay * share / 100;  // of each way, evenly spread
    }
    s.root = "selector(first, second)";
    world w(s);
    w.connect();
    w.run(1s);
    w.open({.up = traffic::paced(kib, 5ms, 100'000), .down = traffic::paced(200, 100ms, 1000)});
    const auto moves = w.migrations().size();
    w.run(60s);
    cost sum;
    for (const char* name : {"first", "second"}) {
      for (const bool at_server : {false, true}) {
        sum.extra += w.status_of(name, at_server).extra_sent;
        sum.suspicions += w.status_of(name, at_server).suspicions;
      }
    }
    EXPECT_LE(w.migrations().size(), moves + 1);
    EXPECT_EQ(w.deaths() + w.deaths(true), 0u);
    EXPECT_EQ(w.violations(), "");
    return sum;
  }
};

/// Without jitter bbr has its price too: each 10 s and more it holds four segments in flight for
/// 200 ms and a round trip, and the head of what waits meanwhile is rescued.
TEST_P(jitter, of_a_third_of_the_round_trip_moves_nothing_and_costs_nothing) {
  const bool bbr = std::get<1>(GetParam()) == congestion::bbr;
  const auto calm = of(0);
  std::uint64_t extra = 0;
  std::uint64_t suspicions = calm.suspicions;
  for (const int share : {10, 20, 30}) {
    const auto one = of(share);
    extra += one.extra - std::min(calm.extra, one.extra);
    suspicions += one.suspicions;
  }
  const auto title = "jitter up to 30 % of " +
                     std::to_string(static_cast<int>(ms(std::get<0>(GetParam())))) + " ms, " +
                     (bbr ? "bbr" : "cubic");
  expect_at_most(title + ", extra without it", static_cast<double>(calm.extra),
                 bbr ? 6 * 10'000 : 0, "bytes");
  // Which records a halt of bbr catches varies by one or two of them.
  expect_at_most(title + ", extra", static_cast<double>(extra),
                 static_cast<double>(calm.extra) / 20, "bytes");
  expect_at_most(title + ", suspicions", static_cast<double>(suspicions), 0, "suspicions");
}
INSTANTIATE_TEST_SUITE_P(quiet, jitter,
                         testing::Combine(testing::Values(duration(20ms), duration(100ms)),
                                          testing::Values(congestion::cubic, congestion::bbr)));

}  // namespace
}  // namespace rendr::sim
