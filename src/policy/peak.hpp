// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "rendr/time.hpp"

namespace rendr::policy {

/// Peak transfer: a flow that saturates the child its selector stands on moves to the selector's
/// bulk child, alone, and back when its demand falls. One state per flow and selector with a
/// `bulk` child; the selector and its other flows know nothing of it.
struct peak_facts {
  /// The flow had more to send than its path took, all the time since the last call.
  bool saturated = false;
  /// Bytes per second that the peer acknowledged of this flow over the last 500 ms
  /// (`peak_options::window`), whichever child carried them.
  std::uint64_t goodput = 0;
  /// The bulk child is usable, not on probation, and not the child that the selector stands on.
  bool bulk_ready = false;
};

struct peak_options {
  duration window = std::chrono::milliseconds(500);  ///< over which `goodput` is measured
  duration saturated_for = std::chrono::milliseconds(600);
  /// The gain must show by then. A carrier that was idle grows from ten packets to the 860 of
  /// 100 Mbit/s at 100 ms in seven round trips, and a window of goodput has to fill after that.
  duration verify_for = std::chrono::seconds(2);
  std::uint32_t gain_percent = 10;                        ///< a gain of less is not worth a move
  duration suppressed_for = std::chrono::seconds(5);      ///< after a move without gain, doubled by
  duration suppressed_at_most = std::chrono::minutes(1);  ///< each further one in a row
  /// Demand has fallen when the flow is not saturated and carries less than this part of what the
  /// normal child carried, for so long: it then fits there again with room to spare.
  std::uint32_t return_percent = 80;
  duration return_after = std::chrono::seconds(2);
};

enum class peak_phase : std::uint8_t {
  normal,      ///< on the selector's child
  rising,      ///< there, saturated, not for long enough
  verifying,   ///< on the bulk child, the gain has not shown yet
  bulk,        ///< on the bulk child
  falling,     ///< there, with too little demand or gain, not for long enough
  suppressed,  ///< on the selector's child after a move without gain
};
std::string_view to_string(peak_phase phase) noexcept;

enum class peak_reason : std::uint8_t {
  kept,         ///< nothing changes
  saturated,    ///< to the bulk child: saturated for long enough
  gained,       ///< stays on the bulk child: the gain is verified
  no_gain,      ///< back: the bulk child carried no more
  gain_lost,    ///< back: the bulk child carries less than the normal one did
  demand_fell,  ///< back: the normal child is enough
  bulk_lost,    ///< back: the bulk child is not ready any more
};
/// The reason as a half sentence for events and status.
std::string_view to_string(peak_reason reason) noexcept;
/// The reason as a stable word.
std::string_view name(peak_reason reason) noexcept;

struct peak_state {
  peak_phase phase = peak_phase::normal;
  instant since{};              ///< when this phase began
  std::uint64_t carried = 0;    ///< what the normal child carried when the flow left it
  std::uint32_t fruitless = 0;  ///< moves without gain in a row
  instant suppressed_until{};
  friend bool operator==(const peak_state&, const peak_state&) = default;

  /// Which child the flow is to use.
  bool on_bulk() const noexcept {
    return phase == peak_phase::verifying || phase == peak_phase::bulk ||
           phase == peak_phase::falling;
  }
};

struct peak_decision {
  bool changed = false;  ///< `next.on_bulk()` differs from before: the flow moves
  peak_reason reason = peak_reason::kept;
  std::string evidence;  ///< of a reason other than kept: "3.1 MB/s, before 1.2 MB/s"
  instant again = never;
  peak_state next;
};

/// Ask while the flow has data to send, at least every 200 ms and at `again`; a flow that has
/// nothing to send is asked once with `saturated` = false and then at `again`.
peak_decision decide(const peak_state& state, const peak_facts& facts, instant now,
                     const peak_options& options = {});

}  // namespace rendr::policy
