// SPDX-License-Identifier: Apache-2.0
#include "policy/guard.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <iostream>
#include <set>
#include <vector>

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;
using enum guard_phase;

constexpr instant start{1000s};
constexpr std::uint64_t mb = 1'000'000;

// A bond in virtual time: what it delivers in order depends on who takes part; asked at `again`.
class bond {
 public:
  using goodput = std::function<std::uint64_t(const std::vector<bool>& takes_part)>;

  bond(const std::vector<std::uint64_t>& rates, goodput model) : model_(std::move(model)) {
    for (const auto rate : rates) {
      guard_child c;
      c.facts.state = health::usable;
      c.facts.rate = rate;
      c.facts.min_rtt = 20ms;
      children.push_back(c);
    }
    took_part.resize(rates.size());
  }

  guard_decision ask(bool limited = false) {
    const guard_sample sample{in_order, limited, children};
    auto d = decide(state, sample, now);
    state = d.next;
    if (d.reason != guard_reason::nothing && d.reason != guard_reason::good) {
      log.push_back(std::string(name(d.reason)));
      evidence = d.evidence;
    }
    return d;
  }

  void go(duration time, bool limited = false) {
    const auto end = now + time;
    while (now < end) {
      const auto next = std::min(ask(limited).again, end);
      const auto passed = next - now;
      std::vector<bool> takes_part;
      for (std::size_t i = 0; i < children.size(); ++i) {
        takes_part.push_back(!state.rested(i) && alive(children[i].facts.state));
        if (takes_part[i]) took_part[i] += passed;
        if (takes_part[i] && i == blocks) children[i].blocked += passed * 8 / 10;
      }
      in_order += static_cast<std::uint64_t>(passed / 1ms) * model_(takes_part) / 1000;
      now = next;
    }
  }

  std::uint64_t mean_since(instant then, std::uint64_t bytes_then) const {
    return (in_order - bytes_then) * 1000 / static_cast<std::uint64_t>((now - then) / 1ms);
  }

  std::vector<guard_child> children;
  std::vector<duration> took_part;
  std::size_t blocks = ~std::size_t{0};  // the child that the receiver waits for
  guard_state state;
  instant now = start;
  std::uint64_t in_order = 0;
  std::vector<std::string> log;
  std::string evidence;

 private:
  goodput model_;
};

using words = std::vector<std::string>;

std::uint64_t added_up(const std::vector<bool>& on) {
  return (on[0] ? 50 : 0) * mb + (on[1] ? 10 : 0) * mb;
}

// Child 1 takes a fifth of what child 0 would carry.
std::uint64_t spoilt(const std::vector<bool>& on) { return on[1] ? 40 * mb : 50 * mb; }

TEST(Guard, ABondThatAddsUpIsLeftAlone) {
  bond b({50 * mb, 10 * mb}, added_up);
  b.go(10min);
  EXPECT_TRUE(b.log.empty());
}

TEST(Guard, AfterTwoFailingWindowsTheHarmfulChildRests) {
  bond b({50 * mb, 10 * mb}, spoilt);
  b.go(4s);
  EXPECT_EQ(b.log, (words{"failed"}));
  const auto d = b.ask();
  EXPECT_EQ(d.reason, guard_reason::rested);
  EXPECT_EQ(d.child, 1u);
  EXPECT_TRUE(d.changed && d.next.rested(1));
  EXPECT_EQ(d.evidence, "40 MB/s in order, the best child alone 50 MB/s");
  b.go(5s);
  EXPECT_EQ(b.log, (words{"failed", "rested", "harmful"}));
  EXPECT_EQ(b.evidence, "50 MB/s in order, before the rest 40 MB/s");
}

TEST(Guard, OverAnHourItIsNotBelow98PercentOfTheBestAndProbesAreRare) {
  for (const bool waited_for : {true, false}) {
    bond b({50 * mb, 10 * mb}, spoilt);
    b.blocks = waited_for ? 1 : ~std::size_t{0};
    b.go(10s);
    const auto then = b.now;
    const auto bytes = b.in_order;
    const auto part = b.took_part[1];
    b.go(1h);
    const auto permille = b.mean_since(then, bytes) / (50 * mb / 1000);
    const auto share = (b.took_part[1] - part) * 10'000 / 1h;
    std::cout << "  " << (waited_for ? "waited for" : "harm unseen by probes") << ": "
              << permille / 10 << '.' << permille % 10 << " % of the best child alone, part "
              << share << "/10000 of the time\n";
    EXPECT_GE(permille, 995u);
    EXPECT_LE(share, waited_for ? 50 : 100) << "the latter with the windows after its returns";
  }
}

TEST(Guard, AmongSeveralTheOneThatTheReceiverWaitsForRests) {
  for (const std::size_t bad : {1u, 2u}) {
    bond b({50 * mb, 10 * mb, 10 * mb},
           [&](const auto& on) { return on[bad] ? 40 * mb : 60 * mb; });
    b.blocks = bad;
    b.go(10s);
    EXPECT_TRUE(b.state.rested(bad));
    EXPECT_FALSE(b.state.rested(3 - bad));
  }
}

TEST(Guard, WhereItWaitsForNoneTheSlowestRests) {
  bond b({50 * mb, 10 * mb, 10 * mb}, [](const auto& on) { return on[2] ? 40 * mb : 60 * mb; });
  b.children[2].facts.min_rtt = 300ms;
  b.go(10s);
  EXPECT_TRUE(b.state.rested(2));
  EXPECT_FALSE(b.state.rested(1));
}

TEST(Guard, TheWrongChildTakesPartAgainAndTheNextOneRests) {
  bond b({50 * mb, 10 * mb, 10 * mb}, [](const auto& on) { return on[1] ? 40 * mb : 60 * mb; });
  b.children[2].facts.min_rtt = 300ms;
  b.go(30s);
  EXPECT_EQ(b.log, (words{"failed", "rested", "spared", "failed", "rested", "harmful"}));
  EXPECT_TRUE(b.state.rested(1));
  EXPECT_FALSE(b.state.rested(2));
}

// The rate of the best child was taken for more than it is.
TEST(Guard, ARateThatIsTooHighCostsNobodyHisPlaceForLong) {
  bond b({50 * mb, 2 * mb},
         [](const auto& on) { return (on[0] ? 45 : 0) * mb + (on[1] ? 2 : 0) * mb; });
  b.go(1h);
  EXPECT_GE(b.took_part[1] * 100, 1h * 97);
}

TEST(Guard, AChildThatMendedReturnsAfterAProbe) {
  bool mended = false;
  bond b({50 * mb, 10 * mb}, [&](const auto& on) { return mended ? added_up(on) : spoilt(on); });
  b.blocks = 1;
  b.go(60s);
  ASSERT_TRUE(b.state.rested(1));
  mended = true;
  b.blocks = ~std::size_t{0};
  b.go(90s);
  EXPECT_EQ(b.log.back(), "returned");
  const auto size = b.log.size();
  b.go(10min);
  EXPECT_EQ(b.log.size(), size) << "and stays";
  EXPECT_EQ(b.state.children[1].pause, 0s);
}

TEST(Guard, AReturnedChildThatFailsOnceRestsTwiceAsLong) {
  bond b({50 * mb, 10 * mb}, spoilt);
  b.go(40s);  // the first probe, at 20 s of rest, sees nothing
  EXPECT_EQ(b.log, (words{"failed", "rested", "harmful", "probe", "probe_over", "returned",
                          "rested_again"}));
  EXPECT_EQ(b.state.children[1].pause, 40s);
}

TEST(Guard, WindowsThatTheApplicationLimitsSayNothing) {
  bond b({50 * mb, 10 * mb}, spoilt);
  b.go(60s, true);
  EXPECT_TRUE(b.log.empty());
  b.go(2s);
  b.go(2s, true);
  EXPECT_FALSE(b.state.rested(1));
}

TEST(Guard, APauseOfCallsBeginsANewWindow) {
  bond b({50 * mb, 10 * mb}, spoilt);
  b.ask();
  for (int i = 0; i < 20; ++i) {
    b.now += 10s;
    b.in_order += mb;
    EXPECT_EQ(b.ask().reason, guard_reason::nothing);
  }
}

TEST(Guard, WhenNoOtherIsLeftTheRestedOnesTakePart) {
  bond b({50 * mb, 10 * mb}, spoilt);
  b.go(10s);
  ASSERT_TRUE(b.state.rested(1));
  for (const auto state : {health::suspect, health::dead, health::absent}) {
    auto c = b;
    c.children[0].facts.state = state;
    EXPECT_EQ(c.ask().reason, guard_reason::needed);
    EXPECT_FALSE(c.state.rested(1));
  }
}

TEST(Guard, ARestedChildThatBecameTheBestTakesPart) {
  bond b({50 * mb, 10 * mb}, [](const auto& on) { return on[1] ? 40 * mb : 50 * mb; });
  b.go(10s);
  ASSERT_TRUE(b.state.rested(1));
  b.children[0].facts.rate = 1 * mb;
  b.go(3s);
  EXPECT_EQ(b.log.back(), "returned");
}

TEST(Guard, OtherChildrenThanBeforeBeginAnew) {
  bond b({50 * mb, 10 * mb}, spoilt);
  b.go(10s);
  b.children.pop_back();
  EXPECT_EQ(b.ask().reason, guard_reason::nothing);
  EXPECT_FALSE(b.state.rested(0));
  b.children.clear();
  EXPECT_EQ(b.ask().reason, guard_reason::nothing);
}

// ---- every phase x event ----

TEST(Guard, EveryPhaseAndEvent) {
  struct event {
    const char* name;
    std::uint64_t goodput;
    duration later;
    bool limited;
    health best;
  };
  const std::array events{
      event{"good window", 60 * mb, 2s, false, health::usable},
      event{"failing window", 40 * mb, 2s, false, health::usable},
      event{"limited window", 40 * mb, 2s, true, health::usable},
      event{"probe over", 5 * mb, 100ms, false, health::usable},
      event{"a long pause", 40 * mb, 60s, false, health::usable},
      event{"the best child died", 0, 100ms, false, health::dead},
  };
  const std::array<std::array<guard_phase, 6>, 6> expected{{
      {watching, doubting, watching, watching, watching, watching},
      {watching, settling, doubting, doubting, watching, doubting},
      {verifying, verifying, settling, settling, settling, watching},
      {watching, watching, verifying, verifying, verifying, watching},
      {watching, watching, watching, judging, watching, judging},
      {watching, watching, watching, judging, watching, watching},
  }};
  for (std::size_t p = 0; p < expected.size(); ++p) {
    for (std::size_t e = 0; e < events.size(); ++e) {
      bond b({50 * mb, 10 * mb}, added_up);
      b.ask();
      b.state.phase = static_cast<guard_phase>(p);
      b.state.goodput = b.state.reference = 40 * mb;
      b.state.probe_until = b.now + 100ms;
      if (b.state.phase >= settling) b.state.subject = 1;
      b.state.children[1].rested = p == 2 || p == 3 || p == 5;
      b.children[0].facts.state = events[e].best;
      b.in_order += static_cast<std::uint64_t>(events[e].later / 1ms) * events[e].goodput / 1000;
      b.now += events[e].later;
      const auto d = b.ask(events[e].limited);
      std::cout << "  " << to_string(static_cast<guard_phase>(p)) << " | " << events[e].name
                << " | " << to_string(d.next.phase) << " | " << name(d.reason) << '\n';
      EXPECT_EQ(d.next.phase, expected[p][e])
          << to_string(static_cast<guard_phase>(p)) << ", " << events[e].name;
      EXPECT_GT(d.again, b.now);
    }
  }
}

TEST(Guard, EveryReasonHasAWordAndASentence) {
  std::set<std::string_view> seen;
  for (auto r = guard_reason::nothing; r <= guard_reason::needed;
       r = static_cast<guard_reason>(static_cast<int>(r) + 1)) {
    EXPECT_NE(to_string(r), "unknown");
    EXPECT_TRUE(seen.insert(name(r)).second);
  }
}

}  // namespace
}  // namespace rendr::policy
