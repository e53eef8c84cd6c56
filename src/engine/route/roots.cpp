// SPDX-License-Identifier: Apache-2.0
#include "engine/route/roots.hpp"

#include <algorithm>
#include <utility>

namespace rendr::engine {

event::migration move_event(const named_root& root, policy::node_id node,
                            std::optional<std::size_t> from, std::optional<std::size_t> to,
                            cause why, std::string_view reason, std::string evidence) {
  const auto& graph = root.target.graph();
  const auto name = [&](std::optional<std::size_t> child) {
    return child ? graph[graph.children_of(node)[*child]].name : std::string();
  };
  return {{},       root.name, graph[node].name,    name(from),
          name(to), why,       std::string(reason), std::move(evidence)};
}

const named_root* root_set::find(std::string_view name) const noexcept {
  const auto it = std::find_if(roots_.begin(), roots_.end(),
                               [&](const named_root& root) { return root.name == name; });
  return it == roots_.end() ? nullptr : &*it;
}

named_root* root_set::find(std::string_view name) noexcept {
  return const_cast<named_root*>(static_cast<const root_set&>(*this).find(name));
}

named_root* root_set::find_or_make(std::string_view name) {
  if (auto* known = find(name)) return known;
  if (roots_.size() >= most) return nullptr;
  roots_.emplace_back().name = name;
  return &roots_.back();
}

bool root_set::reaches(std::uint32_t leaf, bool in_bulk) const noexcept {
  return std::any_of(roots_.begin(), roots_.end(), [&](const named_root& root) {
    const auto places = root.target.places(leaf);
    return std::any_of(places.begin(), places.end(),
                       [&](policy::node_id place) { return root.target.reaches(place, in_bulk); });
  });
}

bool root_set::left(std::uint32_t leaf) const noexcept {
  return std::any_of(roots_.begin(), roots_.end(), [leaf](const named_root& root) {
    if (!root.target.hands_over()) return false;
    const auto places = root.target.places(leaf);
    return std::any_of(places.begin(), places.end(),
                       [&](policy::node_id place) { return root.target.left(place); });
  });
}

bool root_set::names(std::uint32_t leaf) const noexcept {
  return std::any_of(roots_.begin(), roots_.end(),
                     [leaf](const named_root& root) { return !root.target.places(leaf).empty(); });
}

bool root_set::has_bond() const noexcept {
  return std::any_of(roots_.begin(), roots_.end(),
                     [](const named_root& root) { return root.target.has_bond(); });
}

bool root_set::hands_over() const noexcept {
  return std::any_of(roots_.begin(), roots_.end(),
                     [](const named_root& root) { return root.target.hands_over(); });
}

bool root_set::weighs() const noexcept {
  return std::any_of(roots_.begin(), roots_.end(),
                     [](const named_root& root) { return root.target.weighs(); });
}

bool root_set::owed() const noexcept {
  return std::any_of(roots_.begin(), roots_.end(), [](const named_root& root) {
    return root.owed || std::any_of(root.selections.begin(), root.selections.end(),
                                    [](const auto& one) { return one.second.owed; });
  });
}

void root_set::owe_graphs() noexcept {
  for (auto& root : roots_) root.owed = root.installed();
}

void root_set::owe_selections() noexcept {
  for (auto& root : roots_) {
    for (auto& [node, chosen] : root.selections) chosen.owed = chosen.version > 0;
  }
}

}  // namespace rendr::engine
