// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/bond.hpp"
#include "policy/facts.hpp"
#include "policy/graph.hpp"
#include "policy/selector.hpp"

namespace rendr::engine {

/// A policy graph in use on a link: the facts of its nodes and the choices of its selectors. All
/// flows under the same root share it. It knows no paths: the link tells the facts of each leaf.
class root_target {
 public:
  struct move {
    policy::node_id node{};
    std::optional<std::size_t> from;
    std::optional<std::size_t> to;
    policy::selector_reason reason{};
  };

  root_target() : graph_(std::make_shared<const policy::graph>()) {}
  root_target(policy::graph graph, std::uint32_t version);

  const policy::graph& graph() const noexcept { return *graph_; }
  /// Whether a graph was installed.
  bool installed() const noexcept { return !graph_->empty(); }
  std::shared_ptr<const policy::graph> shared_graph() const noexcept { return graph_; }
  std::uint32_t version() const noexcept { return version_; }
  /// The leaf nodes that stand for path `leaf`, in preorder.
  std::span<const policy::node_id> places(std::uint32_t leaf) const noexcept {
    return leaf < places_.size() ? std::span(places_[leaf]) : std::span<const policy::node_id>{};
  }

  /// Replaces the facts of every leaf node (`leaf_facts[leaf index]`) and lets the selectors
  /// decide. Returns the selectors that moved.
  std::vector<move> update(const std::vector<policy::child_facts>& leaf_facts);
  /// Only the figures that bonds look at, no decisions. Cheap; called before pulls.
  void refresh(const std::vector<policy::child_facts>& leaf_facts);

  /// An explicit command of this end. nullopt child: released.
  policy::selector_decision select(policy::node_id node, std::optional<std::size_t> child);
  /// The peer's choice, mirrored: followed as soon as that child is good.
  void mirror(policy::node_id node, std::optional<std::size_t> child);

  const policy::child_facts& facts(policy::node_id node) const noexcept { return facts_[node]; }
  const policy::selector_state& selector(policy::node_id node) const noexcept {
    return selectors_[node];
  }
  policy::selector_reason reason(policy::node_id node) const noexcept { return reasons_[node]; }
  /// A node that can place bytes: some leaf below it is usable or late.
  bool can_place(policy::node_id node) const noexcept {
    return facts_[node].state <= policy::health::late;
  }
  /// Every selector on the way up stands on this side.
  bool reaches(policy::node_id leaf) const noexcept;
  bool has_bond() const noexcept { return has_bond_; }
  /// Facts of the children of `node`, in order. Valid until the next call.
  std::span<const policy::child_facts> children_facts(policy::node_id node) const;

 private:
  void evaluate(policy::node_id node);

  std::shared_ptr<const policy::graph> graph_;
  std::uint32_t version_ = 0;
  std::vector<std::vector<policy::node_id>> places_;
  std::vector<policy::child_facts> facts_;
  std::vector<policy::selector_state> selectors_;
  std::vector<policy::selector_reason> reasons_;
  mutable std::vector<policy::child_facts> scratch_;
  bool has_bond_ = false;
};

}  // namespace rendr::engine
