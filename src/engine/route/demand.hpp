// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/events.hpp"
#include "engine/route/flow_demand.hpp"
#include "engine/route/roots.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// A flow moves, alone, to the bulk child of `selector`, or back.
struct peak_move {
  policy::node_id selector = policy::no_node;
  bool on_bulk = false;
  event::migration told;
};

/// The guards of a root's bonds spoke.
struct guard_moves {
  bool changed = false;  ///< some child rests, or rests no more: the others may send more
  std::vector<event::migration> told;
};

/// What flows ask for and get: transfers that move to a bulk child, bonds that a child slows down.
/// It keeps the clocks; what belongs to one flow or one root is held by that flow or root, and
/// given as an argument. The events that it returns name no link.
class demand {
 public:
  /// One flow as it is when its demand is looked at.
  struct flow_facts {
    std::uint64_t number = 0;
    bool placed = false;   ///< something of it is not acknowledged
    bool waiting = false;  ///< something of it waits for some path
    std::uint64_t acknowledged = 0;
  };

  // --- when to look
  /// A flow under `target` sends: it is looked at, now if it was not before.
  void flow_sends(instant now, const root_target& target) noexcept;
  bool peaks_due(instant now) const noexcept { return peaks_at_ <= now; }
  bool guards_due(instant now) const noexcept { return guards_at_ <= now; }
  instant next_look() const noexcept { return std::min(peaks_at_, guards_at_); }

  // --- transfers
  /// A look at all flows begins: `look` follows for each whose root has a bulk child.
  void begin_look() noexcept;
  std::vector<peak_move> look(instant now, const named_root& root, flow_demand& of,
                              const flow_facts& facts);
  /// Some flow stood on a bulk child at the last look.
  bool any_on_bulk() const noexcept { return on_bulk_ > 0; }
  /// How often a flow moved.
  std::uint64_t moves() const noexcept { return moves_; }

  // --- guards
  /// A look at all roots begins: `guard` follows for each that has a bond.
  void begin_guards() noexcept { guards_at_ = never; }
  /// Each bond is to be no slower than its best child. The facts of the root are fresh, and the
  /// account of its flows is up to date. @param sending some flow under it has bytes under way.
  guard_moves guard(instant now, named_root& root, bool sending);

 private:
  instant look_at_peak(instant now, const named_root& root, peak_watch& watch,
                       policy::peak_facts facts, std::uint64_t flow, std::vector<peak_move>& out);

  instant peaks_at_ = never;   // flows with a bulk child are looked at then
  instant guards_at_ = never;  // the guards of the bonds are asked then
  std::size_t on_bulk_ = 0;    // flows that stand on a bulk child
  std::uint64_t moves_ = 0;
};

}  // namespace rendr::engine
