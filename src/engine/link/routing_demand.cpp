// SPDX-License-Identifier: Apache-2.0
// What flows ask for and get: transfers that move to a bulk child, bonds that a child slows down.
#include <algorithm>
#include <utility>

#include "engine/link/routing.hpp"

namespace rendr::engine {

void routing::look_at_demand(instant now) {
  r_.demand.begin_look();
  for (const auto& [number, f] : r_.flows) {
    auto& root = r_.root_of(*f);
    if (f->in.removed || !root.target.has_bulk()) continue;
    const demand::flow_facts facts{number, f->place() != nullptr, f->waiting(), f->acknowledged()};
    for (auto& move : r_.demand.look(now, root, f->demand, facts)) move_peak(*f, std::move(move));
  }
}

void routing::move_peak(flow& f, peak_move move) {
  if (auto* place = f.place()) {
    place->use_bulk(move.selector, move.on_bulk);
    place->settle(r_.root_of(f).target);
    r_.flows.enter_ring(f);
  }
  tell(std::move(move.told));
  wake_.all();
}

void routing::note_drained(instant now, flow& f) {
  f.demand.drained();
  auto& root = r_.root_of(f);
  if (!root.account.asks_for_demand(now, root.target)) return;
  const bool more = std::any_of(r_.flows.begin(), r_.flows.end(), [&](const auto& one) {
    const auto& other = *one.second;
    return &r_.root_of(other) == &root && (other.hungry() || other.waiting());
  });
  if (!more) root.account.limited();
}

}  // namespace rendr::engine
