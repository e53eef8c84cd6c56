// SPDX-License-Identifier: Apache-2.0
#include "policy/handover.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;

constexpr instant start{1000s};

child_facts child(duration srtt, health state = health::usable) {
  child_facts f;
  f.state = state;
  f.measured = true;
  f.srtt = srtt;
  return f;
}

selector_decision move_to(std::size_t to, selector_reason reason) {
  selector_decision d;
  d.child = to;
  d.changed = true;
  d.reason = reason;
  return d;
}

TEST(Handover, OnlyAPlannedMoveHasOne) {
  const std::array children{child(20ms), child(20ms)};
  for (const auto reason : {selector_reason::by_command, selector_reason::override_returned,
                            selector_reason::quicker, selector_reason::cheaper}) {
    EXPECT_TRUE(begin_handover(move_to(1, reason), 0, children, start)) << name(reason);
  }
  for (const auto reason : {selector_reason::died, selector_reason::suspected,
                            selector_reason::override_died, selector_reason::first_choice}) {
    EXPECT_FALSE(begin_handover(move_to(1, reason), 0, children, start)) << name(reason);
  }
  EXPECT_FALSE(
      begin_handover(move_to(1, selector_reason::by_command), std::nullopt, children, start));
  auto stays = move_to(0, selector_reason::kept);
  stays.changed = false;
  EXPECT_FALSE(begin_handover(stays, 0, children, start));
}

TEST(Handover, AChildThatIsNotGoodIsLeftAtOnce) {
  for (const auto state : {health::late, health::suspect, health::dead, health::absent}) {
    const std::array children{child(20ms, state), child(20ms)};
    EXPECT_FALSE(begin_handover(move_to(1, selector_reason::by_command), 0, children, start));
  }
}

TEST(Handover, ItLastsTwelveRoundTripsOfTheSlowerOneWithinBounds) {
  const auto lasts = [](duration from, duration to) {
    const std::array children{child(from), child(to)};
    return begin_handover(move_to(1, selector_reason::by_command), 0, children, start)->until -
           start;
  };
  EXPECT_EQ(lasts(20ms, 10ms), 240ms);
  EXPECT_EQ(lasts(10ms, 20ms), 240ms);
  EXPECT_EQ(lasts(30us, 40us), 50ms);
  EXPECT_EQ(lasts(600ms, 10ms), 2s);
}

TEST(Handover, TheOldChildHelpsWhileTheNewOneIsBlockedAndItIsNotMuchSlower) {
  auto current = child(20ms);
  EXPECT_FALSE(helps(child(20ms), current));
  current.blocked = true;
  EXPECT_TRUE(helps(child(20ms), current));
  EXPECT_TRUE(helps(child(60ms), current));
  EXPECT_FALSE(helps(child(61ms), current)) << "what waits a round trip arrives sooner";
  EXPECT_FALSE(helps(child(20ms, health::late), current));
  EXPECT_FALSE(helps(child(20ms, health::absent), current)) << "detached";
}

}  // namespace
}  // namespace rendr::policy
