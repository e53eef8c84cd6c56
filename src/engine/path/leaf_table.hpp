// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/config.hpp"
#include "engine/path/leaf.hpp"
#include "engine/types.hpp"
#include "policy/graph.hpp"

namespace rendr::engine {

/// The leaves of one link, by their numbers, and the questions that are asked of them. A number is
/// given to another leaf when nothing knows the one that had it.
class leaf_table {
 public:
  auto begin() noexcept { return leaves_.begin(); }
  auto end() noexcept { return leaves_.end(); }
  auto begin() const noexcept { return leaves_.begin(); }
  auto end() const noexcept { return leaves_.end(); }
  std::size_t size() const noexcept { return leaves_.size(); }
  /// Precondition of these: the leaf is there.
  leaf_slot& operator[](spec_id leaf) noexcept { return leaves_[leaf]; }
  const leaf_slot& operator[](spec_id leaf) const noexcept { return leaves_[leaf]; }

  // --- they come and go
  /// Of a dialer: those that its configuration names.
  void start(const std::vector<path_config>& paths);
  /// The leaf, which is there from now on; it has a name.
  leaf_slot& of(spec_id leaf);
  /// Of an acceptor: what the dialer's graph says of a leaf.
  void learn(const policy::node& node);
  struct place {
    spec_id leaf = 0;
    bool fresh = false;  ///< nothing is known of it
  };
  /// For a new path: the leaf of a detached one of this name, which graphs may still name; a fresh
  /// one; or one that is not `known` any more. nullopt: there is none.
  std::optional<place> take(std::string_view name, const std::vector<bool>& known);
  /// The link is over.
  void end_all() noexcept;

  // --- questions
  /// The leaf of this name that is not removed.
  std::optional<spec_id> named(std::string_view name) const noexcept;
  /// Its path; null: it has none, or is not there.
  path* current(spec_id leaf) const noexcept;
  /// The path is the one that takes new data for its leaf.
  bool stands_for(const path& p) const noexcept { return current(p.leaf) == &p; }
  /// The last carrier of some leaf ended otherwise than by FIN or RST.
  bool any_silent_end() const noexcept;
  /// As the texts of graphs may name them.
  std::vector<policy::leaf_info> infos() const;

 private:
  std::vector<leaf_slot> leaves_;
};

}  // namespace rendr::engine
