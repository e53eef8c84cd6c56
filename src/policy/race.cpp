// SPDX-License-Identifier: Apache-2.0
#include "policy/race.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "policy/bond.hpp"

namespace rendr::policy {

namespace {

// The child that would deliver `size` more bytes first, of those in good health; of the suspect
// ones when there is no other.
std::optional<std::size_t> first_of(std::span<const child_facts> children,
                                    std::uint64_t size) noexcept {
  std::optional<std::size_t> best;
  const auto order = [&](std::size_t i) {
    return std::pair(children[i].state > health::late, completion_time(children[i], size));
  };
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (alive(children[i].state) && (!best || order(i) < order(*best))) best = i;
  }
  return best;
}

}  // namespace

std::string_view to_string(race_reason reason) noexcept {
  switch (reason) {
    case race_reason::fastest:
      return "no child delivers this sooner";
    case race_reason::overdue:
      return "the first copy is late";
    case race_reason::doubtful:
      return "who sent the first copy is suspect or gone";
    case race_reason::sooner:
      return "another child delivers this sooner";
    case race_reason::in_time:
      return "the first copy may still be in time";
    case race_reason::unusable:
      return "it cannot carry data now";
  }
  return "unknown";
}

race_decision decide(const race_ask& ask, std::span<const child_facts> children, instant now,
                     duration late) noexcept {
  using enum race_reason;
  const auto first = first_of(children, ask.size);
  if (!first || ask.child >= children.size()) return {};
  const auto state = children[ask.child].state;
  if (!alive(state)) return {};
  if (state == health::suspect && children[*first].state != health::suspect) return {};
  if (!ask.sent_by) {
    if (first == ask.child) return {true, fastest, never};
    return {false, sooner, never};
  }
  const bool lost =
      *ask.sent_by >= children.size() || children[*ask.sent_by].state >= health::suspect;
  if (lost) return {true, doubtful, never};
  const auto limit = ask.due > never - late ? never : ask.due + late;
  if (now >= limit) return {true, overdue, never};
  return {false, in_time, limit};
}

instant race_due(const child_facts& child, std::uint64_t size, instant now) noexcept {
  const auto back = std::max(child.min_rtt > duration{0} ? child.min_rtt : child.srtt, duration{0});
  return now + completion_time(child, size) + std::min(back, duration(std::chrono::hours(24))) / 2;
}

}  // namespace rendr::policy
