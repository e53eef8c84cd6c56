// SPDX-License-Identifier: Apache-2.0
#include "policy/selector.hpp"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <set>
#include <vector>

#include "base/seeded_random.hpp"

namespace rendr::policy {

std::ostream& operator<<(std::ostream& out, const selector_decision& d) {
  const auto shown = [&](std::optional<std::size_t> i) { return i ? std::to_string(*i) : "none"; };
  return out << "child " << shown(d.child) << ' ' << name(d.reason) << (d.changed ? " changed" : "")
             << (d.refused ? " refused" : "") << ", next " << shown(d.next.current) << " override "
             << shown(d.next.override);
}

namespace {

using namespace std::chrono_literals;
using enum health;
using enum selector_reason;
using choice = std::optional<std::size_t>;
constexpr std::nullopt_t none = std::nullopt;

child_facts child(health state, bool eligible = true, bool measured = true,
                  std::uint32_t weight = 1) {
  child_facts c;
  c.state = state;
  c.eligible = eligible;
  c.measured = measured;
  c.weight = weight;
  return c;
}

selector_decision expected(choice before, choice after, selector_reason reason,
                           choice override = none) {
  selector_decision out;
  out.child = after;
  out.reason = reason;
  out.changed = before != after;
  out.next.current = after;
  out.next.override = override;
  return out;
}

selector_state on(choice current, choice override = none) {
  selector_state out;
  out.current = current;
  out.override = override;
  return out;
}

constexpr instant start{1000s};

// Without evidence of quality, and without what the decision says beside itself.
selector_decision decide(const selector_state& state, std::span<const child_facts> children) {
  auto out = policy::decide(state, children, start);
  out.evidence = {};
  out.again = never;
  return out;
}

selector_decision select(const selector_state& state, choice child,
                         std::span<const child_facts> children) {
  auto out = policy::select(state, child, children, start);
  out.evidence = {};
  out.again = never;
  return out;
}

// ---- every state x the health of the current child x the health of the other ----

struct cell {
  health mine;   // of child 0
  health other;  // of child 1
  choice after;
  selector_reason reason;
};

// The selector stands on child 0 by its own choice.
constexpr std::array on_zero{
    cell{usable, usable, 0, kept},
    cell{usable, late, 0, kept},
    cell{usable, suspect, 0, kept},
    cell{usable, dead, 0, kept},
    cell{usable, absent, 0, kept},
    cell{late, usable, 0, kept_late},
    cell{late, late, 0, kept_late},
    cell{late, suspect, 0, kept_late},
    cell{late, dead, 0, kept_late},
    cell{late, absent, 0, kept_late},
    cell{suspect, usable, 1, suspected},
    cell{suspect, late, 1, suspected},
    cell{suspect, suspect, 0, all_suspect},
    cell{suspect, dead, 0, all_suspect},
    cell{suspect, absent, 0, all_suspect},
    cell{dead, usable, 1, died},
    cell{dead, late, 1, died},
    cell{dead, suspect, 1, died},
    cell{dead, dead, none, none_alive},
    cell{dead, absent, none, none_alive},
    cell{absent, usable, 1, died},
    cell{absent, late, 1, died},
    cell{absent, suspect, 1, died},
    cell{absent, dead, none, none_alive},
    cell{absent, absent, none, none_alive},
};

TEST(Selector, OnAChildOfItsOwnChoice) {
  for (const auto& c : on_zero) {
    const std::array facts{child(c.mine), child(c.other)};
    EXPECT_EQ(decide(on(0, none), facts), expected(0, c.after, c.reason))
        << to_string(c.mine) << ", " << to_string(c.other);
  }
}

TEST(Selector, OnTheChildThatACommandChose) {
  for (const auto& c : on_zero) {
    const std::array facts{child(c.mine), child(c.other)};
    auto reason = c.reason;
    if (reason == died) reason = override_died;
    if (reason == suspected) reason = override_suspected;
    EXPECT_EQ(decide(on(0, 0), facts), expected(0, c.after, reason, 0))
        << to_string(c.mine) << ", " << to_string(c.other);
  }
}

TEST(Selector, OnNoChild) {
  for (const auto mine : {usable, late, suspect, dead, absent}) {
    for (const auto other : {usable, late, suspect, dead, absent}) {
      const std::array facts{child(mine), child(other)};
      const auto best = mine <= other ? 0u : 1u;
      const bool any = alive(facts[best].state);
      EXPECT_EQ(decide(on(none), facts),
                any ? expected(none, best, first_choice) : expected(none, none, none_alive))
          << to_string(mine) << ", " << to_string(other);
    }
  }
}

// The selector moved away to child 1; the command had chosen child 0.
TEST(Selector, AwayFromTheChildThatACommandChose) {
  constexpr std::array away{
      cell{usable, usable, 0, override_returned},
      cell{usable, late, 0, override_returned},
      cell{usable, suspect, 0, override_returned},
      cell{usable, dead, 0, override_returned},
      cell{usable, absent, 0, override_returned},
      cell{late, usable, 1, kept},
      cell{late, late, 1, kept_late},
      cell{late, suspect, 0, suspected},
      cell{late, dead, 0, died},
      cell{late, absent, 0, died},
      cell{suspect, usable, 1, kept},
      cell{suspect, late, 1, kept_late},
      cell{suspect, suspect, 1, all_suspect},
      cell{suspect, dead, 0, died},
      cell{suspect, absent, 0, died},
      cell{dead, usable, 1, kept},
      cell{dead, late, 1, kept_late},
      cell{dead, suspect, 1, all_suspect},
      cell{dead, dead, none, none_alive},
      cell{dead, absent, none, none_alive},
      cell{absent, usable, 1, kept},
      cell{absent, late, 1, kept_late},
      cell{absent, suspect, 1, all_suspect},
      cell{absent, dead, none, none_alive},
      cell{absent, absent, none, none_alive},
  };
  for (const auto& c : away) {
    const std::array facts{child(c.mine), child(c.other)};
    EXPECT_EQ(decide(on(1, 0), facts), expected(1, c.after, c.reason, 0))
        << to_string(c.mine) << ", " << to_string(c.other);
  }
}

TEST(Selector, AfterDarknessTheCommandStillHolds) {
  const std::array facts{child(usable), child(late)};
  EXPECT_EQ(decide(on(none, 1), facts), expected(none, 1, by_command, 1));
  const std::array worse{child(usable), child(suspect)};
  EXPECT_EQ(decide(on(none, 1), worse), expected(none, 0, first_choice, 1));
}

// ---- commands, in every state ----

selector_decision refused(const selector_state& before, selector_reason reason) {
  auto out = expected(before.current, before.current, reason, before.override);
  out.refused = true;
  return out;
}

TEST(Selector, CommandsInEveryCell) {
  for (const auto& before : {on(none), on(0), on(0, 0), on(1, 0)}) {
    for (const auto mine : {usable, late, suspect, dead, absent}) {
      for (const auto other : {usable, late, suspect, dead, absent}) {
        const std::array facts{child(mine), child(other)};
        const auto got = select(before, 1, facts);
        auto want = expected(before.current, 1, by_command, 1);
        const bool refused_here = !alive(other) || (other == suspect && mine <= late);
        if (refused_here) {
          want = refused(before, alive(other) ? refused_suspect : refused_dead);
        }
        EXPECT_EQ(got, want) << to_string(mine) << ", " << to_string(other);
      }
    }
  }
}

TEST(Selector, ACommandToNoChildOfItIsRefused) {
  const std::array facts{child(usable), child(usable)};
  EXPECT_EQ(select(on(0, none), 2, facts), refused(on(0), refused_unknown));
}

TEST(Selector, ReleasedItStaysWhileTheChildIsGood) {
  EXPECT_EQ(select(on(1, 1), none, std::array{child(usable), child(usable)}),
            expected(1, 1, released));
  EXPECT_EQ(select(on(1, 1), none, std::array{child(usable), child(late)}),
            expected(1, 1, released));
  EXPECT_EQ(select(on(1, 1), none, std::array{child(usable), child(suspect)}),
            expected(1, 0, suspected));
  EXPECT_EQ(select(on(1, 1), none, std::array{child(dead), child(dead)}),
            expected(1, none, none_alive));
}

TEST(Selector, ACommandTakesEffectOnAChildOnProbation) {
  const std::array facts{child(usable), child(usable, false)};
  const auto d = select(on(0, none), 1, facts);
  EXPECT_EQ(d, expected(0, 1, by_command, 1));
  EXPECT_EQ(decide(d.next, facts), expected(1, 1, kept, 1));
}

// ---- which child is best ----

TEST(Selector, TheOrderOfPreference) {
  const std::array best_first{
      child(usable, true, true, 5),
      child(usable),
      child(usable, true, false),
      child(late),
      child(usable, false),
      child(late, false),
      child(suspect),
  };
  for (std::size_t better = 0; better < best_first.size(); ++better) {
    for (std::size_t worse = better + 1; worse < best_first.size(); ++worse) {
      EXPECT_EQ(decide(on(0, none), std::array{child(dead), best_first[worse], best_first[better]}),
                expected(0, 2, died))
          << better << " before " << worse;
    }
  }
}

TEST(Selector, AmongEqualChildrenTheFirstIsBest) {
  EXPECT_EQ(decide(on(none), std::array{child(late), child(usable), child(usable)}),
            expected(none, 1, first_choice));
}

TEST(Selector, AReturnedPrimaryDoesNotDrawTheFlowBack) {
  auto state = on(0);
  state = decide(state, std::array{child(dead), child(usable)}).next;
  for (const bool eligible : {false, true}) {
    const auto d = decide(state, std::array{child(usable, eligible), child(usable)});
    EXPECT_EQ(d, expected(1, 1, kept));
    state = d.next;
  }
}

TEST(Selector, TheChildOfACommandReturnsOnlyAfterItsProbation) {
  const auto away = decide(on(0, 0), std::array{child(dead), child(usable)});
  EXPECT_EQ(away.reason, override_died);
  const auto early = decide(away.next, std::array{child(usable, false), child(usable)});
  EXPECT_EQ(early, expected(1, 1, kept, 0));
  EXPECT_EQ(decide(early.next, std::array{child(usable), child(usable)}),
            expected(1, 0, override_returned, 0));
}

TEST(Selector, PositionsThatNoLongerExistAreForgotten) {
  EXPECT_EQ(decide(on(5, 7), std::array{child(usable)}), expected(5, 0, first_choice));
  EXPECT_EQ(decide(on(5, 7), {}), expected(5, none, none_alive));
}

TEST(Selector, SettledFactsMoveItAtMostOnce) {
  seeded_random random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<child_facts> facts(1 + random.below(4));
    for (auto& c : facts) {
      c = child(static_cast<health>(random.below(5)), random.below(2) == 0, random.below(2) == 0);
    }
    const auto any = [&]() -> choice {
      return random.below(3) == 0 ? none : choice{random.below(facts.size())};
    };
    const auto before = on(any(), any());
    const auto first = decide(before, facts);
    const auto second = decide(first.next, facts);
    ASSERT_FALSE(second.changed) << round;
    ASSERT_EQ(second.next, first.next);
    ASSERT_TRUE(!first.child || alive(facts[*first.child].state));
  }
}

TEST(Selector, EveryReasonHasAWordAndASentence) {
  std::set<std::string_view> seen;
  for (auto r = first_choice; r <= refused_suspect;
       r = static_cast<selector_reason>(static_cast<int>(r) + 1)) {
    EXPECT_NE(name(r), "unknown");
    EXPECT_NE(to_string(r), "unknown");
    EXPECT_TRUE(seen.insert(name(r)).second);
  }
}

}  // namespace
}  // namespace rendr::policy
