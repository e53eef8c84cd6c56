// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace rendr::relay {

/// Where one direction of a bridge stands.
enum class way : std::uint8_t {
  open,      ///< what its source gives goes to its sink
  dropping,  ///< its sink takes no more; what the source still gives is read and thrown away
  ended,     ///< the end of the source was passed on, behind everything it gave
  lost,      ///< the source ended after something of it was thrown away
};

/// What can happen to a bridge. `up` goes from the end (a socket, stdin and stdout) to the flow,
/// `down` from the flow to the end. A source tells its end or its failure when everything before it
/// was read.
enum class bridge_event : std::uint8_t {
  end_finished,        ///< the end was read to its end of stream
  end_failed,          ///< the end was read out and then failed: a reset, a read error
  end_takes_no_more,   ///< writing to the end failed, or its other side is known to be gone
  flow_finished,       ///< the flow was read to its end of stream
  flow_failed,         ///< the flow was read out and then failed
  flow_takes_no_more,  ///< writing to the flow failed
  flow_over,           ///< the flow exchanges nothing more, in either direction
  hang_up,             ///< the owner ends it in order
  abort,               ///< the owner ends it by a reset
};

enum class blame : std::uint8_t { nobody, end, flow, owner };

/// The answer of the table. Actions happen in the order of the fields.
struct bridge_step {
  bool legal = false;        ///< false: this cannot happen there, and nothing is done
  bool finish_flow = false;  ///< its reader sees end of stream behind what was written
  bool finish_end = false;   ///< likewise for the end
  bool close_end = false;    ///< both directions of the end are over, in order
  bool reset_end = false;    ///< the end is reset, behind what was written to it
  bool close_flow = false;   ///< the flow is let go; what was written is delivered
  bool reset_flow = false;   ///< the flow is reset, behind what was written to it
  bool over = false;         ///< the bridge has ended
  blame whose = blame::nobody;
  way up = way::open;
  way down = way::open;

  friend bool operator==(const bridge_step&, const bridge_step&) = default;
};

/// What a bridge does when `event` happens while its directions are `up` and `down`. Pure.
///
/// The rules behind the cells: a direction ends by itself, whatever the other one does; a direction
/// whose sink is gone is read and thrown away, so that no writer waits for ever and the end of its
/// source is seen; an end of stream is passed on only when all before it was; when nothing more can
/// be carried either way, what was lost is shown by a reset, behind everything that was written.
bridge_step next_step(bridge_event event, way up, way down) noexcept;

/// A bridge that goes on stands in such a pair of states.
constexpr bool alive(way up, way down) noexcept { return up == way::open || down == way::open; }

/// Its source is read, to pass on what it gives or to throw it away.
constexpr bool is_read(way w) noexcept { return w == way::open || w == way::dropping; }

inline constexpr std::array all_ways{way::open, way::dropping, way::ended, way::lost};
inline constexpr std::array all_bridge_events{
    bridge_event::end_finished,  bridge_event::end_failed,  bridge_event::end_takes_no_more,
    bridge_event::flow_finished, bridge_event::flow_failed, bridge_event::flow_takes_no_more,
    bridge_event::flow_over,     bridge_event::hang_up,     bridge_event::abort};

std::string_view to_string(way w) noexcept;
std::string_view to_string(bridge_event event) noexcept;
/// One line, as "finish_flow -> ended, open" or "illegal".
std::string to_string(const bridge_step& step);

}  // namespace rendr::relay
