// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/events.hpp"
#include "engine/route/roots.hpp"
#include "engine/types.hpp"
#include "policy/facts.hpp"
#include "policy/graph.hpp"
#include "rendr/error.hpp"
#include "rendr/status.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

class record_writer;

/// The roots of a link at work: graphs that are installed, commands and the peer's word taken, and
/// the choices of all selectors made from the facts of the leaves. It knows no path and no flow:
/// after a root changed, its flows must be placed anew, and after that the routes decided.
class router {
 public:
  using leaf_facts = std::vector<policy::child_facts>;  ///< by leaf

  /// What `decide` found. The events name no link.
  struct routes {
    bool moved = false;  ///< some selector did
    std::vector<event::migration> told;
    /// Leaves whose quality some selector wants to know better; one may be there several times.
    std::vector<std::uint32_t> measure;
  };
  /// A graph that the peer told, to be installed in `root`.
  struct heard_graph {
    named_root* root = nullptr;
    policy::graph graph;
  };
  /// A selection that leads to a leaf.
  struct step {
    std::string node;
    std::string child;
  };

  explicit router(role side) noexcept : side_(side) {}

  // --- graphs
  /// Dialer: the first graph of the default root, which was read from `text`.
  named_root& begin(std::string text);
  /// `leaves`: the facts of every leaf that the graph names.
  void install(named_root& root, policy::graph g, const leaf_facts& leaves);
  /// Before `install`: this end changed the graph. `tell`: the peer is up and must know.
  static void renew(named_root& root, bool tell) noexcept;
  /// Dialer: the command that gives root `name` the graph of `text`.
  result<heard_graph, failure> read(std::string_view name, std::string_view text,
                                    std::span<const policy::leaf_info> leaves);
  /// The graph of `root` over the leaves that there are now; nullopt: the one it has. A graph over
  /// all paths stands over a new one too, and one that names it has what is known of it. A text
  /// that names a detached path still is left as it was read.
  static std::optional<policy::graph> regrown(const named_root& root,
                                              std::span<const policy::leaf_info> leaves);

  // --- commands
  /// The move that it made, if any; the peer must be told.
  result<std::optional<event::migration>, failure> select(instant now, std::string_view root,
                                                          std::string_view node,
                                                          std::string_view child,
                                                          const leaf_facts& leaves);
  /// The selections, from `leaf` up, that make it carry.
  result<std::vector<step>, failure> way_to(std::string_view root, std::string_view leaf) const;

  // --- the peer
  /// A graph of the dialer. No root in the answer: it is known already.
  result<heard_graph> take(const wire::graph& f);
  /// True: a selector follows it from now on.
  result<bool> take(const wire::select& f);
  /// Puts what the peer must be told. False: it did not all fit.
  bool put(record_writer& w);
  bool owed() const noexcept { return roots_.owed(); }
  /// After the link came up, or a record that told them was lost.
  void owe_graphs() noexcept;
  void owe_selections() noexcept { roots_.owe_selections(); }

  // --- choices
  /// After any change of a leaf's health: every selector decides.
  routes decide(instant now, cause why, const leaf_facts& leaves);
  /// Before bytes are placed, when it `weighs`.
  void weigh(instant now, const leaf_facts& leaves);
  bool weighs() const noexcept { return roots_.weighs(); }
  /// New evidence of quality: the selectors are asked by `when` at the latest.
  void look_by(instant when) noexcept { quality_at_ = std::min(quality_at_, when); }
  /// When `decide` is due for quality alone.
  instant next_look() const noexcept { return quality_at_; }

  // --- roots
  named_root* find(std::string_view name) noexcept { return roots_.find(name); }
  /// The root of a flow: `wanted` once it has a graph, the default one until then.
  named_root& root_of(named_root* wanted) noexcept;
  const named_root& root_of(const named_root* wanted) const noexcept;
  std::deque<named_root>& all() noexcept { return roots_.all(); }

  // --- questions
  bool installed() const noexcept { return roots_.standard().installed(); }
  bool reaches(std::uint32_t leaf, bool in_bulk) const noexcept {
    return roots_.reaches(leaf, in_bulk);
  }
  bool left(std::uint32_t leaf) const noexcept { return roots_.left(leaf); }
  bool names(std::uint32_t leaf) const noexcept { return roots_.names(leaf); }
  bool has_bond() const noexcept { return roots_.has_bond(); }
  bool hands_over() const noexcept { return roots_.hands_over(); }
  /// How often a selector moved from one child to another.
  std::uint64_t migrations() const noexcept { return migrations_; }
  /// The graphs and where their selectors stand.
  void describe(link_status& out) const;

 private:
  std::optional<event::migration> count(const named_root& root, const root_target::move& move,
                                        cause why);

  role side_;
  root_set roots_;
  instant quality_at_ = never;
  std::uint32_t version_ = 0;  // tells graphs apart on this side
  std::uint64_t migrations_ = 0;
};

}  // namespace rendr::engine
