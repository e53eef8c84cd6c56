// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "policy/selector.hpp"

namespace rendr::policy {

/// After a planned move of a selector: the child that it left still carries what the new one has no
/// window for, until that one's TCP has had time to open it. A connection that stood idle begins
/// with ten packets a round trip (RFC 6928, RFC 5681 section 4.1), and what a full flow brings
/// meanwhile would wait.
struct handover {
  std::size_t from = 0;  ///< position of the child that was left
  instant until{};
};

/// For a move `decision` made from child `from` at `now`. nullopt: it was forced, or the child that
/// was left is not good enough to carry anything; nothing more goes that way.
std::optional<handover> begin_handover(const selector_decision& decision,
                                       std::optional<std::size_t> from,
                                       std::span<const child_facts> children, instant now);

/// Whether `left` takes now what waits, and `current` nothing: what that one took would wait a
/// round trip, and by `left` it arrives no later.
bool helps(const child_facts& left, const child_facts& current) noexcept;

}  // namespace rendr::policy
