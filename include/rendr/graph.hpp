// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "rendr/error.hpp"

namespace rendr {

/// Checks the text form of a policy graph before a dialer is given it, such as
/// `best: selector(fiber, race(lte, wifi))` or a word for one, such as `aggregate`. `docs/graph.md`
/// has the whole language.
///
/// `path_names` are the names of the dialer's paths: each leaf must be one of them, and each of
/// them must be used. Returns true when the text is good. Otherwise `why` holds
/// `errc::invalid_argument` and a detail of three lines for a person: the rule, the text, and a
/// caret under the place; nothing else is changed. Bounds: 30 KiB of text, 1,024 nodes, 32 levels.
/// Pure and safe to call from any thread; takes time linear in the text.
bool check_graph(std::string_view text, std::span<const std::string> path_names, failure& why);

}  // namespace rendr
