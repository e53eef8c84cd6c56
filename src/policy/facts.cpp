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

std::uint32_t capped(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

// Seconds that a child needs for what it holds; unknown rates drain last.
double drain_seconds(const child_facts& c) noexcept {
  if (c.queued == 0) return 0;
  if (c.rate == 0) return std::numeric_limits<double>::max();
  return static_cast<double>(c.queued) / static_cast<double>(c.rate);
}

// Whose latency and jitter a race or bond shows: known before unknown, then the quickest.
bool quicker_quality(const child_facts& a, const child_facts& b) noexcept {
  if (a.quality_known != b.quality_known) return a.quality_known;
  return a.quality_known && a.latency < b.latency;
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
  if (quicker_quality(c, into)) {
    into.latency = c.latency;
    into.jitter = c.jitter;
    into.quality_known = c.quality_known;
    into.fresh = c.fresh;
    into.quality_at = c.quality_at;
  }
  if (kind == node_kind::race) {
    into.loss_per_mille = std::min(into.loss_per_mille, c.loss_per_mille);
    into.flaps = std::min(into.flaps, c.flaps);
    into.cost = capped(sum(into.cost, c.cost));
  } else {
    into.flaps = std::max(into.flaps, c.flaps);
  }
}

// The mean of `field` over the children that carry, by their rates; plain while a rate is unknown.
template <class Carries, class Field>
std::uint32_t mean(std::span<const child_facts> children, Carries carries, Field field) noexcept {
  const bool rated = std::none_of(children.begin(), children.end(),
                                  [&](const child_facts& c) { return carries(c) && c.rate == 0; });
  double total = 0;
  double weights = 0;
  for (const auto& c : children) {
    if (!carries(c)) continue;
    const double share = rated ? static_cast<double>(c.rate) : 1.0;
    total += share * static_cast<double>(c.*field);
    weights += share;
  }
  const double value = total / weights;
  const auto floor = static_cast<std::uint32_t>(value);
  return value - floor < 0.5 ? floor : floor + 1;
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
  const auto able = [&](const child_facts& c) {
    return alive(c.state) && (c.state != health::suspect || best == health::suspect);
  };
  const bool all_rest = std::all_of(children.begin(), children.end(),
                                    [&](const child_facts& c) { return c.rested || !able(c); });
  const auto carries = [&](const child_facts& c) {
    return able(c) && (kind != node_kind::bond || !c.rested || all_rest);
  };
  if (kind == node_kind::selector || kind == node_kind::path) {
    const bool stays = current && *current < children.size() && carries(children[*current]);
    auto out = stays ? children[*current]
                     : *std::find_if(children.begin(), children.end(),
                                     [&](const child_facts& c) { return c.state == best; });
    out.weight = 1;
    out.rested = false;
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
  out->rested = false;
  if (kind == node_kind::bond) {
    out->loss_per_mille = mean(children, carries, &child_facts::loss_per_mille);
    out->cost = mean(children, carries, &child_facts::cost);
  }
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
