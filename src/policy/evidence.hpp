// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/facts.hpp"

namespace rendr::policy {

/// What a decision rested on: the facts of the child left and of the one taken, as they were then.
struct selector_evidence {
  std::optional<child_facts> from;
  std::optional<child_facts> to;
  duration held{0};  ///< for how long the one taken had been better; 0: at once
  friend bool operator==(const selector_evidence&, const selector_evidence&) = default;
};

/// One line for events and status, the child taken first: `lte 12 ms +-1 ms, fiber 90 ms +-3 ms,
/// for 3 s` or `lte 31 ms +-2 ms, fiber dead`. Says of each child its health unless usable, latency
/// and jitter where known, loss and flaps where there are any, cost and weight where they differ.
std::string describe(const selector_evidence& evidence, std::string_view from_name,
                     std::string_view to_name);

/// A time with its unit and at most three digits before it: `850 us`, `3.4 ms`, `90 ms`, `12 s`.
std::string short_text(duration value);

/// Bytes per second with two significant digits or more: `850 B/s`, `3.1 MB/s`, `120 MB/s`.
std::string rate_text(std::uint64_t bytes_per_second);

/// The exact time as `parse_duration` reads it, in the largest unit that divides it: `1500ms`,
/// `3s`, `2m`, `forever`.
std::string exact_text(duration value);

}  // namespace rendr::policy
