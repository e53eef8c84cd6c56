// SPDX-License-Identifier: Apache-2.0
#include "relay/bridge_table.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rendr::relay {
namespace {

std::string whole_table() {
  std::string text;
  for (const auto event : all_bridge_events) {
    text += std::string(to_string(event)) + "\n";
    for (const auto up : all_ways) {
      for (const auto down : all_ways) {
        text += "  " + std::string(to_string(up)) + ", " + std::string(to_string(down)) + ": " +
                to_string(next_step(event, up, down)) + "\n";
      }
    }
  }
  return text;
}

// Event; then states of up and down, actions, and the next states or who ended the bridge.
constexpr std::string_view every_cell = R"(end_finished
  open, open: finish_flow -> ended, open
  open, dropping: finish_flow reset_end reset_flow: over, the end's fault
  open, ended: finish_flow close_end close_flow: over, in order
  open, lost: finish_flow reset_end close_flow: over, the end's fault
  dropping, open: -> lost, open
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: illegal
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: illegal
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
end_failed
  open, open: reset_end reset_flow: over, the end's fault
  open, dropping: reset_end reset_flow: over, the end's fault
  open, ended: reset_end reset_flow: over, the end's fault
  open, lost: reset_end reset_flow: over, the end's fault
  dropping, open: reset_end reset_flow: over, the end's fault
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: illegal
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: illegal
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
end_takes_no_more
  open, open: -> open, dropping
  open, dropping: -> open, dropping
  open, ended: -> open, ended
  open, lost: -> open, lost
  dropping, open: reset_end reset_flow: over, the end's fault
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: reset_end reset_flow: over, the end's fault
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: reset_end reset_flow: over, the end's fault
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
flow_finished
  open, open: finish_end -> open, ended
  open, dropping: -> open, lost
  open, ended: illegal
  open, lost: illegal
  dropping, open: finish_end reset_end close_flow: over, the flow's fault
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: finish_end close_end close_flow: over, in order
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: finish_end reset_end close_flow: over, the flow's fault
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
flow_failed
  open, open: reset_end reset_flow: over, the flow's fault
  open, dropping: reset_end reset_flow: over, the flow's fault
  open, ended: illegal
  open, lost: illegal
  dropping, open: reset_end reset_flow: over, the flow's fault
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: reset_end close_flow: over, the flow's fault
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: reset_end reset_flow: over, the flow's fault
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
flow_takes_no_more
  open, open: -> dropping, open
  open, dropping: reset_end reset_flow: over, the flow's fault
  open, ended: reset_end close_flow: over, the flow's fault
  open, lost: reset_end reset_flow: over, the flow's fault
  dropping, open: illegal
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: illegal
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: illegal
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
flow_over
  open, open: -> open, open
  open, dropping: -> open, dropping
  open, ended: reset_end close_flow: over, the flow's fault
  open, lost: reset_end close_flow: over, the flow's fault
  dropping, open: -> dropping, open
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: -> ended, open
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: -> lost, open
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
hang_up
  open, open: close_end close_flow: over, in order
  open, dropping: close_end close_flow: over, in order
  open, ended: close_end close_flow: over, in order
  open, lost: close_end close_flow: over, in order
  dropping, open: close_end close_flow: over, in order
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: close_end close_flow: over, in order
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: close_end close_flow: over, in order
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
abort
  open, open: reset_end reset_flow: over, the owner's wish
  open, dropping: reset_end reset_flow: over, the owner's wish
  open, ended: reset_end reset_flow: over, the owner's wish
  open, lost: reset_end reset_flow: over, the owner's wish
  dropping, open: reset_end reset_flow: over, the owner's wish
  dropping, dropping: illegal
  dropping, ended: illegal
  dropping, lost: illegal
  ended, open: reset_end reset_flow: over, the owner's wish
  ended, dropping: illegal
  ended, ended: illegal
  ended, lost: illegal
  lost, open: reset_end reset_flow: over, the owner's wish
  lost, dropping: illegal
  lost, ended: illegal
  lost, lost: illegal
)";

TEST(bridge_table, every_cell_is_as_written_here) { EXPECT_EQ(whole_table(), every_cell); }

template <class Check>
void for_each_legal_step(Check check) {
  for (const auto event : all_bridge_events) {
    for (const auto up : all_ways) {
      for (const auto down : all_ways) {
        const auto step = next_step(event, up, down);
        if (!step.legal) continue;
        SCOPED_TRACE(std::string(to_string(event)) + " in " + std::string(to_string(up)) + ", " +
                     std::string(to_string(down)) + ": " + to_string(step));
        check(step, up, down);
      }
    }
  }
}

TEST(bridge_table, a_bridge_is_over_exactly_when_neither_direction_can_carry_more) {
  for_each_legal_step([](const bridge_step& step, way up, way down) {
    EXPECT_TRUE(alive(up, down)) << "nothing happens to a bridge that is over";
    if (!step.over) {
      EXPECT_TRUE(alive(step.up, step.down));
    }
  });
}

TEST(bridge_table, both_sides_are_let_go_of_once_and_only_at_the_end) {
  for_each_legal_step([](const bridge_step& step, way, way) {
    EXPECT_EQ(int{step.close_end} + int{step.reset_end}, int{step.over});
    EXPECT_EQ(int{step.close_flow} + int{step.reset_flow}, int{step.over});
  });
}

TEST(bridge_table, what_lost_something_never_ends_in_order) {
  for_each_legal_step([](const bridge_step& step, way, way) {
    if (step.whose != blame::nobody) {
      EXPECT_TRUE(step.reset_end);
    }
    if (step.close_end && step.finish_flow) {
      EXPECT_EQ(step.up, way::ended);
    }
  });
}

TEST(bridge_table, an_end_of_stream_is_passed_on_once_and_behind_everything) {
  for_each_legal_step([](const bridge_step& step, way up, way down) {
    if (step.finish_flow) {
      EXPECT_EQ(up, way::open);
      EXPECT_EQ(step.up, way::ended);
    }
    if (step.finish_end) {
      EXPECT_EQ(down, way::open);
      EXPECT_EQ(step.down, way::ended);
    }
  });
}

TEST(bridge_table, the_end_of_one_direction_leaves_the_other_one_as_it_was) {
  EXPECT_EQ(next_step(bridge_event::end_finished, way::open, way::open).down, way::open);
  EXPECT_EQ(next_step(bridge_event::flow_finished, way::open, way::open).up, way::open);
  EXPECT_EQ(next_step(bridge_event::end_takes_no_more, way::open, way::open).up, way::open);
  EXPECT_EQ(next_step(bridge_event::flow_takes_no_more, way::open, way::open).down, way::open);
}

}  // namespace
}  // namespace rendr::relay
