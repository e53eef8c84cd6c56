// SPDX-License-Identifier: Apache-2.0
#include "engine/link/recovery.hpp"

#include <utility>
#include <variant>

#include "engine/link/carried_flows.hpp"
#include "engine/link/flow_care.hpp"
#include "engine/link/routing.hpp"
#include "engine/link/waker.hpp"

namespace rendr::engine {

rescue_facts recovery::facts(instant now, const path& p) const {
  rescue_facts out;
  out.now = now;
  out.fate = r_.slots[p.leaf].config.fate;
  out.quickest = r_.paths.best_other(p);
  for (const auto& one : r_.paths) {
    if (!one->ready() || !one->carries() || !r_.stands_for(*one)) continue;
    out.ways.push_back({one.get(), r_.slots[one->leaf].config.fate});
  }
  return out;
}

void recovery::carry_out(const rescuer::outcome& copies) {
  for (const auto& step : copies.steps) {
    if (const auto* carrier = std::get_if<carrier_id>(&step))
      r_.shared.transmit.wake(*carrier);
    else
      ask_again(std::get<sent_control>(step));
  }
  for (const auto* record : copies.lost) lose_ranges(*record);
}

instant recovery::overdue(instant now, path& p) {
  const auto copies = r_.rescuer.overdue(p, facts(now, p), carried_flows(r_.flows, r_.router));
  carry_out(copies);
  return copies.again;
}

void recovery::suspected(instant now, path& p) {
  carry_out(r_.rescuer.suspected(p, facts(now, p), carried_flows(r_.flows, r_.router)));
}

void recovery::copy_more(instant now, path& p) {
  carry_out(r_.rescuer.copy_more(p, facts(now, p), carried_flows(r_.flows, r_.router)));
  waker(r_).all();
}

void recovery::lost(path& p) {
  p.sent.each_open([&](sent_record& record) {
    if (!record.requeued) lose_ranges(record);
    for (const auto& c : record.controls) ask_again(c);
    record.requeued = true;
  });
}

void recovery::lose_ranges(const sent_record& record) {
  for (const auto& r : record.ranges) {
    auto* f = r_.flows.find(r.flow);
    if (f == nullptr) continue;
    f->lose(r, r_.root_of(*f).target);
    r_.flows.enter_ring(*f);
  }
}

void recovery::ask_again(const sent_control& c) {
  if (const auto* row = ledger::row_of(c.what)) {
    const auto way = r_.ledger.lost(*row, r_.control_owners(), c);
    return way == control_way::in_private ? waker(r_).in_private() : waker(r_).control();
  }
  if (auto* f = r_.flows.find(c.key); f != nullptr && f->lost(c.what)) flow_care(r_).owe(*f);
}

void recovery::account_waiting(instant now, flow& f) {
  auto& root = r_.root_of(f);
  if (!root.target.has_bond() || f.packets()) return;  // a receiver waits for none of its packets
  root.account.watch(root.target);
  const bool gap = f.place() != nullptr && f.has_gap();
  f.demand.wait(now, root.target, root.account, [&](policy::node_id bond) {
    return gap ? f.place()->charged(bond, f.acknowledged()) : std::nullopt;
  });
  if (gap) fill_hole(now, f);
}

// A hole that holds up credit, or is older than the best path needs to fill it, goes by another
// path too, once.
void recovery::fill_hole(instant now, flow& f) {
  const auto lowest = f.acknowledged();
  if (!f.demand.hole.open(now, lowest) || !f.hungry()) return;
  const auto leaf = f.place()->holder(lowest);
  if (leaf == policy::no_node) return;
  const auto* holder = r_.slots[r_.root_of(f).target.graph()[leaf].leaf].current;
  const auto* other = holder == nullptr ? nullptr : r_.paths.best_other(*holder);
  if (other == nullptr) return;
  const auto patience = 2 * (other->rtt.smoothed() + other->rtt.slack()) + defaults::deadline_floor;
  if (!f.demand.hole.take(now, patience, f.offered() != f.written())) return;
  const auto open = f.open_part({lowest, f.offered()});
  if (open.empty()) return;
  carry_out(r_.rescuer.fill(f.number(), open.front(), *holder, facts(now, *holder),
                            carried_flows(r_.flows, r_.router)));
}

void recovery::guard_bonds(instant now) {
  r_.demand.begin_guards();
  routing routes(r_);
  const auto leaves = routes.leaf_facts(now);
  for (auto& root : r_.router.all()) {
    if (!root.target.has_bond()) continue;
    root.account.watch(root.target);
    bool sending = false;
    for (const auto& [number, f] : r_.flows) {
      if (&r_.root_of(*f) != &root || f->place() == nullptr) continue;
      sending = true;
      account_waiting(now, *f);
    }
    root.target.refresh(leaves);
    auto moves = r_.demand.guard(now, root, sending);
    if (moves.changed) waker(r_).all();
    for (auto& move : moves.told) routes.tell(std::move(move));
  }
}

}  // namespace rendr::engine
