// SPDX-License-Identifier: Apache-2.0
// What flows ask for and get: transfers that move to a bulk child, bonds that a child slows down.
#include <algorithm>

#include "engine/link/link.hpp"

namespace rendr::engine {

namespace {

constexpr duration look = std::chrono::milliseconds(200);  // at a flow's demand
constexpr std::size_t guarded_bonds = 8;                   // of one root

}  // namespace

// What the peer acknowledged per second over about the last window.
std::uint64_t link::goodput(instant now, flow& f) const {
  auto& log = f.acknowledged_log;
  log.emplace_back(now, f.send.acknowledged());
  const policy::peak_options options;
  while (log.size() > 2 && now - log[1].first >= options.window) log.pop_front();
  const auto time = std::chrono::duration<double>(now - log.front().first).count();
  if (time <= 0) return 0;
  const auto bytes = static_cast<double>(log.back().second - log.front().second);
  return static_cast<std::uint64_t>(bytes / time);
}

// A flow that saturates its child moves to the bulk child of its selector, alone, and back.
void link::look_at_demand(instant now) {
  demand_at_ = never;
  bulk_flows_ = 0;
  for (const auto& [number, f] : flows_) {
    auto& root = root_of(*f);
    if (f->removing || !root.target.has_bulk()) continue;
    watch_peaks(*f, root);
    const bool waits = f->place && f->place->waiting();
    const policy::peak_facts facts{waits && !f->drained, goodput(now, *f), false};
    f->drained = !waits;
    bool interested = f->place != nullptr;
    for (auto& watch : f->peaks) {
      const auto again = look_at_peak(now, root, *f, watch, facts);
      interested = interested || watch.state.phase != policy::peak_phase::normal;
      if (interested)
        demand_at_ = std::min(demand_at_, std::max(again, now + defaults::deadline_floor));
    }
    if (interested) demand_at_ = std::min(demand_at_, now + look);
    const bool on_bulk = std::any_of(f->peaks.begin(), f->peaks.end(),
                                     [](const auto& watch) { return watch.state.on_bulk(); });
    if (on_bulk) ++bulk_flows_;
  }
}

// One state for each selector of the flow's graph that names a child for bulk.
void link::watch_peaks(flow& f, const named_root& root) {
  if (f.peaks_version == root.target.version()) return;
  f.peaks_version = root.target.version();
  f.peaks.clear();
  const auto& graph = root.target.graph();
  for (policy::node_id id = 0; id < graph.size(); ++id) {
    if (graph[id].bulk) f.peaks.push_back({id, {}});
  }
}

instant link::look_at_peak(instant now, named_root& root, flow& f, peak_watch& watch,
                           policy::peak_facts facts) {
  const auto& graph = root.target.graph();
  const std::optional<std::size_t> bulk = graph[watch.selector].bulk;
  const auto& child = root.target.facts(graph.children_of(watch.selector)[*bulk]);
  const auto current = root.target.selector(watch.selector).current;
  facts.bulk_ready = child.state <= policy::health::late && child.eligible && current != bulk;
  const auto decision = policy::decide(watch.state, facts, now);
  watch.state = decision.next;
  if (!decision.changed) return decision.again;
  const bool on = watch.state.on_bulk();
  if (f.place) {
    f.place->use_bulk(watch.selector, on);
    f.place->settle(root.target);
    flows_.enter_ring(f);
  }
  ++migrations_;
  tell_move(root, watch.selector, on ? current : bulk, on ? bulk : current, cause::quality,
            policy::to_string(decision.reason),
            "flow " + std::to_string(f.number) + ": " + decision.evidence);
  wake_all();
  return decision.again;
}

// A new placement goes on where the flow stood.
void link::place(flow& f) {
  auto& root = root_of(f);
  f.place = std::make_unique<placement>(root.target);
  if (!root.target.has_bulk()) return;
  watch_peaks(f, root);
  for (const auto& watch : f.peaks) f.place->use_bulk(watch.selector, watch.state.on_bulk());
}

// Charges the time in which the receiver waited for the lowest missing byte to the child of each
// bond that has it in hand.
void link::account_waiting(instant now, flow& f) {
  auto& root = root_of(f);
  if (!root.target.has_bond()) return;
  watch_bonds(root);
  if (f.packets) return;  // its receiver waits for none of them
  const bool same = f.waits_version == root.target.version();
  f.waits_version = root.target.version();
  f.waits_for.resize(root.bonds.size());
  const bool gap = f.place && f.send.has_gap();
  for (std::size_t i = 0; i < root.bonds.size(); ++i) {
    auto& bond = root.bonds[i];
    auto& child = f.waits_for[i];
    if (same && child && *child < bond.blocked.size()) bond.blocked[*child] += now - f.waits_since;
    child = gap ? f.place->charged(bond.node, f.send.acknowledged()) : std::nullopt;
  }
  f.waits_since = now;
  if (gap) rescue_hole(now, f);
}

// A hole that holds up credit, or is older than the best path needs to fill it, goes by another
// path too, once.
void link::rescue_hole(instant now, flow& f) {
  const auto lowest = f.send.acknowledged();
  if (f.hole != lowest || f.hole_since == instant{}) {
    f.hole = lowest;
    f.hole_since = now;
    f.hole_rescued = false;
  }
  const auto leaf = f.hole_rescued || !f.hungry() ? policy::no_node : f.place->holder(lowest);
  if (leaf == policy::no_node) return;
  const auto* holder = slots_[root_of(f).target.graph()[leaf].leaf].current;
  const auto* other = holder == nullptr ? nullptr : paths_.best_other(*holder);
  if (other == nullptr) return;
  const auto patience = 2 * (other->rtt.smoothed() + other->rtt.slack()) + defaults::deadline_floor;
  if (f.offered == f.send.written() && now - f.hole_since < patience) return;
  f.hole_rescued = true;
  const auto open = f.send.open_part({lowest, f.offered});
  if (!open.empty()) urge(now, f.number, open.front(), *holder, 1, true);
}

// A flow ran out of bytes: its root is limited by its applications unless another one has more.
// Looked at seldom, for there may be many flows.
void link::note_demand(instant now, named_root& root) {
  constexpr duration seldom = std::chrono::milliseconds(10);
  if (root.limited || !root.target.has_bond()) return;
  if (root.demand_seen != instant::min() && now - root.demand_seen < seldom) return;
  root.demand_seen = now;
  root.limited = std::none_of(flows_.begin(), flows_.end(), [&](const auto& one) {
    const auto& f = *one.second;
    return &root_of(f) == &root && (f.hungry() || (f.place && f.place->waiting()));
  });
}

void link::watch_bonds(named_root& root) {
  if (root.bonds_version == root.target.version()) return;
  root.bonds_version = root.target.version();
  root.bonds.clear();
  const auto& graph = root.target.graph();
  for (policy::node_id id = 0; id < graph.size() && root.bonds.size() < guarded_bonds; ++id) {
    if (graph[id].kind != policy::node_kind::bond) continue;
    root.bonds.push_back({id, std::vector<duration>(graph.children_of(id).size())});
  }
}

// The guard of each bond: never slower than its best child.
void link::guard_bonds(instant now) {
  guard_at_ = never;
  const auto facts = leaf_facts(now);
  for (auto& root : roots_.all()) {
    if (!root.target.has_bond()) continue;
    watch_bonds(root);
    bool sending = false;
    for (const auto& [number, f] : flows_) {
      if (&root_of(*f) != &root || !f->place) continue;
      sending = true;
      account_waiting(now, *f);
    }
    root.target.refresh(facts);
    for (const auto& bond : root.bonds) {
      const auto decision =
          root.target.guard(now, bond.node, root.in_order, root.limited || !sending, bond.blocked);
      if (decision.changed) tell_guard(root, bond.node, decision);
      if (sending) {
        guard_at_ = std::min(guard_at_, std::max(decision.again, now + defaults::deadline_floor));
      }
    }
    root.limited = false;
  }
}

void link::tell_guard(named_root& root, policy::node_id bond,
                      const policy::guard_decision& decision) {
  wake_all();
  if (!decision.child) return;
  const bool rests = decision.next.rested(*decision.child);
  const auto none = std::optional<std::size_t>();
  tell_move(root, bond, rests ? decision.child : none, rests ? none : decision.child,
            cause::quality, policy::to_string(decision.reason), decision.evidence);
}

}  // namespace rendr::engine
