// SPDX-License-Identifier: Apache-2.0
#include "policy/graph.hpp"

#include <algorithm>

namespace rendr::policy {

std::string_view to_string(node_kind kind) noexcept {
  switch (kind) {
    case node_kind::path:
      return "path";
    case node_kind::selector:
      return "selector";
    case node_kind::race:
      return "race";
    case node_kind::bond:
      return "bond";
  }
  return "unknown";
}

bool node::operator==(const node& other) const noexcept {
  return kind == other.kind && name == other.name && parent == other.parent &&
         children == other.children && leaf == other.leaf && weight == other.weight &&
         evidence == other.evidence && cost == other.cost && fate == other.fate &&
         selector == other.selector && bulk == other.bulk && late == other.late;
}

std::vector<node_id> graph::leaves() const {
  std::vector<node_id> out;
  for (node_id id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].kind == node_kind::path) out.push_back(id);
  }
  return out;
}

std::vector<node_id> graph::places_of(std::uint32_t leaf) const {
  auto out = leaves();
  std::erase_if(out, [&](node_id id) { return nodes_[id].leaf != leaf; });
  return out;
}

node_id graph::find(std::string_view name) const noexcept {
  for (node_id id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].kind != node_kind::path && nodes_[id].name == name) return id;
  }
  return no_node;
}

std::optional<std::size_t> graph::child_named(node_id parent,
                                              std::string_view name) const noexcept {
  const auto& children = nodes_[parent].children;
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&](node_id id) { return nodes_[id].name == name; });
  if (found == children.end()) return std::nullopt;
  return static_cast<std::size_t>(found - children.begin());
}

std::size_t graph::position_of(node_id child) const noexcept {
  const auto parent = nodes_[child].parent;
  if (parent == no_node) return 0;
  const auto& children = nodes_[parent].children;
  return static_cast<std::size_t>(std::find(children.begin(), children.end(), child) -
                                  children.begin());
}

std::size_t graph::leaf_count() const noexcept {
  std::size_t count = 0;
  for (const auto& n : nodes_) {
    if (n.kind == node_kind::path) count = std::max<std::size_t>(count, n.leaf + 1);
  }
  return count;
}

}  // namespace rendr::policy
