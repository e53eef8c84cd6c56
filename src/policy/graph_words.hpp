// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/graph.hpp"

// What the reader and the writer of the graph's text share.
namespace rendr::policy {

/// The text of a person, or the form that travels.
enum class graph_form : std::uint8_t { human, wire };

std::optional<node_kind> kind_named(std::string_view word) noexcept;
std::optional<evidence_kind> evidence_named(std::string_view word) noexcept;
std::string_view evidence_word(evidence_kind kind) noexcept;

/// Gives every composite without a name one: its kind and a number, in preorder, no name that is
/// taken.
void name_the_nameless(std::vector<node>& nodes, std::set<std::string, std::less<>>& taken);

/// A leaf for path `index` below `parent`.
node leaf_node(const leaf_info& path, std::uint32_t index, node_id parent);

}  // namespace rendr::policy
