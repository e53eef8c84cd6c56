// SPDX-License-Identifier: Apache-2.0
#include "engine/route/root_target.hpp"

#include <algorithm>

namespace rendr::engine {

using policy::node_id;
using policy::node_kind;

root_target::root_target(policy::graph graph, std::uint32_t version)
    : graph_(std::make_shared<const policy::graph>(std::move(graph))),
      version_(version),
      facts_(graph_->size()),
      selectors_(graph_->size()),
      reasons_(graph_->size(), policy::selector_reason::none_alive),
      evidence_(graph_->size()),
      handovers_(graph_->size()),
      guards_(graph_->size()) {
  places_.resize(graph_->leaf_count());
  for (node_id id = 0; id < graph_->size(); ++id) {
    const auto& n = (*graph_)[id];
    has_bond_ = has_bond_ || n.kind == node_kind::bond;
    weighs_ = weighs_ || has_bond_ || n.late > duration(0);
    has_bulk_ = has_bulk_ || n.bulk.has_value();
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
  facts.rested = rested(node);
  facts_[node] = facts;
}

void root_target::refresh(const std::vector<policy::child_facts>& leaf_facts) {
  for (node_id id = static_cast<node_id>(graph_->size()); id-- > 0;) {
    const auto& n = (*graph_)[id];
    if (n.kind == node_kind::path) {
      facts_[id] = n.leaf < leaf_facts.size() ? leaf_facts[n.leaf] : policy::child_facts{};
      facts_[id].weight = n.weight;
      facts_[id].cost = n.cost;
      facts_[id].rested = rested(id);
    } else {
      evaluate(id);
    }
  }
}

void root_target::inherit(const root_target& before) {
  const auto& old = *before.graph_;
  for (node_id id = 0; id < graph_->size(); ++id) {
    if ((*graph_)[id].kind != node_kind::selector) continue;
    const auto was = old.find((*graph_)[id].name);
    if (was == policy::no_node || old[was].kind != node_kind::selector) continue;
    const auto& state = before.selectors_[was];
    if (!state.current) continue;
    selectors_[id].current = graph_->child_named(id, old[old[was].children[*state.current]].name);
    selectors_[id].cooldown_until = state.cooldown_until;
    reasons_[id] = before.reasons_[was];
    evidence_[id] = before.evidence_[was];
  }
}

root_target::outcome root_target::update(instant now,
                                         const std::vector<policy::child_facts>& leaf_facts) {
  refresh(leaf_facts);
  outcome out;
  // Children come after their parents, so that walking backwards decides from the leaves up.
  for (node_id id = static_cast<node_id>(graph_->size()); id-- > 0;) {
    if ((*graph_)[id].kind == node_kind::selector) decide(now, id, out);
    evaluate(id);
  }
  std::sort(out.measure.begin(), out.measure.end());
  out.measure.erase(std::unique(out.measure.begin(), out.measure.end()), out.measure.end());
  return out;
}

void root_target::decide(instant now, node_id node, outcome& out) {
  const auto& options = (*graph_)[node].selector;
  const auto before = selectors_[node].current;
  const auto children = children_facts(node);
  const auto decision = policy::decide(selectors_[node], children, now, options);
  selectors_[node] = decision.next;
  out.again = std::min(out.again, decision.again);
  // "Kept" says nothing new: the reason of the last move stays the one to show.
  if (decision.changed) {
    moved(now, node, before, decision);
    out.moves.push_back({node, before, decision.child, decision.reason, evidence_[node]});
  }
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (policy::wants_evidence(decision.next, children, i, now, options)) {
      collect_measured(graph_->children_of(node)[i], out.measure);
    }
  }
}

void root_target::moved(instant now, node_id node, std::optional<std::size_t> from,
                        const policy::selector_decision& decision) {
  reasons_[node] = decision.reason;
  evidence_[node] = described(node, from, decision);
  if (!decision.changed) return;
  handovers_[node].reset();
  // A composite would keep in its own hands what it did not get rid of in time.
  if (!from || (*graph_)[graph_->children_of(node)[*from]].kind != node_kind::path) return;
  handovers_[node] = policy::begin_handover(decision, from, children_facts(node), now);
  if (handovers_[node]) handover_until_ = std::max(handover_until_, handovers_[node]->until);
}

void root_target::end_handovers(instant now) {
  if (now < handover_until_) return;
  handover_until_ = instant::min();
  for (auto& h : handovers_) h.reset();
}

bool root_target::left(node_id leaf) const noexcept {
  const auto above = (*graph_)[leaf].parent;
  return above != policy::no_node && handovers_[above] &&
         graph_->children_of(above)[handovers_[above]->from] == leaf;
}

std::optional<std::size_t> root_target::serving(node_id node) const noexcept {
  const auto current = selectors_[node].current;
  if (!current || !handovers_[node]) return current;
  const auto& children = graph_->children_of(node);
  const auto from = handovers_[node]->from;
  return policy::helps(facts_[children[from]], facts_[children[*current]]) ? from : current;
}

std::string root_target::described(node_id node, std::optional<std::size_t> from,
                                   const policy::selector_decision& decision) const {
  const auto name = [&](std::optional<std::size_t> child) -> std::string_view {
    if (!child || *child >= graph_->children_of(node).size()) return {};
    return (*graph_)[graph_->children_of(node)[*child]].name;
  };
  return policy::describe(decision.evidence, name(from), name(decision.child));
}

// A composite's quality is that of what carries its data: a selector's current child, all of a race
// or bond.
void root_target::collect_measured(node_id node, std::vector<std::uint32_t>& leaves) const {
  const auto& n = (*graph_)[node];
  if (n.kind == node_kind::path) {
    if (policy::alive(facts_[node].state)) leaves.push_back(n.leaf);
    return;
  }
  if (n.kind == node_kind::selector) {
    if (const auto current = selectors_[node].current) {
      collect_measured(n.children[*current], leaves);
    }
    return;
  }
  for (const auto child : n.children) collect_measured(child, leaves);
}

policy::selector_decision root_target::select(instant now, node_id node,
                                              std::optional<std::size_t> child) {
  const auto before = selectors_[node].current;
  auto decision =
      policy::select(selectors_[node], child, children_facts(node), now, (*graph_)[node].selector);
  if (!decision.refused) {
    selectors_[node] = decision.next;
    moved(now, node, before, decision);
  }
  return decision;
}

bool root_target::rested(node_id node) const noexcept {
  const auto parent = (*graph_)[node].parent;
  if (parent == policy::no_node || guards_[parent].children.empty()) return false;
  return guards_[parent].rested(graph_->position_of(node));
}

policy::guard_decision root_target::guard(instant now, node_id node, std::uint64_t in_order,
                                          bool limited, std::span<const duration> blocked) {
  std::vector<policy::guard_child> children;
  for (const auto& facts : children_facts(node)) {
    const auto at = children.size();
    children.push_back({facts, at < blocked.size() ? blocked[at] : duration{0}});
  }
  auto decision = policy::decide(guards_[node], {in_order, limited, children}, now);
  guards_[node] = decision.next;
  if (decision.changed) {
    for (const auto child : graph_->children_of(node)) facts_[child].rested = rested(child);
    for (auto id = node; id != policy::no_node; id = (*graph_)[id].parent) evaluate(id);
  }
  return decision;
}

void root_target::mirror(node_id node, std::optional<std::size_t> child) {
  selectors_[node].override = child;
}

bool root_target::reaches(node_id leaf, bool in_bulk) const noexcept {
  return graph_->reached(leaf, [&](node_id selector, std::size_t child) {
    return selectors_[selector].current == child || (in_bulk && (*graph_)[selector].bulk == child);
  });
}

}  // namespace rendr::engine
