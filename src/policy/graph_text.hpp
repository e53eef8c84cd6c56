// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

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
/// one of `paths`, whose position becomes the leaf index. White space is free. The first child is
/// the primary. A composite without a name gets one: `selector1`, numbered by kind in the order of
/// the text, skipping names that are taken. Known keys: `weight` (1 to 1000).
/// Whether every path is used is another question: `first_unused`.
result<graph, text_error> parse_graph(std::string_view text, std::span<const leaf_info> paths);

/// The canonical text: `parse_graph(to_text(g), paths) == g`.
std::string to_text(const graph& g);

/// The form that travels to the peer: every composite with its name, every leaf with its index and
/// what else is known of it (`fiber#0`, `lte#1(weight=5,evidence=first_hop)`), no addresses.
/// `parse_wire_graph(to_wire_text(g)) == g`.
std::string to_wire_text(const graph& g);
result<graph, text_error> parse_wire_graph(std::string_view text);

/// The graph without a root text: a selector over all paths in order; a single path stands alone.
/// `paths` is not empty, and has at most `max_nodes - 1` entries.
graph default_graph(std::span<const leaf_info> paths);

/// Whether `name` may name a path or a composite: 1 to 64 letters, digits, `_`, `-` or `.`, the
/// first a letter or a digit.
bool valid_name(std::string_view name) noexcept;

}  // namespace rendr::policy
