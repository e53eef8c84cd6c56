// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/link/rooms.hpp"
#include "engine/link/waker.hpp"
#include "engine/route/leaf_facts.hpp"

namespace rendr::engine {

/// Tells the router what the leaves are like, and carries out what it and `demand` decide: flows
/// are placed anew, the paths that carry data are named, observers are told of every move.
class routing {
 public:
  explicit routing(rooms& of) noexcept : r_(of), wake_(of) {}

  // --- choices
  /// After any change of a path's health: the selectors decide, what cannot be placed where it
  /// waits goes up, and the paths that carry data now are named active.
  void route(instant now, cause why);
  std::vector<policy::child_facts> leaf_facts(instant now) const;
  /// To observers.
  void tell(event::migration move);

  // --- graphs
  void install(instant now, named_root& root, policy::graph g);
  /// After a path was attached by command.
  void place_attached(instant now);
  std::optional<failure> set_root(instant now, std::string_view root, std::string_view text);
  std::optional<failure> select(instant now, std::string_view root, std::string_view node,
                                std::string_view child);
  std::optional<failure> migrate(instant now, std::string_view root, std::string_view leaf);
  errc take(instant now, const wire::graph& f);
  errc take(instant now, const wire::select& f);

  // --- demand
  /// Flows that saturate their child move to the bulk child of its selector, alone, and back.
  void look_at_demand(instant now);
  /// `f` ran out of bytes: its root is limited by its applications unless another one has more.
  void note_drained(instant now, flow& f);

 private:
  leaf_state state_of(instant now, const leaf_slot& s) const;
  void measure(spec_id leaf);
  void learn_leaves(const policy::graph& g);
  void replace(instant now, named_root& root, policy::graph g);
  void move_peak(flow& f, peak_move move);

  rooms& r_;
  waker wake_;
};

}  // namespace rendr::engine
