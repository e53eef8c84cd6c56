// SPDX-License-Identifier: Apache-2.0
#include "policy/facts.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace rendr::policy {

namespace {

duration smaller_known(duration a, duration b) noexcept {
  if (a == duration{0}) return b;
  if (b == duration{0}) return a;
  return std::min(a, b);
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
  const auto top = std::numeric_limits<std::uint64_t>::max();
  return a > top - b ? top : a + b;
}

// Seconds that a child needs for what it holds; unknown rates drain last.
double drain_seconds(const child_facts& c) noexcept {
  if (c.queued == 0) return 0;
  if (c.rate == 0) return std::numeric_limits<double>::max();
  return static_cast<double>(c.queued) / static_cast<double>(c.rate);
}

void merge(node_kind kind, child_facts& into, const child_facts& c) noexcept {
  if (kind == node_kind::race && drain_seconds(c) < drain_seconds(into)) into.queued = c.queued;
  if (kind == node_kind::bond) into.queued = sum(into.queued, c.queued);
  into.rate = kind == node_kind::bond ? sum(into.rate, c.rate) : std::max(into.rate, c.rate);
  const bool quicker = c.measured && (!into.measured || c.srtt < into.srtt);
  if (quicker) {
    into.srtt = c.srtt;
    into.rttvar = c.rttvar;
  }
  into.min_rtt = smaller_known(into.min_rtt, c.min_rtt);
  into.measured = into.measured || c.measured;
  into.eligible = into.eligible || c.eligible;
}

}  // namespace

std::string_view to_string(health state) noexcept {
  switch (state) {
    case health::usable:
      return "usable";
    case health::late:
      return "late";
    case health::suspect:
      return "suspect";
    case health::dead:
      return "dead";
    case health::absent:
      return "absent";
  }
  return "unknown";
}

child_facts combine(node_kind kind, std::span<const child_facts> children,
                    std::optional<std::size_t> current) noexcept {
  auto best = health::absent;
  for (const auto& c : children) best = std::min(best, c.state);
  if (!alive(best)) {
    child_facts none;
    none.state = best;
    return none;
  }
  const auto carries = [&](const child_facts& c) {
    return alive(c.state) && (c.state != health::suspect || best == health::suspect);
  };
  if (kind == node_kind::selector || kind == node_kind::path) {
    const bool stays = current && *current < children.size() && carries(children[*current]);
    auto out = stays ? children[*current]
                     : *std::find_if(children.begin(), children.end(),
                                     [&](const child_facts& c) { return c.state == best; });
    out.weight = 1;
    return out;
  }
  std::optional<child_facts> out;
  for (const auto& c : children) {
    if (!carries(c)) continue;
    if (out) {
      merge(kind, *out, c);
    } else {
      out = c;
    }
  }
  out->state = best;
  out->weight = 1;
  return *out;
}

duration return_delay(duration judged_by, unsigned flaps) noexcept {
  constexpr duration longest = std::chrono::seconds(60);
  if (flaps == 0) return duration{0};
  if (judged_by >= longest / 4) return longest;
  auto delay = 4 * judged_by;
  for (unsigned i = 1; i < flaps && delay > duration{0} && delay < longest; ++i) delay *= 2;
  return std::min(delay, longest);
}

}  // namespace rendr::policy
