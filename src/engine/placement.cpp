// SPDX-License-Identifier: Apache-2.0
#include "engine/placement.hpp"

#include <algorithm>

namespace rendr::engine {

using policy::no_node;
using policy::node_id;
using policy::node_kind;

namespace {

// What waits at `node` will be taken: some leaf below it can, and every selector above stands on
// it.
bool serves(const root_target& root, node_id node) noexcept {
  return root.can_place(node) && root.reaches(node);
}

constexpr std::uint64_t endless = std::uint64_t{1} << 40;

range first_of(const range_set& set, std::uint64_t limit) {
  if (set.empty()) return {};
  auto r = set.front();
  r.end = std::min(r.end, r.begin + limit);
  return r;
}

// The part of `set` that lies `skip` numbers behind its first one, clipped to `limit`; its last
// `limit` numbers when it is shorter.
range part_behind(const range_set& set, std::uint64_t skip, std::uint64_t limit) {
  const auto size = set.size();
  if (size <= limit) return first_of(set, limit);
  skip = std::min(skip, size - limit);
  for (const auto& r : set.ranges()) {
    if (skip < r.size()) return {r.begin + skip, std::min(r.end, r.begin + skip + limit)};
    skip -= r.size();
  }
  return first_of(set, limit);
}

}  // namespace

placement::placement(const root_target& root)
    : graph_(root.shared_graph()), version_(root.version()), nodes_(root.graph().size()) {}

void placement::give(node_id node, range r) {
  nodes_[node].assigned.add(r);
  switch ((*graph_)[node].kind) {
    case node_kind::path:
      return;
    case node_kind::race:
      for (const auto child : graph_->children_of(node)) nodes_[child].own.add(r);
      return;
    case node_kind::selector:
    case node_kind::bond:
      nodes_[node].pool.add(r);
      return;
  }
}

std::uint64_t placement::backlog(node_id node) const noexcept {
  auto total = unplaced_.size();
  for (auto id = node; id != no_node; id = (*graph_)[id].parent) {
    total += nodes_[id].pool.size() + nodes_[id].own.size();
  }
  return total;
}

range placement::take_bonded(root_target& root, node_id parent, node_id node, std::uint64_t limit,
                             duration& retry) {
  auto& p = nodes_[parent];
  const policy::bond_ask ask{
      .child = graph_->position_of(node),
      .backlog = more_ ? endless : backlog(parent),
      .size = limit,
      .again = !p.returned.empty(),
  };
  const auto decision = policy::decide(ask, root.children_facts(parent));
  if (decision.take == 0) {
    if (ask.backlog > 0) retry = std::min(retry, decision.after);
    return {};
  }
  const auto take = std::min(decision.take, limit);
  const auto want = ask.again ? take : decision.skip + take;
  while (p.pool.size() < want) {
    const auto r = take_from_parent(root, parent, want - p.pool.size(), retry);
    if (r.empty()) break;
    give(parent, r);
  }
  return ask.again ? first_of(p.returned, take) : part_behind(p.pool, decision.skip, take);
}

// What `node` gets from above; recorded at the parent, not yet at `node`.
range placement::take_from_parent(root_target& root, node_id node, std::uint64_t limit,
                                  duration& retry) {
  const auto parent = (*graph_)[node].parent;
  if (parent == no_node) {
    const auto r = first_of(unplaced_, limit);
    unplaced_.remove(r);
    return r;
  }
  const auto kind = (*graph_)[parent].kind;
  if (kind == node_kind::selector) {
    const auto current = root.selector(parent).current;
    if (!current || graph_->children_of(parent)[*current] != node) return {};
  }
  range r;
  if (kind == node_kind::bond) {
    r = take_bonded(root, parent, node, limit, retry);
  } else {
    auto& queue = kind == node_kind::race ? nodes_[node].own : nodes_[parent].pool;
    if (queue.empty()) {
      const auto more = take_from_parent(root, parent, limit, retry);
      if (more.empty()) return {};
      give(parent, more);
    }
    r = first_of(queue, limit);
  }
  if (kind == node_kind::race) {
    nodes_[node].own.remove(r);
  } else {
    nodes_[parent].pool.remove(r);
    nodes_[parent].returned.remove(r);
  }
  return r;
}

range placement::pull(root_target& root, node_id leaf, std::uint64_t limit, duration& retry) {
  const auto r = take_from_parent(root, leaf, limit, retry);
  if (!r.empty()) nodes_[leaf].assigned.add(r);
  return r;
}

void placement::acknowledged(range r) {
  unplaced_.remove(r);
  for (auto& n : nodes_) {
    n.assigned.remove(r);
    n.pool.remove(r);
    n.own.remove(r);
    n.returned.remove(r);
  }
}

void placement::lost(const root_target& root, node_id leaf, range r) {
  const auto gone = nodes_[leaf].assigned.intersection(r);
  if (gone.empty()) return;
  nodes_[leaf].assigned.remove(gone);
  give_back(root, leaf, gone);
}

// `node` gives back what it was given and cannot deliver.
void placement::give_back(const root_target& root, node_id node, const range_set& what) {
  const auto parent = (*graph_)[node].parent;
  if (parent == no_node) {
    unplaced_.add(what);
    return;
  }
  if ((*graph_)[parent].kind == node_kind::race) {
    nodes_[node].own.add(what);
  } else {
    auto open = what;
    for (const auto sibling : graph_->children_of(parent)) {
      if (sibling != node) open.remove(nodes_[sibling].assigned);
    }
    nodes_[parent].pool.add(open);
    if ((*graph_)[parent].kind == node_kind::bond) nodes_[parent].returned.add(open);
  }
  if (!serves(root, parent)) escalate(root, parent);
}

// `node` can place nothing: what no child of it has in hand goes to its parent.
void placement::escalate(const root_target& root, node_id node) {
  auto& n = nodes_[node];
  auto open = n.assigned;
  for (const auto child : graph_->children_of(node)) open.remove(nodes_[child].assigned);
  if (open.empty()) return;
  n.assigned.remove(open);
  n.pool.remove(open);
  n.returned.remove(open);
  for (const auto child : graph_->children_of(node)) nodes_[child].own.remove(open);
  give_back(root, node, open);
}

void placement::settle(const root_target& root) {
  // Deepest first, so that what a node gives up is seen by its parent.
  for (auto id = static_cast<node_id>(nodes_.size()); id-- > 0;) {
    if ((*graph_)[id].kind != node_kind::path && !serves(root, id)) escalate(root, id);
  }
}

bool placement::waiting() const noexcept {
  if (!unplaced_.empty()) return true;
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const node_state& n) { return !n.pool.empty() || !n.own.empty(); });
}

bool placement::may_have(node_id leaf) const noexcept {
  if (!unplaced_.empty()) return true;
  for (auto id = leaf; id != no_node; id = (*graph_)[id].parent) {
    if (!nodes_[id].pool.empty() || !nodes_[id].own.empty()) return true;
  }
  return false;
}

range_set placement::unplaced() const {
  range_set out = unplaced_;
  out.add(nodes_[graph_->root()].assigned);
  for (node_id id = 0; id < graph_->size(); ++id) {
    if ((*graph_)[id].kind == node_kind::path) out.remove(nodes_[id].assigned);
  }
  return out;
}

}  // namespace rendr::engine
