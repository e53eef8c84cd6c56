// SPDX-License-Identifier: Apache-2.0
#include "engine/route/bond_account.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t guarded_bonds = 8;  // of one root
constexpr duration seldom = std::chrono::milliseconds(10);

}  // namespace

void bond_account::watch(const root_target& target) {
  if (version_ == target.version()) return;
  version_ = target.version();
  bonds_.clear();
  const auto& graph = target.graph();
  for (policy::node_id id = 0; id < graph.size() && bonds_.size() < guarded_bonds; ++id) {
    if (graph[id].kind != policy::node_kind::bond) continue;
    bonds_.push_back({id, std::vector<duration>(graph.children_of(id).size())});
  }
}

void bond_account::waited(std::size_t position, std::size_t child, duration time) noexcept {
  auto& blocked = bonds_[position].blocked;
  if (child < blocked.size()) blocked[child] += time;
}

bool bond_account::asks_for_demand(instant now, const root_target& target) noexcept {
  if (limited_ || !target.has_bond()) return false;
  if (demand_seen_ != instant::min() && now - demand_seen_ < seldom) return false;
  demand_seen_ = now;
  return true;
}

policy::guard_decision bond_account::guard(instant now, root_target& target, std::size_t position,
                                           bool sending) const {
  const auto& one = bonds_[position];
  return target.guard(now, one.node, in_order_, limited_ || !sending, one.blocked);
}

}  // namespace rendr::engine
