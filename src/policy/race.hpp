// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "policy/facts.hpp"

namespace rendr::policy {

/// A race with `late`: one child sends a range, the others only what it is late with. (A race
/// without it asks nobody: every child sends everything.)
enum class race_reason : std::uint8_t {
  fastest,   ///< takes: nobody sent the range, and no child delivers it sooner
  overdue,   ///< takes: the range was sent, and its acknowledgement is late by more than `late`
  doubtful,  ///< takes: who sent the range is suspect or gone
  sooner,    ///< waits: nobody sent the range, another child delivers it sooner
  in_time,   ///< waits: the range was sent and may still arrive in time
  unusable,  ///< waits: this child is suspect while another is not, or has no carrier
};
/// The reason as a half sentence for events and status.
std::string_view to_string(race_reason reason) noexcept;

struct race_ask {
  std::size_t child = 0;   ///< who asks: position among the children
  std::uint64_t size = 0;  ///< bytes that it would take
  /// Who sent the range first; nullopt: nobody yet.
  std::optional<std::size_t> sent_by;
  /// When the acknowledgement of that copy was expected: `race_due` at the time it was sent.
  instant due{};
};

struct race_decision {
  bool take = false;
  race_reason reason = race_reason::unusable;
  /// Waits: ask again then at the latest, and after any change of facts. Never: a change alone.
  instant again = never;
  friend bool operator==(const race_decision&, const race_decision&) = default;
};

race_decision decide(const race_ask& ask, std::span<const child_facts> children, instant now,
                     duration late) noexcept;

/// When the acknowledgement of `size` bytes given to `child` now is to be expected.
instant race_due(const child_facts& child, std::uint64_t size, instant now) noexcept;

}  // namespace rendr::policy
