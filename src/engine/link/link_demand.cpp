// SPDX-License-Identifier: Apache-2.0
// What flows ask for and get: transfers that move to a bulk child, bonds that a child slows down.
#include <algorithm>

#include "engine/link/carried_flows.hpp"
#include "engine/link/link.hpp"

namespace rendr::engine {

// Charges the time in which the receiver waited for the lowest missing byte to the child of each
// bond that has it in hand.
void link::account_waiting(instant now, flow& f) {
  auto& root = root_of(f);
  if (!root.target.has_bond() || f.packets()) return;  // a receiver waits for none of its packets
  root.account.watch(root.target);
  const bool gap = f.place() != nullptr && f.has_gap();
  f.demand.wait(now, root.target, root.account, [&](policy::node_id bond) {
    return gap ? f.place()->charged(bond, f.acknowledged()) : std::nullopt;
  });
  if (gap) rescue_hole(now, f);
}

// A hole that holds up credit, or is older than the best path needs to fill it, goes by another
// path too, once.
void link::rescue_hole(instant now, flow& f) {
  const auto lowest = f.acknowledged();
  if (!f.demand.hole.open(now, lowest) || !f.hungry()) return;
  const auto leaf = f.place()->holder(lowest);
  if (leaf == policy::no_node) return;
  const auto* holder = slots_[root_of(f).target.graph()[leaf].leaf].current;
  const auto* other = holder == nullptr ? nullptr : paths_.best_other(*holder);
  if (other == nullptr) return;
  const auto patience = 2 * (other->rtt.smoothed() + other->rtt.slack()) + defaults::deadline_floor;
  if (!f.demand.hole.take(now, patience, f.offered() != f.written())) return;
  const auto open = f.open_part({lowest, f.offered()});
  if (open.empty()) return;
  carry_out(rescuer_.fill(f.number(), open.front(), *holder, for_rescue(now, *holder),
                          carried_flows(flows_, router_)));
}

// The guard of each bond: never slower than its best child.
void link::guard_bonds(instant now) {
  demand_.begin_guards();
  const auto facts = routing(rooms_).leaf_facts(now);
  for (auto& root : router_.all()) {
    if (!root.target.has_bond()) continue;
    root.account.watch(root.target);
    bool sending = false;
    for (const auto& [number, f] : flows_) {
      if (&root_of(*f) != &root || f->place() == nullptr) continue;
      sending = true;
      account_waiting(now, *f);
    }
    root.target.refresh(facts);
    auto moves = demand_.guard(now, root, sending);
    if (moves.changed) wake_all();
    for (auto& move : moves.told) routing(rooms_).tell(std::move(move));
  }
}

}  // namespace rendr::engine
