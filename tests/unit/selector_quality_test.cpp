// SPDX-License-Identifier: Apache-2.0
// Moves for quality: what is better, for how long it must be, and what never moves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <numbers>
#include <string>
#include <vector>

#include "base/seeded_random.hpp"
#include "policy/selector.hpp"

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;
using enum selector_reason;

constexpr instant start{1000s};

child_facts child(duration latency, duration jitter = 1ms) {
  child_facts c;
  c.state = health::usable;
  c.measured = true;
  c.srtt = c.latency = latency;
  c.jitter = jitter;
  c.quality_known = true;
  c.fresh = true;
  c.quality_at = start;
  return c;
}

child_facts with(child_facts c, const std::function<void(child_facts&)>& change) {
  change(c);
  return c;
}

// A selector that stands on child 0 and is asked every 100 ms with renewed evidence.
class run {
 public:
  explicit run(std::vector<child_facts> children, selector_options options = {})
      : facts(std::move(children)), options_(options) {
    state.current = 0;
  }

  selector_decision ask() {
    const auto d = decide(state, facts, now, options_);
    state = d.next;
    if (d.changed) {
      ++moves;
      last = d;
      moved_at = now;
    }
    return d;
  }

  // Returns the last decision.
  selector_decision go(duration time, bool renewed = true) {
    selector_decision d;
    for (const auto end = now + time; now < end;) {
      now += 100ms;
      for (auto& c : facts) {
        if (renewed) c.quality_at = now;
      }
      d = ask();
    }
    return d;
  }

  std::vector<child_facts> facts;
  selector_state state;
  instant now = start;
  instant moved_at{};
  selector_decision last;
  int moves = 0;

 private:
  selector_options options_;
};

// ---- what is better ----

struct pair_case {
  const char* what;
  child_facts current;
  child_facts rival;
  std::optional<selector_reason> moves;
};

std::vector<pair_case> pairs() {
  const auto lossy = [](child_facts c, std::uint32_t loss) {
    c.loss_per_mille = loss;
    return c;
  };
  const auto flapped = [](child_facts c, std::uint32_t flaps) {
    c.flaps = flaps;
    return c;
  };
  const auto costs = [](child_facts c, std::uint32_t cost) {
    c.cost = cost;
    return c;
  };
  const auto heavy = [](child_facts c) {
    c.weight = 5;
    return c;
  };
  return {
      {"equal", child(30ms), child(30ms), {}},
      {"a little quicker", child(30ms), child(23ms), {}},
      {"a quarter quicker", child(30ms), child(22ms), quicker},
      {"5 ms quicker, both fast", child(6ms), child(1ms), quicker},
      {"4 ms quicker, both fast", child(5ms), child(1ms), {}},
      {"slower", child(30ms), child(90ms), {}},
      {"as quick, less jitter", child(30ms, 20ms), child(32ms, 5ms), less_jitter},
      {"as quick, a little less jitter", child(30ms, 8ms), child(30ms, 4ms), {}},
      {"quicker, more jitter", child(90ms, 1ms), child(30ms, 20ms), quicker},
      {"slower, less jitter", child(30ms, 20ms), child(90ms, 1ms), {}},
      {"less loss, slower", lossy(child(10ms), 50), child(90ms), less_loss},
      {"half a percent less loss", lossy(child(30ms), 5), child(30ms), {}},
      {"9 against 10 % loss", lossy(child(30ms), 100), lossy(child(30ms), 90), {}},
      {"more loss, quicker", child(90ms), lossy(child(10ms), 20), {}},
      {"two flaps less", flapped(child(30ms), 2), child(30ms), {}},
      {"three flaps less", flapped(child(30ms), 3), child(90ms), steadier},
      {"two flaps more, quicker", child(90ms), flapped(child(10ms), 2), quicker},
      {"three flaps more, quicker", child(90ms), flapped(child(10ms), 3), {}},
      {"less loss, more flaps", lossy(child(30ms), 50), flapped(child(30ms), 5), less_loss},
      {"heavier", child(30ms), heavy(child(30ms)), heavier},
      {"heavier, slower by a third of the band", child(30ms), heavy(child(33ms)), heavier},
      {"heavier, slower by most of the band", child(30ms), heavy(child(37ms)), {}},
      {"lighter", heavy(child(30ms)), child(30ms), {}},
      {"lighter, quicker", heavy(child(30ms)), child(10ms), quicker},
      {"cheaper", costs(child(30ms), 100), child(30ms), cheaper},
      {"cheaper, slower by 70 ms", costs(child(30ms), 100), child(100ms), cheaper},
      {"cheaper, slower by 90 ms", costs(child(30ms), 100), child(120ms), {}},
      {"cheaper, more loss", costs(child(30ms), 100), lossy(child(30ms), 50), {}},
      {"dearer, quicker by 90 ms", child(100ms), costs(child(10ms), 1), {}},
      {"dearer, quicker by 110 ms", child(120ms), costs(child(10ms), 1), worth_its_cost},
      {"dearer, less loss", lossy(child(30ms), 50), costs(child(30ms), 100), less_loss},
  };
}

TEST(SelectorQuality, WhatIsBetter) {
  for (const auto& p : pairs()) {
    run r({p.current, p.rival});
    r.go(60s);
    const auto shown = r.moves == 0 ? "stays" : std::string(name(r.last.reason));
    std::cout << "  " << p.what << ": " << shown
              << (r.moves > 0 ? " (" + describe(r.last.evidence, "a", "b") + ")" : "") << '\n';
    EXPECT_EQ(r.moves, p.moves ? 1 : 0) << p.what;
    if (p.moves) {
      EXPECT_EQ(r.last.reason, *p.moves) << p.what;
      EXPECT_TRUE(for_quality(r.last.reason));
    }
  }
}

TEST(SelectorQuality, OfTwoChildrenAtMostOneIsPreferred) {
  seeded_random random(7);
  for (int round = 0; round < 20'000; ++round) {
    const auto any = [&] {
      auto c = child(duration(random.below(200'000'000)), duration(random.below(50'000'000)));
      c.loss_per_mille = random.below(4) == 0 ? static_cast<std::uint32_t>(random.below(100)) : 0;
      c.flaps = static_cast<std::uint32_t>(random.below(4));
      c.cost = static_cast<std::uint32_t>(random.below(3));
      c.weight = static_cast<std::uint32_t>(1 + random.below(2));
      return c;
    };
    const auto a = any();
    const auto b = any();
    ASSERT_FALSE(preferred(a, b, 100ms) && preferred(b, a, 100ms)) << round;
  }
}

// ---- what must be so before it moves ----

TEST(SelectorQuality, ABetterChildMustStayBetterForTheDwell) {
  run r({child(90ms), child(30ms)});
  EXPECT_EQ(r.go(2900ms).reason, kept_dwell);
  EXPECT_EQ(r.moves, 0);
  r.go(300ms);
  EXPECT_EQ(r.moves, 1);
  EXPECT_EQ(r.state.current, 1u);
  EXPECT_EQ(r.last.evidence.held, 3s);
  EXPECT_EQ(describe(r.last.evidence, "fiber", "lte"),
            "lte 30 ms +-1 ms, fiber 90 ms +-1 ms, for 3 s");
}

TEST(SelectorQuality, OneLookAtWhichItIsNotBetterBeginsTheDwellAnew) {
  run r({child(90ms), child(30ms)});
  r.go(2500ms);
  r.facts[1].latency = 80ms;
  r.go(100ms);
  r.facts[1].latency = 30ms;
  r.go(2900ms);
  EXPECT_EQ(r.moves, 0);
  r.go(300ms);
  EXPECT_EQ(r.moves, 1);
}

TEST(SelectorQuality, ALateRivalWaitsAndItsDwellGoesOn) {
  run r({child(90ms), child(30ms)});
  r.go(2s);
  r.facts[1].state = health::late;
  EXPECT_EQ(r.go(2s).reason, kept_dwell);
  EXPECT_EQ(r.moves, 0) << "nothing moves to a child in doubt";
  r.facts[1].state = health::usable;
  EXPECT_EQ(r.go(100ms).reason, quicker) << "the three seconds were over long ago";
}

TEST(SelectorQuality, ASuspectRivalBeginsTheDwellAnew) {
  run r({child(90ms), child(30ms)});
  r.go(2s);
  r.facts[1].state = health::suspect;
  EXPECT_EQ(r.go(100ms).reason, kept);
  r.facts[1].state = health::usable;
  EXPECT_EQ(r.go(2900ms).reason, kept_dwell);
  EXPECT_EQ(r.moves, 0);
}

TEST(SelectorQuality, TheEvidenceOfBothIsRenewedMeanwhile) {
  run r({child(90ms), child(30ms)});
  EXPECT_EQ(r.go(10s, false).reason, kept_unproven);
  for (int renewals = 1; renewals <= 3; ++renewals) {
    r.facts[1].quality_at = r.now;
    EXPECT_EQ(r.go(200ms, false).reason, kept_unproven) << "the current child's is old";
  }
  r.facts[0].quality_at = r.now;
  r.ask();
  EXPECT_EQ(r.moves, 1);
}

TEST(SelectorQuality, BetweenTwoMovesLiesTheCooldown) {
  run r({child(90ms), child(30ms)});
  r.go(4s);
  ASSERT_EQ(r.moves, 1);
  const auto first = r.moved_at;
  r.facts[0].latency = 5ms;
  EXPECT_EQ(r.go(10s).reason, kept_cooldown);
  r.go(10s);
  EXPECT_EQ(r.moves, 2);
  EXPECT_EQ(r.moved_at, first + 15s);
}

TEST(SelectorQuality, DeathAndSuspicionAskNeitherDwellNorCooldown) {
  for (const auto state : {health::suspect, health::dead, health::absent}) {
    run r({child(90ms), child(30ms)});
    r.go(4s);
    ASSERT_EQ(r.state.current, 1u);
    r.facts[1].state = state;
    EXPECT_EQ(r.ask().child, 0u);
    EXPECT_FALSE(for_quality(r.last.reason));
  }
}

struct hindrance {
  const char* what;
  std::size_t who;
  std::function<void(child_facts&)> change;
};

TEST(SelectorQuality, WhatForbidsAMoveForQuality) {
  const std::vector<hindrance> all{
      {"the rival is unmeasured", 1, [](auto& c) { c.quality_known = false; }},
      {"the rival's evidence is stale", 1, [](auto& c) { c.fresh = false; }},
      {"the rival is on probation", 1, [](auto& c) { c.eligible = false; }},
      {"the rival is late", 1, [](auto& c) { c.state = health::late; }},
      {"the rival is suspect", 1, [](auto& c) { c.state = health::suspect; }},
      {"the rival is dead", 1, [](auto& c) { c.state = health::dead; }},
      {"the current child is unmeasured", 0, [](auto& c) { c.quality_known = false; }},
      {"the current child's evidence is stale", 0, [](auto& c) { c.fresh = false; }},
  };
  for (const auto& h : all) {
    run r({child(90ms), child(30ms)});
    h.change(r.facts[h.who]);
    r.go(60s);
    EXPECT_EQ(r.moves, 0) << h.what;
    r.facts = {child(90ms), child(30ms)};
    r.go(4s);
    EXPECT_EQ(r.moves, 1) << "without: " << h.what;
  }
}

TEST(SelectorQuality, LatenessAloneMovesNothing) {
  run r({with(child(30ms), [](auto& c) { c.state = health::late; }), child(30ms)});
  EXPECT_EQ(r.go(60s).reason, kept_late);
  EXPECT_EQ(r.moves, 0);
}

TEST(SelectorQuality, TheChildOfACommandIsNotLeftForABetterOne) {
  run r({child(900ms), child(1ms)});
  r.state.override = 0;
  r.go(60s);
  EXPECT_EQ(r.moves, 0);
  r.state = select(r.state, std::nullopt, r.facts, r.now).next;
  EXPECT_EQ(r.moves, 0);
  r.go(4s);
  EXPECT_EQ(r.moves, 1) << "released";
}

TEST(SelectorQuality, ADwellForEverForbidsIt) {
  run r({child(900ms), child(1ms)}, {.dwell = duration::max()});
  r.go(60s);
  EXPECT_EQ(r.moves, 0);
  EXPECT_FALSE(wants_evidence(r.state, r.facts, 1, r.now, {.dwell = duration::max()}));
}

TEST(SelectorQuality, OptionsOfTheirEnds) {
  for (const auto cooldown : {0s, 3600s}) {
    run r({child(90ms), child(30ms)}, {.dwell = 0ms, .cooldown = cooldown});
    r.go(1s);
    EXPECT_EQ(r.moves, 1) << "three renewals are enough";
  }
  run once({child(90ms), child(30ms)}, {.dwell = 1s, .cooldown = duration::max()});
  once.go(10s);
  once.facts[0].latency = 1ms;
  once.go(3600s);
  EXPECT_EQ(once.moves, 1);
}

TEST(SelectorQuality, OfSeveralBetterChildrenTheBestWins) {
  run r({child(200ms), child(90ms), child(30ms), child(80ms)});
  r.go(4s);
  EXPECT_EQ(r.state.current, 2u);
}

TEST(SelectorQuality, TwoEqualRivalsDoNotRestartEachOthersDwell) {
  run r({child(90ms), child(30ms), child(30ms)});
  for (int i = 0; i < 31; ++i) {
    r.facts[1].latency = i % 2 == 0 ? 29ms : 31ms;
    r.facts[2].latency = i % 2 == 0 ? 31ms : 29ms;
    r.go(100ms);
  }
  EXPECT_EQ(r.moves, 1);
}

TEST(SelectorQuality, AnUrgentMoveGoesToTheBestByEvidence) {
  const auto dead = with(child(1ms), [](auto& c) { c.state = health::dead; });
  run r({dead, child(90ms), child(30ms), with(child(1ms), [](auto& c) { c.loss_per_mille = 99; })});
  EXPECT_EQ(r.ask().child, 2u);
  EXPECT_EQ(describe(r.last.evidence, "a", "c"), "c 30 ms +-1 ms, a dead");
}

// ---- what it asks for ----

TEST(SelectorQuality, UnknownAndWeighedChildrenAreMeasured) {
  run r({child(90ms), with(child(30ms), [](auto& c) { c.quality_known = false; })});
  auto d = r.ask();
  EXPECT_EQ(d.again, start + 500ms);
  EXPECT_FALSE(wants_evidence(d.next, r.facts, 1, r.now)) << "just measured";
  r.now += 600ms;
  EXPECT_TRUE(wants_evidence(d.next, r.facts, 1, r.now));
  EXPECT_FALSE(wants_evidence(d.next, r.facts, 0, r.now)) << "nothing is weighed";
  r.facts[1] = child(30ms);
  d = r.ask();
  EXPECT_EQ(d.reason, kept_dwell);
  EXPECT_TRUE(wants_evidence(d.next, r.facts, 0, r.now));
  EXPECT_TRUE(wants_evidence(d.next, r.facts, 1, r.now));
  r.facts[1].quality_at = r.now;
  EXPECT_FALSE(wants_evidence(d.next, r.facts, 1, r.now)) << "just renewed";
  EXPECT_EQ(d.again, r.now + 500ms);
}

TEST(SelectorQuality, WithNothingToWeighNothingIsAskedFor) {
  run r({child(30ms), child(30ms)});
  const auto d = r.ask();
  EXPECT_EQ(d.again, never);
  for (const std::size_t i : {0u, 1u, 2u}) {
    EXPECT_FALSE(wants_evidence(d.next, r.facts, i, r.now + 60s));
  }
}

// Asked only when it says so, with evidence renewed only where it is wanted: nothing is missed.
TEST(SelectorQuality, FollowingItsOwnQuestionsItDecidesInTime) {
  run r({child(90ms), child(30ms)});
  auto d = r.ask();
  int questions = 0;
  while (!d.changed && d.again != never && questions < 100) {
    ++questions;
    r.now = d.again;
    for (std::size_t i = 0; i < 2; ++i) {
      if (wants_evidence(r.state, r.facts, i, r.now)) r.facts[i].quality_at = r.now;
    }
    d = r.ask();
  }
  EXPECT_EQ(r.state.current, 1u);
  EXPECT_EQ(r.moved_at, start + 3s);
  EXPECT_LE(questions, 7);
}

// ---- gate G9: no flapping, yet not asleep ----

// Smoothing as in RFC 6298.
struct estimator {
  void sample(instant now, double ms) {
    count == 0 ? void(mean = ms) : void();
    deviation = count == 0 ? ms / 2 : deviation + (std::abs(ms - mean) - deviation) / 4;
    mean += (ms - mean) / 8;
    ++count;
    at = now;
  }
  void fill(child_facts& c) const {
    c.latency = duration(static_cast<std::int64_t>(mean * 1e6));
    c.jitter = duration(static_cast<std::int64_t>(deviation * 1e6));
    c.quality_known = count >= 4;
    c.quality_at = at;
  }
  double mean = 0;
  double deviation = 0;
  int count = 0;
  instant at{};
};

class noisy_pair {
 public:
  explicit noisy_pair(std::uint64_t seed) : random_(seed), r_({child(30ms), child(30ms)}) {}

  // Child 0 and 1 by their mean and the interval of their samples; asked after every sample.
  void go(duration time, std::vector<double> means, std::vector<duration> every) {
    for (const auto end = r_.now + time; r_.now < end; r_.now += 20ms) {
      for (std::size_t i = 0; i < 2; ++i) {
        const bool wanted = wants_evidence(r_.state, r_.facts, i, r_.now);
        if (!wanted && r_.now - estimators_[i].at < every[i]) continue;
        estimators_[i].sample(r_.now, std::max(1.0, means[i] + 10 * normal()));
      }
      for (std::size_t i = 0; i < 2; ++i) estimators_[i].fill(r_.facts[i]);
      r_.ask();
    }
  }
  const run& get() const { return r_; }

 private:
  double uniform() {
    return (static_cast<double>(random_.below(1u << 30)) + 0.5) / static_cast<double>(1u << 30);
  }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }

  seeded_random random_;
  run r_;
  estimator estimators_[2];
};

void ten_minutes_without_flapping(duration standby_interval) {
  int most = 0;
  int total = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    noisy_pair p(seed);
    p.go(10min, {30, 30}, {20ms, standby_interval});
    most = std::max(most, p.get().moves);
    total += p.get().moves;
  }
  std::cout << "  standby measured every " << short_text(standby_interval) << ": at most " << most
            << " switches in 10 min, " << total << " in 100 seeds\n";
  EXPECT_LE(most, 1);
}

TEST(SelectorG9, TwoNoisyEqualsDoNotFlap) {
  ten_minutes_without_flapping(20ms);
  ten_minutes_without_flapping(15s);
}

// The interval of evidence of a path in use is at least 200 ms (that of its PINGs).
TEST(SelectorG9, AStepIsDecidedWithinDwellAndTwoIntervals) {
  duration longest{0};
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    noisy_pair p(seed);
    p.go(1min, {10, 10}, {20ms, 20ms});
    ASSERT_EQ(p.get().moves, 0) << seed;
    const auto step = p.get().now;
    p.go(5s, {90, 10}, {20ms, 20ms});
    ASSERT_EQ(p.get().moves, 1) << seed;
    longest = std::max(longest, p.get().moved_at - step);
  }
  std::cout << "  decided at the latest " << short_text(longest) << " after the step ("
            << longest / 1ms << " ms)\n";
  EXPECT_LE(longest, 3s + 2 * 200ms);
}

}  // namespace
}  // namespace rendr::policy
