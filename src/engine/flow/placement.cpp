// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/placement.hpp"

#include <algorithm>

#include "engine/flow/send_packets.hpp"
#include "policy/race.hpp"

namespace rendr::engine {

using policy::no_node;
using policy::node_id;
using policy::node_kind;

namespace {

// Of a race with `late` as many bytes are weighed as one small record has.
constexpr std::uint64_t compared = 1'200;
constexpr std::uint64_t endless = std::uint64_t{1} << 40;

// The beginning of r, at most `limit` numbers; of packets whole ones, at least one.
range cut(range r, std::uint64_t limit, const send_packets* packets) {
  if (packets == nullptr) return {r.begin, std::min(r.end, r.begin + limit)};
  const auto whole = packets->whole(r.begin, limit);
  return {whole.begin, std::min(r.end, whole.end)};
}

range first_of(const range_set& set, std::uint64_t limit, const send_packets* packets) {
  return set.empty() ? range{} : cut(set.front(), limit, packets);
}

// The part of `set` that lies `skip` numbers behind its first one, clipped to `limit`; its last
// `limit` numbers when it is shorter.
range part_behind(const range_set& set, std::uint64_t skip, std::uint64_t limit,
                  const send_packets* packets) {
  const auto size = set.size();
  if (size <= limit) return first_of(set, limit, packets);
  skip = std::min(skip, size - limit);
  for (const auto& r : set.ranges()) {
    if (skip < r.size()) return cut({r.begin + skip, r.end}, limit, packets);
    skip -= r.size();
  }
  return first_of(set, limit, packets);
}

}  // namespace

placement::placement(const root_target& root)
    : graph_(root.shared_graph()), version_(root.version()), nodes_(root.graph().size()) {}

void placement::use_bulk(node_id selector, bool on) { nodes_[selector].bulk = on; }

std::optional<std::size_t> placement::chosen(const root_target& root,
                                             node_id selector) const noexcept {
  const auto bulk = (*graph_)[selector].bulk;
  if (nodes_[selector].bulk && bulk && root.can_place(graph_->children_of(selector)[*bulk])) {
    return bulk;
  }
  return root.selector(selector).current;
}

bool placement::reaches(const root_target& root, node_id leaf) const noexcept {
  return graph_->reached(
      leaf, [&](node_id selector, std::size_t child) { return chosen(root, selector) == child; });
}

// What waits at `node` will be taken: some leaf below it can, and every selector above stands on
// it.
bool placement::serves(const root_target& root, node_id node) const noexcept {
  return root.can_place(node) && reaches(root, node);
}

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
                             asking& ask_at) {
  auto& p = nodes_[parent];
  const policy::bond_ask ask{
      .child = graph_->position_of(node),
      .backlog = more_ ? endless : backlog(parent),
      .size = limit,
      .again = !p.returned.empty(),
  };
  const auto decision = policy::decide(ask, root.children_facts(parent));
  if (decision.take == 0) {
    if (ask.backlog > 0) ask_at.retry = std::min(ask_at.retry, decision.after);
    return {};
  }
  const auto take = std::min(decision.take, limit);
  const auto want = ask.again ? take : decision.skip + take;
  while (p.pool.size() < want) {
    const auto r = take_from_parent(root, parent, want - p.pool.size(), ask_at);
    if (r.empty()) break;
    give(parent, r);
  }
  return ask.again ? first_of(p.returned, take, ask_at.packets)
                   : part_behind(p.pool, decision.skip, take, ask_at.packets);
}

range placement::take_raced(root_target& root, node_id parent, node_id node, std::uint64_t limit,
                            asking& ask) {
  auto& own = nodes_[node].own;
  if (own.empty()) {
    if ((*graph_)[parent].late > duration(0)) return take_late(root, parent, node, limit, ask);
    const auto more = take_from_parent(root, parent, limit, ask);
    if (more.empty()) return {};
    give(parent, more);
  }
  const auto r = first_of(own, limit, ask.packets);
  own.remove(r);
  return r;
}

// A race with `late`: what is late elsewhere before what is new.
range placement::take_late(root_target& root, node_id parent, node_id node, std::uint64_t limit,
                           asking& ask) {
  auto& race = nodes_[parent];
  const auto child = graph_->position_of(node);
  const auto late = (*graph_)[parent].late;
  while (!race.sent.empty() && race.assigned.intersection(race.sent.front().bytes).empty()) {
    race.sent.pop_front();
  }
  for (auto& one : race.sent) {
    const bool has =
        one.by == child || std::find(one.also.begin(), one.also.end(), child) != one.also.end();
    auto open = has ? range_set() : race.assigned.intersection(one.bytes);
    if (open.empty()) continue;
    const policy::race_ask again{child, open.size(), one.by, one.due};
    const auto decision = policy::decide(again, root.children_facts(parent), ask.now, late);
    if (!decision.take) {
      if (decision.again != never) ask.retry = std::min(ask.retry, decision.again - ask.now);
      break;  // later ones are due later
    }
    one.also.push_back(child);
    const auto r = first_of(open, limit, ask.packets);
    open.remove(r);
    nodes_[node].own.add(open);
    return r;
  }
  // Whoever asks, for however much: of the same bytes, so that no two hold each other the sooner.
  const auto waits = more_ ? compared : std::min(backlog(parent), compared);
  const policy::race_ask first{child, waits, std::nullopt, {}};
  if (!policy::decide(first, root.children_facts(parent), ask.now, late).take) return {};
  const auto r = take_from_parent(root, parent, limit, ask);
  if (r.empty()) return {};
  race.assigned.add(r);
  const auto due = policy::race_due(root.children_facts(parent)[child], r.size(), ask.now);
  race.sent.push_back({r, child, due, {}});
  return r;
}

// What `node` gets from above; recorded at the parent, not yet at `node`.
range placement::take_from_parent(root_target& root, node_id node, std::uint64_t limit,
                                  asking& ask) {
  const auto parent = (*graph_)[node].parent;
  if (parent == no_node) {
    const auto r = first_of(unplaced_, limit, ask.packets);
    unplaced_.remove(r);
    return r;
  }
  const auto kind = (*graph_)[parent].kind;
  if (kind == node_kind::race) return take_raced(root, parent, node, limit, ask);
  range r;
  if (kind == node_kind::bond) {
    r = take_bonded(root, parent, node, limit, ask);
  } else {
    auto taker = chosen(root, parent);
    if (taker == root.selector(parent).current) taker = root.serving(parent);
    if (!taker || graph_->children_of(parent)[*taker] != node) return {};
    auto& pool = nodes_[parent].pool;
    if (pool.empty()) {
      const auto more = take_from_parent(root, parent, limit, ask);
      if (more.empty()) return {};
      give(parent, more);
    }
    r = first_of(pool, limit, ask.packets);
  }
  nodes_[parent].pool.remove(r);
  nodes_[parent].returned.remove(r);
  return r;
}

range placement::pull(root_target& root, node_id leaf, std::uint64_t limit, instant now,
                      duration& retry, const send_packets* packets) {
  asking ask{now, retry, packets};
  const auto r = take_from_parent(root, leaf, limit, ask);
  if (!r.empty()) nodes_[leaf].assigned.add(r);
  return r;
}

instant placement::late_due() const noexcept {
  auto first = never;
  for (node_id id = 0; id < nodes_.size(); ++id) {
    for (const auto& one : nodes_[id].sent) {
      if (one.also.empty()) first = std::min(first, one.due + (*graph_)[id].late);
    }
  }
  return first;
}

std::optional<std::size_t> placement::charged(node_id bond, std::uint64_t offset) const noexcept {
  const auto& children = graph_->children_of(bond);
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (nodes_[children[i]].assigned.contains(offset)) return i;
  }
  return std::nullopt;
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

node_id placement::holder(std::uint64_t offset) const noexcept {
  for (node_id id = 0; id < nodes_.size(); ++id) {
    if ((*graph_)[id].kind == node_kind::path && nodes_[id].assigned.contains(offset)) return id;
  }
  return no_node;
}

bool placement::held_elsewhere(node_id leaf, std::uint64_t offset) const noexcept {
  for (node_id id = 0; id < nodes_.size(); ++id) {
    if (id == leaf || (*graph_)[id].kind != node_kind::path) continue;
    if (nodes_[id].assigned.contains(offset)) return true;
  }
  return false;
}

bool placement::waiting() const noexcept {
  if (!unplaced_.empty()) return true;
  return std::any_of(nodes_.begin(), nodes_.end(), [](const node_state& n) {
    return !n.pool.empty() || !n.own.empty() || !n.sent.empty();
  });
}

bool placement::may_have(node_id leaf) const noexcept {
  if (!unplaced_.empty()) return true;
  for (auto id = leaf; id != no_node; id = (*graph_)[id].parent) {
    if (!nodes_[id].pool.empty() || !nodes_[id].own.empty() || !nodes_[id].sent.empty())
      return true;
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
