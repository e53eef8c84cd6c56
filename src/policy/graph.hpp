// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rendr/carrier.hpp"
#include "rendr/time.hpp"

namespace rendr::policy {

enum class node_kind : std::uint8_t { path, selector, race, bond };
/// "path", "selector", "race", "bond": as the text form spells them.
std::string_view to_string(node_kind kind) noexcept;

/// Position of a node in its graph. The root is node 0; nodes are numbered in the order in which
/// the text names them (parent before children).
using node_id = std::uint32_t;
inline constexpr node_id no_node = ~node_id{0};

inline constexpr std::size_t max_nodes = 1024;
inline constexpr std::size_t max_depth = 32;  ///< nodes from the root to a leaf, both counted
inline constexpr std::size_t max_graph_text = 30 * 1024;
inline constexpr std::uint32_t max_weight = 1000;
inline constexpr std::uint32_t max_cost = 1000;  ///< of a path

/// What is known of a leaf beside its place in the graph; it travels with the graph to the peer.
struct leaf_info {
  std::string name;
  std::uint32_t weight = 1;
  /// What the path spec says of the carrier's evidence; nullopt: as the carrier itself declares.
  std::optional<evidence_kind> evidence = std::nullopt;
  std::uint32_t cost = 0;  ///< how dear a byte is, 0 to `max_cost`
  /// The fate group: paths of one group share a hop and fail together. Empty: a group of its own.
  std::string fate{};
  /// Its leaf index. nullopt: its position among the paths.
  std::optional<std::uint32_t> leaf = std::nullopt;
  friend bool operator==(const leaf_info&, const leaf_info&) = default;
};

inline std::uint32_t leaf_of(std::span<const leaf_info> paths, std::size_t position) noexcept {
  return paths[position].leaf.value_or(static_cast<std::uint32_t>(position));
}

/// How eager a selector is; the keys `dwell`, `cooldown` and `cost_bound` of its text form, each
/// from 0 to an hour or `duration::max()` ("forever").
struct selector_options {
  /// A better child must stay better so long. `duration::max()`: no move for quality at all.
  duration dwell = std::chrono::seconds(3);
  duration cooldown = std::chrono::seconds(15);  ///< between two moves for quality
  /// A cheaper child may be so much later than a dearer one.
  duration cost_bound = std::chrono::milliseconds(100);
  friend bool operator==(const selector_options&, const selector_options&) = default;
};

struct node {
  node_kind kind = node_kind::path;
  std::string name;  ///< of a leaf: the path's name; of a composite: unique in the graph
  node_id parent = no_node;
  std::vector<node_id> children;  ///< the first one is the primary; empty for a leaf
  std::uint32_t leaf = 0;         ///< leaf only: the index of its path; may occur several times
  std::uint32_t weight = 1;
  std::optional<evidence_kind> evidence = std::nullopt;  ///< leaf only
  std::uint32_t cost = 0;                                ///< leaf only
  std::string fate{};                                    ///< leaf only
  selector_options selector{};                           ///< selector only
  /// Selector only: the child (its position) for a flow that saturates the current one.
  std::optional<std::size_t> bulk = std::nullopt;
  /// Race only: the other children get what the best one is later with than this. 0: everything.
  duration late{0};
  bool auto_named = false;  ///< the name was made up: `selector1`; no part of equality

  bool operator==(const node& other) const noexcept;
};

/// A policy graph: a value without links to the outside. Made by `parse_graph`, `parse_wire_graph`
/// or `default_graph` (graph_text.hpp), and valid from then on: at least one node, every composite
/// has a child, limits kept. A default-constructed graph is empty and has no root.
class graph {
 public:
  graph() = default;
  /// `nodes` in preorder, as the parsers make them.
  explicit graph(std::vector<node> nodes) noexcept : nodes_(std::move(nodes)) {}

  bool empty() const noexcept { return nodes_.empty(); }
  std::size_t size() const noexcept { return nodes_.size(); }
  node_id root() const noexcept { return nodes_.empty() ? no_node : 0; }
  const node& operator[](node_id id) const noexcept { return nodes_[id]; }
  std::span<const node> nodes() const noexcept { return nodes_; }
  std::span<const node_id> children_of(node_id id) const noexcept { return nodes_[id].children; }

  /// The leaf nodes in preorder.
  std::vector<node_id> leaves() const;
  /// The leaf nodes that stand for path `leaf`, in preorder; none when the graph does not use it.
  std::vector<node_id> places_of(std::uint32_t leaf) const;
  /// The composite of that name; `no_node` when there is none (paths have no entry here).
  node_id find(std::string_view name) const noexcept;
  /// Which child of `parent` has that name: its position among the children.
  std::optional<std::size_t> child_named(node_id parent, std::string_view name) const noexcept;
  /// The position of `child` among its parent's children; 0 for the root.
  std::size_t position_of(node_id child) const noexcept;
  /// `stands(selector, position of its child)` holds for every selector on the way up from `node`.
  template <class Stands>
  bool reached(node_id node, Stands stands) const noexcept {
    for (auto id = node; id != root(); id = nodes_[id].parent) {
      const auto above = nodes_[id].parent;
      if (nodes_[above].kind == node_kind::selector && !stands(above, position_of(id)))
        return false;
    }
    return true;
  }
  /// One more than the largest leaf index.
  std::size_t leaf_count() const noexcept;

  friend bool operator==(const graph&, const graph&) = default;

 private:
  std::vector<node> nodes_;
};

}  // namespace rendr::policy
