// SPDX-License-Identifier: Apache-2.0
#include "relay/bridge_table.hpp"

namespace rendr::relay {

namespace {

bridge_step illegal(way up, way down) {
  bridge_step step;
  step.up = up;
  step.down = down;
  return step;
}

/// The bridge goes on.
bridge_step to(way up, way down) {
  auto step = illegal(up, down);
  step.legal = true;
  return step;
}

bridge_step over(way up, way down, blame whose) {
  auto step = to(up, down);
  step.over = true;
  step.whose = whose;
  return step;
}

/// Nothing more is carried, and something was lost: both sides see a reset behind what they got.
bridge_step both_reset(way up, way down, blame whose) {
  auto step = over(up, down, whose);
  step.reset_end = true;
  step.reset_flow = true;
  return step;
}

/// The end loses something; of the flow nothing is owed to anybody but the delivery.
bridge_step end_reset(way up, way down, blame whose) {
  auto step = over(up, down, whose);
  step.reset_end = true;
  step.close_flow = true;
  return step;
}

bridge_step end_finished(way up, way down) {
  if (up == way::dropping) return to(way::lost, down);
  if (up != way::open) return illegal(up, down);
  auto step = to(way::ended, down);
  switch (down) {
    case way::open:
      break;
    case way::dropping:
      step = both_reset(way::ended, down, blame::end);
      break;
    case way::ended:
      step = over(way::ended, down, blame::nobody);
      step.close_end = true;
      step.close_flow = true;
      break;
    case way::lost:
      step = end_reset(way::ended, down, blame::end);
      break;
  }
  step.finish_flow = true;
  return step;
}

bridge_step end_failed(way up, way down) {
  if (up != way::open && up != way::dropping) return illegal(up, down);
  return both_reset(way::lost, down, blame::end);
}

bridge_step end_takes_no_more(way up, way down) {
  if (down != way::open) return to(up, down);  // no news, or of a direction that is over
  if (up == way::open) return to(up, way::dropping);
  return both_reset(up, way::lost, blame::end);
}

bridge_step flow_finished(way up, way down) {
  if (down == way::dropping) return to(up, way::lost);
  if (down != way::open) return illegal(up, down);
  auto step = to(up, way::ended);
  if (up == way::ended) {
    step = over(up, way::ended, blame::nobody);
    step.close_end = true;
    step.close_flow = true;
  } else if (up != way::open) {
    step = end_reset(way::lost, way::ended, blame::flow);
  }
  step.finish_end = true;
  return step;
}

bridge_step flow_failed(way up, way down) {
  if (down != way::open && down != way::dropping) return illegal(up, down);
  if (up == way::ended) return end_reset(up, way::lost, blame::flow);
  return both_reset(way::lost, way::lost, blame::flow);
}

bridge_step flow_takes_no_more(way up, way down) {
  if (up != way::open) return illegal(up, down);
  if (down == way::open) return to(way::dropping, down);
  if (down == way::ended) return end_reset(way::lost, down, blame::flow);
  return both_reset(way::lost, way::lost, blame::flow);
}

// Reads and writes of the flow tell it themselves while there are any.
bridge_step flow_over(way up, way down) {
  if (up == way::open && (down == way::ended || down == way::lost)) {
    return end_reset(way::lost, down, blame::flow);
  }
  return to(up, down);
}

}  // namespace

bridge_step next_step(bridge_event event, way up, way down) noexcept {
  if (!alive(up, down)) return illegal(up, down);
  switch (event) {
    case bridge_event::end_finished:
      return end_finished(up, down);
    case bridge_event::end_failed:
      return end_failed(up, down);
    case bridge_event::end_takes_no_more:
      return end_takes_no_more(up, down);
    case bridge_event::flow_finished:
      return flow_finished(up, down);
    case bridge_event::flow_failed:
      return flow_failed(up, down);
    case bridge_event::flow_takes_no_more:
      return flow_takes_no_more(up, down);
    case bridge_event::flow_over:
      return flow_over(up, down);
    case bridge_event::hang_up: {
      auto step = over(up, down, blame::nobody);
      step.close_end = true;
      step.close_flow = true;
      return step;
    }
    case bridge_event::abort:
      return both_reset(up, down, blame::owner);
  }
  return illegal(up, down);
}

std::string_view to_string(way w) noexcept {
  switch (w) {
    case way::open:
      return "open";
    case way::dropping:
      return "dropping";
    case way::ended:
      return "ended";
    case way::lost:
      return "lost";
  }
  return "unknown";
}

std::string_view to_string(bridge_event event) noexcept {
  switch (event) {
    case bridge_event::end_finished:
      return "end_finished";
    case bridge_event::end_failed:
      return "end_failed";
    case bridge_event::end_takes_no_more:
      return "end_takes_no_more";
    case bridge_event::flow_finished:
      return "flow_finished";
    case bridge_event::flow_failed:
      return "flow_failed";
    case bridge_event::flow_takes_no_more:
      return "flow_takes_no_more";
    case bridge_event::flow_over:
      return "flow_over";
    case bridge_event::hang_up:
      return "hang_up";
    case bridge_event::abort:
      return "abort";
  }
  return "unknown";
}

std::string to_string(const bridge_step& step) {
  if (!step.legal) return "illegal";
  std::string text;
  const auto add = [&text](bool set, std::string_view word) {
    if (!set) return;
    if (!text.empty()) text += ' ';
    text += word;
  };
  add(step.finish_flow, "finish_flow");
  add(step.finish_end, "finish_end");
  add(step.close_end, "close_end");
  add(step.reset_end, "reset_end");
  add(step.close_flow, "close_flow");
  add(step.reset_flow, "reset_flow");
  if (!step.over) {
    add(true, "->");
    return text + ' ' + std::string(to_string(step.up)) + ", " + std::string(to_string(step.down));
  }
  constexpr std::array<std::string_view, 4> words{"in order", "the end's fault", "the flow's fault",
                                                  "the owner's wish"};
  return text + ": over, " + std::string(words[static_cast<std::size_t>(step.whose)]);
}

}  // namespace rendr::relay
