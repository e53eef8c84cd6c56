// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/text.hpp"
#include "policy/graph.hpp"

namespace rendr::policy {

/// Reads the text form
///     node = name | [name ":"] kind "(" arg {"," arg} ")"      arg = node | key "=" value
/// with kind selector, race or bond, e.g. `best: selector(fiber, race(lte, wifi))`. A name alone is
/// one of `paths`, and stands for its leaf index. White space is free. The first child is
/// the primary. A composite without a name gets one: `selector1`, numbered by kind in the order of
/// the text, skipping names that are taken. Keys, each at most once and anywhere among the
/// children:
/// - `weight` (1 to 1000), of every composite;
/// - `dwell`, `cooldown`, `cost_bound` of a selector: a time to 1 h or `forever`;
/// - `bulk` of a selector: the name of one of its children, a path or a composite with a name;
/// - `late` of a race: a time from 1 ms to 10 s.
/// An intent (`intent_named`) alone is the graph that it means, unless a path has that name.
/// A path may stand in several places, but once only among the children of one composite.
/// Whether every path is used is another question: `check_all_used`.
result<graph, text_error> parse_graph(std::string_view text, std::span<const leaf_info> paths);

/// The canonical text: `parse_graph(to_text(g), paths) == g`.
std::string to_text(const graph& g);

/// The form that travels to the peer: every composite with its name, every leaf with its index and
/// what else is known of it (`fiber#0`, `lte#1(weight=5,cost=9,fate=pole,evidence=first_hop)`), no
/// addresses, and the keys in the order weight, dwell, cooldown, cost_bound, bulk, late.
/// `parse_wire_graph(to_wire_text(g)) == g`.
std::string to_wire_text(const graph& g);
result<graph, text_error> parse_wire_graph(std::string_view text);

/// The graph without a root text: a selector over all paths in order; a single path stands alone.
/// `paths` is not empty, and has at most `max_nodes - 1` entries.
graph default_graph(std::span<const leaf_info> paths);

/// What a flow is for, as a word that stands for a graph over all paths.
enum class intent : std::uint8_t {
  handover,     ///< one path at a time, kept alive: selector(all)
  interactive,  ///< every byte soon: race(all, late=20ms)
  aggregate,    ///< all the throughput there is: bond(all)
};
std::optional<intent> intent_named(std::string_view word) noexcept;
/// Later than this is felt by a person who types or speaks, so it is worth a copy.
inline constexpr duration interactive_late = std::chrono::milliseconds(20);
/// With one path: that path alone. `paths` as for `default_graph`.
graph intent_graph(intent wanted, std::span<const leaf_info> paths);

/// The dialer's further rule: every path is used. The error names the first one that is not and
/// points where it could be added. An acceptor, which mirrors, does not ask.
std::optional<text_error> check_all_used(const graph& g, std::string_view text,
                                         std::span<const leaf_info> paths);

}  // namespace rendr::policy
