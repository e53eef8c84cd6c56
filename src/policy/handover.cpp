// SPDX-License-Identifier: Apache-2.0
#include "policy/handover.hpp"

#include <algorithm>
#include <chrono>

namespace rendr::policy {

using namespace std::chrono_literals;

namespace {

// A window that begins with ten packets and doubles has ten thousand after ten round trips.
constexpr int round_trips = 12;
constexpr duration shortest = 50ms;
constexpr duration longest = 2s;

bool planned(selector_reason reason) noexcept {
  return reason == selector_reason::by_command || reason == selector_reason::override_returned ||
         for_quality(reason);
}

}  // namespace

std::optional<handover> begin_handover(const selector_decision& decision,
                                       std::optional<std::size_t> from,
                                       std::span<const child_facts> children, instant now) {
  if (!decision.changed || !from || !decision.child || !planned(decision.reason))
    return std::nullopt;
  if (children[*from].state != health::usable) return std::nullopt;
  const auto slower = std::max(children[*from].srtt, children[*decision.child].srtt);
  return handover{*from, now + std::clamp(round_trips * slower, shortest, longest)};
}

bool helps(const child_facts& left, const child_facts& current) noexcept {
  // Half a round trip there, against one of waiting and half a one there.
  return left.state == health::usable && current.blocked && left.srtt <= 3 * current.srtt;
}

}  // namespace rendr::policy
