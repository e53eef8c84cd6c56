// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/events.hpp"
#include "engine/route/bond_account.hpp"
#include "engine/route/root_target.hpp"
#include "engine/types.hpp"

namespace rendr::engine {

/// An explicit choice for one selector, at either end: the newest version wins.
struct selection {
  std::uint64_t version = 0;
  std::string child;  ///< empty: the choice is the selector's own
  bool owed = false;  ///< the peer must be told
};

/// A root target of a link under its name, as both ends know it.
struct named_root {
  std::string name;  ///< empty: the default root
  root_target target;
  std::string text;           ///< dialer: what the graph was read from
  std::uint64_t version = 0;  ///< of its graph on the wire; 0: not known yet
  bool owed = false;          ///< the peer must be told the graph
  std::map<std::string, selection, std::less<>> selections;  ///< by selector
  bond_account account;                                      ///< of the flows under it

  bool installed() const noexcept { return target.installed(); }
};

/// The event that tells that selector or bond `node` of `root` moved. It names no link.
event::migration move_event(const named_root& root, policy::node_id node,
                            std::optional<std::size_t> from, std::optional<std::size_t> to,
                            cause why, std::string_view reason, std::string evidence);

/// The roots of a link. They stay where they are for the life of the link; the default one is
/// always there.
class root_set {
 public:
  static constexpr std::size_t most = 64;

  root_set() : roots_(1) {}

  named_root& standard() noexcept { return roots_.front(); }
  const named_root& standard() const noexcept { return roots_.front(); }
  /// nullptr: no root has that name.
  named_root* find(std::string_view name) noexcept;
  const named_root* find(std::string_view name) const noexcept;
  /// Makes it when there is none. nullptr: there are `most` already.
  named_root* find_or_make(std::string_view name);
  std::deque<named_root>& all() noexcept { return roots_; }
  const std::deque<named_root>& all() const noexcept { return roots_; }

  /// Some root places bytes on path `leaf` now: every selector above it stands on it, or with
  /// `in_bulk` names it for bulk.
  bool reaches(std::uint32_t leaf, bool in_bulk) const noexcept;
  /// Some graph has a place for path `leaf`.
  bool names(std::uint32_t leaf) const noexcept;
  /// Some selector above `leaf` left it, and hands over.
  bool left(std::uint32_t leaf) const noexcept;
  bool has_bond() const noexcept;
  bool hands_over() const noexcept;
  bool weighs() const noexcept;
  /// Some graph or choice must be told to the peer.
  bool owed() const noexcept;
  /// After the link came up, or a record that told them was lost.
  void owe_graphs() noexcept;
  void owe_selections() noexcept;

 private:
  std::deque<named_root> roots_;
};

}  // namespace rendr::engine
