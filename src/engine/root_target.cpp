// SPDX-License-Identifier: Apache-2.0
#include "engine/root_target.hpp"

namespace rendr::engine {

using policy::node_id;
using policy::node_kind;

root_target::root_target(policy::graph graph, std::uint32_t version)
    : graph_(std::make_shared<const policy::graph>(std::move(graph))),
      version_(version),
      facts_(graph_->size()),
      selectors_(graph_->size()),
      reasons_(graph_->size(), policy::selector_reason::none_alive) {
  places_.resize(graph_->leaf_count());
  for (node_id id = 0; id < graph_->size(); ++id) {
    const auto& n = (*graph_)[id];
    has_bond_ = has_bond_ || n.kind == node_kind::bond;
    if (n.kind == node_kind::path) places_[n.leaf].push_back(id);
  }
}

std::span<const policy::child_facts> root_target::children_facts(node_id node) const {
  scratch_.clear();
  for (const auto child : graph_->children_of(node)) scratch_.push_back(facts_[child]);
  return scratch_;
}

void root_target::evaluate(node_id node) {
  const auto& n = (*graph_)[node];
  if (n.kind == node_kind::path) return;
  std::optional<std::size_t> current;
  if (n.kind == node_kind::selector) current = selectors_[node].current;
  auto facts = policy::combine(n.kind, children_facts(node), current);
  facts.weight = n.weight;
  facts_[node] = facts;
}

void root_target::refresh(const std::vector<policy::child_facts>& leaf_facts) {
  for (node_id id = static_cast<node_id>(graph_->size()); id-- > 0;) {
    const auto& n = (*graph_)[id];
    if (n.kind == node_kind::path) {
      const auto weight = n.weight;
      facts_[id] = n.leaf < leaf_facts.size() ? leaf_facts[n.leaf] : policy::child_facts{};
      facts_[id].weight = weight;
    } else {
      evaluate(id);
    }
  }
}

std::vector<root_target::move> root_target::update(
    const std::vector<policy::child_facts>& leaf_facts) {
  refresh(leaf_facts);
  std::vector<move> moves;
  // Children come after their parents, so that walking backwards decides from the leaves up.
  for (node_id id = static_cast<node_id>(graph_->size()); id-- > 0;) {
    if ((*graph_)[id].kind != node_kind::selector) {
      evaluate(id);
      continue;
    }
    const auto before = selectors_[id].current;
    const auto decision = policy::decide(selectors_[id], children_facts(id));
    selectors_[id] = decision.next;
    // "Kept" says nothing new: the reason of the last move stays the one to show.
    if (decision.changed) {
      reasons_[id] = decision.reason;
      moves.push_back({id, before, decision.child, decision.reason});
    }
    evaluate(id);
  }
  return moves;
}

policy::selector_decision root_target::select(node_id node, std::optional<std::size_t> child) {
  const auto decision = policy::select(selectors_[node], child, children_facts(node));
  if (!decision.refused) {
    selectors_[node] = decision.next;
    reasons_[node] = decision.reason;
  }
  return decision;
}

void root_target::mirror(node_id node, std::optional<std::size_t> child) {
  selectors_[node].override = child;
}

bool root_target::reaches(node_id leaf) const noexcept {
  for (auto id = leaf; id != graph_->root();) {
    const auto parent = (*graph_)[id].parent;
    if ((*graph_)[parent].kind == node_kind::selector) {
      const auto current = selectors_[parent].current;
      if (!current || graph_->children_of(parent)[*current] != id) return false;
    }
    id = parent;
  }
  return true;
}

}  // namespace rendr::engine
