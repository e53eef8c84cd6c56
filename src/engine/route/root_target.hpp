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
#include "policy/guard.hpp"
#include "policy/handover.hpp"
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
    std::string evidence{};  ///< what it rested on, as `policy::describe` says it
  };
  /// What `update` decided.
  struct outcome {
    std::vector<move> moves;
    /// Update again then at the latest: a dwell or cooldown ends, or evidence is due.
    instant again = never;
    /// The leaves (path indices, ascending) whose quality some selector wants to know better: a
    /// PING on each would help, one under way is enough.
    std::vector<std::uint32_t> measure;
  };

  root_target() : graph_(std::make_shared<const policy::graph>()) {}
  root_target(policy::graph graph, std::uint32_t version);

  /// Takes the place of `before`: a selector that was there stands where it stood.
  void inherit(const root_target& before);

  const policy::graph& graph() const noexcept { return *graph_; }
  /// Whether a graph was installed.
  bool installed() const noexcept { return !graph_->empty(); }
  std::shared_ptr<const policy::graph> shared_graph() const noexcept { return graph_; }
  std::uint32_t version() const noexcept { return version_; }
  /// The leaf nodes that stand for path `leaf`, in preorder.
  std::span<const policy::node_id> places(std::uint32_t leaf) const noexcept {
    return leaf < places_.size() ? std::span(places_[leaf]) : std::span<const policy::node_id>{};
  }

  /// Replaces the facts of every leaf node (`leaf_facts[leaf index]`; weight and cost are the
  /// graph's) and lets the selectors decide, each with its own options. Call it at once after any
  /// change of a path's health, at most each 200 ms when evidence of quality was renewed, and at
  /// `again`.
  outcome update(instant now, const std::vector<policy::child_facts>& leaf_facts);
  /// Only the figures that bonds look at, no decisions. Cheap; called before pulls.
  void refresh(const std::vector<policy::child_facts>& leaf_facts);

  /// An explicit command of this end. nullopt child: released.
  policy::selector_decision select(instant now, policy::node_id node,
                                   std::optional<std::size_t> child);
  /// The peer's choice, mirrored: followed as soon as that child is good.
  void mirror(policy::node_id node, std::optional<std::size_t> child);

  /// A window of bond `node`'s guard: `policy::decide` with these counters, one entry of `blocked`
  /// for each child in order. The facts are those of the last `update` or `refresh`; when the
  /// decision `changed`, the children's `rested` follows at once.
  policy::guard_decision guard(instant now, policy::node_id node, std::uint64_t in_order,
                               bool limited, std::span<const duration> blocked);

  const policy::child_facts& facts(policy::node_id node) const noexcept { return facts_[node]; }
  const policy::selector_state& selector(policy::node_id node) const noexcept {
    return selectors_[node];
  }
  /// Why `node` stands where it stands: the reason and the evidence of its last move.
  policy::selector_reason reason(policy::node_id node) const noexcept { return reasons_[node]; }
  const std::string& evidence(policy::node_id node) const noexcept { return evidence_[node]; }
  /// A node that can place bytes: some leaf below it is usable or late.
  bool can_place(policy::node_id node) const noexcept {
    return facts_[node].state <= policy::health::late;
  }
  /// Every selector on the way up stands on this side, or with `in_bulk` names it for bulk.
  bool reaches(policy::node_id leaf, bool in_bulk = false) const noexcept;
  /// Some selector hands over. Ends when `end_handovers` finds that the time is up.
  bool hands_over() const noexcept { return handover_until_ != instant::min(); }
  void end_handovers(instant now);
  /// The selector above `leaf` left it for another child, and the hand-over is not over.
  bool left(policy::node_id leaf) const noexcept;
  /// The child that takes what waits at selector `node`: its choice, or while it hands over the one
  /// that it left. nullopt: none has a carrier.
  std::optional<std::size_t> serving(policy::node_id node) const noexcept;
  bool has_bond() const noexcept { return has_bond_; }
  /// Some policy looks at what each child holds and how fast it drains: `refresh` before pulls.
  bool weighs() const noexcept { return weighs_ || hands_over(); }
  /// Some selector names a child for bulk.
  bool has_bulk() const noexcept { return has_bulk_; }
  /// Facts of the children of `node`, in order. Valid until the next call.
  std::span<const policy::child_facts> children_facts(policy::node_id node) const;

 private:
  void evaluate(policy::node_id node);
  void moved(instant now, policy::node_id node, std::optional<std::size_t> from,
             const policy::selector_decision& decision);
  bool rested(policy::node_id node) const noexcept;
  void decide(instant now, policy::node_id node, outcome& out);
  std::string described(policy::node_id node, std::optional<std::size_t> from,
                        const policy::selector_decision& decision) const;
  void collect_measured(policy::node_id node, std::vector<std::uint32_t>& leaves) const;

  std::shared_ptr<const policy::graph> graph_;
  std::uint32_t version_ = 0;
  std::vector<std::vector<policy::node_id>> places_;
  std::vector<policy::child_facts> facts_;
  std::vector<policy::selector_state> selectors_;
  std::vector<policy::selector_reason> reasons_;
  std::vector<std::string> evidence_;
  std::vector<std::optional<policy::handover>> handovers_;
  instant handover_until_ = instant::min();  // of the last one; min: there is none
  std::vector<policy::guard_state> guards_;  // of the bonds; others stay empty
  mutable std::vector<policy::child_facts> scratch_;
  bool has_bond_ = false;
  bool weighs_ = false;
  bool has_bulk_ = false;
};

}  // namespace rendr::engine
