// SPDX-License-Identifier: Apache-2.0
#include "policy/peak.hpp"

#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <set>
#include <vector>

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;
using enum peak_phase;

constexpr instant start{1000s};
constexpr std::uint64_t mb = 1'000'000;

// A flow with demand over two children of given rates, looked at every 100 ms.
class flow {
 public:
  void go(duration time, std::uint64_t demand, std::uint64_t normal_rate, std::uint64_t bulk_rate,
          bool ready = true) {
    for (const auto end = now + time; now < end;) {
      now += 100ms;
      const auto rate = state.on_bulk() ? bulk_rate : normal_rate;
      const auto d = decide(state, {demand > rate, std::min(demand, rate), ready}, now);
      ASSERT_EQ(d.changed, d.next.on_bulk() != state.on_bulk());
      ASSERT_EQ(d.evidence.empty(), d.reason == peak_reason::kept);
      state = d.next;
      if (state.on_bulk()) on_bulk += 100ms;
      if (d.reason != peak_reason::kept) {
        log.push_back(std::string(name(d.reason)));
        evidence = d.evidence;
        at = now;
      }
      if (d.changed) ++moves;
    }
  }

  peak_state state;
  instant now = start;
  instant at{};
  int moves = 0;
  duration on_bulk{0};
  std::string evidence;
  std::vector<std::string> log;
};

using words = std::vector<std::string>;

TEST(Peak, AFlowThatSaturatesItsPathFor600MsMovesToTheBulkChild) {
  flow f;
  f.go(600ms, 9 * mb, 1 * mb, 5 * mb);
  EXPECT_EQ(f.moves, 0);
  f.go(100ms, 9 * mb, 1 * mb, 5 * mb);
  EXPECT_EQ(f.moves, 1);
  f.go(60s, 9 * mb, 1 * mb, 5 * mb);
  EXPECT_EQ(f.log, (words{"saturated", "gained"}));
  EXPECT_EQ(f.evidence, "5 MB/s, before 1 MB/s");
  EXPECT_EQ(f.moves, 1);
}

TEST(Peak, AShortBurstMovesNothing) {
  flow f;
  for (int i = 0; i < 100; ++i) {
    f.go(500ms, 9 * mb, 1 * mb, 5 * mb);
    f.go(100ms, 0, 1 * mb, 5 * mb);
  }
  EXPECT_TRUE(f.log.empty());
}

TEST(Peak, WithoutGainItIsBackAndSuppressed) {
  flow f;
  f.go(3s, 9 * mb, 2 * mb, 2 * mb);
  EXPECT_EQ(f.log, (words{"saturated", "no_gain"}));
  EXPECT_FALSE(f.state.on_bulk());
  const auto back = f.at;
  f.go(6s, 9 * mb, 2 * mb, 2 * mb);
  EXPECT_EQ(f.moves, 3) << "tried again after 5 s and 600 ms";
  EXPECT_GE(f.at - back, 5600ms);
}

TEST(Peak, EachFurtherTryWithoutGainIsTwiceAsLate) {
  flow f;
  f.go(600s, 9 * mb, 2 * mb, 1 * mb);
  EXPECT_LE(f.on_bulk, 32s) << "of 600 s";
  EXPECT_GE(f.moves, 16);
}

TEST(Peak, WhenDemandFallsItReturns) {
  flow f;
  f.go(10s, 9 * mb, 1 * mb, 5 * mb);
  f.go(10s, mb / 2, 1 * mb, 5 * mb);
  EXPECT_EQ(f.log, (words{"saturated", "gained", "demand_fell"}));
  EXPECT_EQ(f.state.phase, normal);
  f.go(2s, 9 * mb, 1 * mb, 5 * mb);
  EXPECT_TRUE(f.state.on_bulk()) << "falling demand suppresses nothing";
}

TEST(Peak, ADemandThatTheNormalChildJustCarriedStays) {
  flow f;
  f.go(10s, 9 * mb, 1 * mb, 5 * mb);
  f.go(60s, mb, 1 * mb, 5 * mb);
  EXPECT_TRUE(f.state.on_bulk());
  f.go(1s, 0, 1 * mb, 5 * mb);
  f.go(60s, 9 * mb, 1 * mb, 5 * mb);
  EXPECT_EQ(f.moves, 1) << "a short pause is no fall of demand";
}

TEST(Peak, ADemandThatFitsTheBulkChildIsAGain) {
  flow f;
  f.go(3s, 1'050'000, 1 * mb, 5 * mb);
  EXPECT_EQ(f.log, (words{"saturated", "gained"}));
}

TEST(Peak, AGainThatIsLostLeadsBack) {
  flow f;
  f.go(10s, 9 * mb, 2 * mb, 5 * mb);
  f.go(3s, 9 * mb, 2 * mb, 1 * mb);
  EXPECT_EQ(f.log, (words{"saturated", "gained", "gain_lost"}));
  EXPECT_EQ(f.evidence, "1 MB/s, before 2 MB/s");
}

TEST(Peak, ABulkChildThatIsLostLeadsBackAtOnce) {
  flow f;
  f.go(10s, 9 * mb, 1 * mb, 5 * mb);
  f.go(100ms, 9 * mb, 1 * mb, 5 * mb, false);
  EXPECT_EQ(f.log.back(), "bulk_lost");
  EXPECT_FALSE(f.state.on_bulk());
}

TEST(Peak, WithoutABulkChildNothingMoves) {
  flow f;
  f.go(60s, 9 * mb, 1 * mb, 5 * mb, false);
  EXPECT_TRUE(f.log.empty());
}

// ---- every phase x event ----

struct event {
  const char* name;
  peak_facts facts;
  duration later;
};

TEST(Peak, EveryPhaseAndEvent) {
  const std::array events{
      event{"saturated, more", {true, 3 * mb, true}, 100ms},
      event{"saturated, same", {true, 1 * mb, true}, 100ms},
      event{"the same, due", {true, 1 * mb, true}, 10s},
      event{"idle", {false, 0, true}, 100ms},
      event{"idle, due", {false, 0, true}, 10s},
      event{"bulk gone", {true, 1 * mb, false}, 100ms},
  };
  // By phase, then event.
  const std::array<std::array<peak_phase, 6>, 6> expected{{
      {rising, rising, rising, normal, normal, normal},
      {rising, rising, verifying, normal, normal, normal},
      {verifying, verifying, suppressed, verifying, falling, suppressed},
      {bulk, bulk, bulk, falling, falling, suppressed},
      {bulk, bulk, bulk, falling, normal, suppressed},
      {suppressed, suppressed, normal, suppressed, normal, suppressed},
  }};
  for (std::size_t p = 0; p < expected.size(); ++p) {
    for (std::size_t e = 0; e < events.size(); ++e) {
      peak_state s;
      s.phase = static_cast<peak_phase>(p);
      s.since = start;
      s.carried = 1 * mb;
      s.suppressed_until = start + 5s;
      const auto d = decide(s, events[e].facts, start + events[e].later);
      std::cout << "  " << to_string(s.phase) << " | " << events[e].name << " | "
                << to_string(d.next.phase) << " | " << name(d.reason) << '\n';
      EXPECT_EQ(d.next.phase, expected[p][e]) << to_string(s.phase) << ", " << events[e].name;
      EXPECT_TRUE(d.again > start);
    }
  }
}

TEST(Peak, EveryReasonHasAWordAndASentence) {
  std::set<std::string_view> seen;
  for (auto r = peak_reason::kept; r <= peak_reason::bulk_lost;
       r = static_cast<peak_reason>(static_cast<int>(r) + 1)) {
    EXPECT_NE(to_string(r), "unknown");
    EXPECT_TRUE(seen.insert(name(r)).second);
  }
}

}  // namespace
}  // namespace rendr::policy
