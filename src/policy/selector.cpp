// SPDX-License-Identifier: Apache-2.0
#include "policy/selector.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rendr::policy {

namespace {

using namespace std::chrono_literals;
using facts_span = std::span<const child_facts>;
using choice = std::optional<std::size_t>;

// One sample may be luck; three in a row, smoothed, seldom are.
constexpr std::uint32_t renewals_needed = 3;

bool good(const child_facts& c) noexcept { return c.state <= health::late; }

// Smaller is better. A child on probation comes after every good one, and before a suspect one.
auto rank(const child_facts& c) noexcept {
  const bool probation = good(c) && !c.eligible;
  return std::tuple(c.state >= health::suspect, probation, c.state, !c.measured);
}

bool better(const child_facts& a, const child_facts& b, duration cost_bound) noexcept {
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  if (a.quality_known && b.quality_known) return preferred(a, b, cost_bound).has_value();
  return std::tuple(a.cost, !a.quality_known, max_weight - a.weight) <
         std::tuple(b.cost, !b.quality_known, max_weight - b.weight);
}

// The best child with a carrier; ties go to the first in order.
choice best_of(facts_span children, duration cost_bound) noexcept {
  choice best;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (!alive(children[i].state)) continue;
    if (!best || better(children[i], children[*best], cost_bound)) best = i;
  }
  return best;
}

choice inside(choice child, facts_span children) noexcept {
  return child && *child < children.size() ? child : choice{};
}

selector_decision outcome(const selector_state& before, choice child, choice override,
                          selector_reason reason, facts_span children) {
  selector_decision out;
  out.child = child;
  out.reason = reason;
  out.changed = child != before.current;
  out.next.current = child;
  out.next.override = override;
  out.next.cooldown_until = before.cooldown_until;
  if (out.changed) {
    if (const auto from = inside(before.current, children)) out.evidence.from = children[*from];
    if (child) out.evidence.to = children[*child];
  }
  return out;
}

// ---- quality ----

bool comparable(const child_facts& c) noexcept { return c.quality_known && c.fresh; }

bool may_win(const child_facts& c) noexcept {
  return c.state == health::usable && c.eligible && comparable(c);
}

struct rivalry {
  choice child;
  merit by{};
};

// The best of those that are better than the current child. The rival of before stays it unless
// another is better than itself, so that two equal ones do not restart each other's dwell.
rivalry rival_of(const selector_state& state, facts_span children, std::size_t current,
                 duration cost_bound) noexcept {
  rivalry out;
  if (!comparable(children[current])) return out;
  const auto consider = [&](std::size_t i) {
    if (i == current || !may_win(children[i])) return;
    const auto by = preferred(children[i], children[current], cost_bound);
    if (!by) return;
    if (out.child && !preferred(children[i], children[*out.child], cost_bound)) return;
    out = {i, *by};
  };
  if (const auto before = inside(state.rival, children)) consider(*before);
  for (std::size_t i = 0; i < children.size(); ++i) consider(i);
  return out;
}

// Lateness alone ends no rivalry, as it ends no choice: the rival wins nothing while it is late,
// and goes on when that was nothing.
bool only_late(const selector_state& state, facts_span children, std::size_t current,
               duration cost_bound) noexcept {
  const auto before = inside(state.rival, children);
  if (!before || *before == current || !comparable(children[current])) return false;
  auto rival = children[*before];
  if (std::exchange(rival.state, health::usable) != health::late || !may_win(rival)) return false;
  return preferred(rival, children[current], cost_bound).has_value();
}

selector_reason reason_of(merit by) noexcept {
  switch (by) {
    case merit::loss:
      return selector_reason::less_loss;
    case merit::stability:
      return selector_reason::steadier;
    case merit::cost:
      return selector_reason::cheaper;
    case merit::bound:
      return selector_reason::worth_its_cost;
    case merit::latency:
      return selector_reason::quicker;
    case merit::jitter:
      return selector_reason::less_jitter;
    case merit::weight:
      return selector_reason::heavier;
  }
  return selector_reason::quicker;
}

duration evidence_age(const selector_options& options) noexcept {
  return std::clamp<duration>(options.dwell / 6, 50ms, 500ms);
}

// `by` is not negative.
instant later(instant at, duration by) noexcept { return at > never - by ? never : at + by; }

// The last move for quality is so recent that a further one need not be weighed yet.
bool resting(const selector_state& state, instant now, const selector_options& options) noexcept {
  return state.cooldown_until > now && state.cooldown_until - options.dwell > now;
}

// The current child is in good health: is there a better one, and is it time?
selector_decision by_quality(const selector_state& state, facts_span children, std::size_t current,
                             choice pinned, instant now, const selector_options& options) {
  using enum selector_reason;
  const bool late = children[current].state == health::late;
  auto out = outcome(state, current, pinned, late ? kept_late : kept, children);
  if (pinned == current || options.dwell == duration::max()) return out;
  const auto found = rival_of(state, children, current, options.cost_bound);
  if (!found.child) {
    if (only_late(state, children, current, options.cost_bound)) {
      out.next.rival = state.rival;
      out.next.rival_since = state.rival_since;
      out.next.rival_seen = state.rival_seen;
      out.next.rival_renewals = state.rival_renewals;
      out.reason = kept_dwell;
    }
    return out;
  }

  const auto& rival = children[*found.child];
  auto& next = out.next;
  next.rival = found.child;
  if (state.rival == found.child) {
    next.rival_since = state.rival_since;
    next.rival_seen = std::max(state.rival_seen, rival.quality_at);
    next.rival_renewals = state.rival_renewals + (rival.quality_at > state.rival_seen ? 1 : 0);
  } else {
    next.rival_since = now;
    next.rival_seen = rival.quality_at;
  }
  const auto due = later(next.rival_since, options.dwell);
  const bool renewed =
      next.rival_renewals >= renewals_needed && children[current].quality_at > next.rival_since;
  if (now < due) {
    out.reason = kept_dwell;
    out.again = due;
  } else if (now < state.cooldown_until) {
    out.reason = kept_cooldown;
    // The evidence is renewed for the last `dwell` alone.
    out.again =
        resting(state, now, options) ? state.cooldown_until - options.dwell : state.cooldown_until;
  } else if (!renewed) {
    out.reason = kept_unproven;
    out.again = now + evidence_age(options);
  } else {
    const auto since = next.rival_since;
    out = outcome(state, found.child, pinned, reason_of(found.by), children);
    out.evidence.held = now - since;
    out.next.cooldown_until = later(now, options.cooldown);
  }
  return out;
}

// From when on a PING on `child` would help; nullopt: it would not.
std::optional<instant> evidence_due(const selector_state& state, facts_span children,
                                    std::size_t child, instant now,
                                    const selector_options& options) noexcept {
  if (child >= children.size() || options.dwell == duration::max()) return std::nullopt;
  if (!state.current || state.current == state.override) return std::nullopt;
  const auto& c = children[child];
  if (c.state != health::usable) return std::nullopt;
  const bool weighed = state.rival && (state.rival == child || state.current == child) &&
                       !resting(state, now, options);
  const bool unknown = !c.quality_known && c.eligible && state.current != child;
  if (!weighed && !unknown) return std::nullopt;
  return c.quality_at == instant{} ? now : later(c.quality_at, evidence_age(options));
}

}  // namespace

bool wants_evidence(const selector_state& state, facts_span children, std::size_t child,
                    instant now, const selector_options& options) {
  const auto due = evidence_due(state, children, child, now, options);
  return due && *due <= now;
}

selector_decision decide(const selector_state& state, facts_span children, instant now,
                         const selector_options& options) {
  using enum selector_reason;
  const auto current = inside(state.current, children);
  const auto pinned = inside(state.override, children);
  const auto best = best_of(children, options.cost_bound);
  const auto moved = [&](choice child, selector_reason reason) {
    return outcome(state, child, pinned, reason, children);
  };
  if (!best) return moved({}, none_alive);
  if (pinned && current != pinned) {
    const auto& wanted = children[*pinned];
    if (!current && good(wanted)) return moved(pinned, by_command);
    if (wanted.state == health::usable && wanted.eligible) return moved(pinned, override_returned);
  }
  if (!current) return moved(best, first_choice);
  const bool overridden = current == pinned;
  switch (children[*current].state) {
    case health::usable:
    case health::late: {
      auto out = by_quality(state, children, *current, pinned, now, options);
      for (std::size_t i = 0; i < children.size(); ++i) {
        const auto due = evidence_due(out.next, children, i, now, options);
        if (due) out.again = std::min(out.again, *due > now ? *due : now + evidence_age(options));
      }
      return out;
    }
    case health::suspect:
      if (!good(children[*best])) return moved(current, all_suspect);
      return moved(best, overridden ? override_suspected : suspected);
    case health::dead:
    case health::absent:
      break;
  }
  return moved(best, overridden ? override_died : died);
}

selector_decision select(const selector_state& state, choice child, facts_span children,
                         instant now, const selector_options& options) {
  using enum selector_reason;
  const auto refuse = [&](selector_reason reason) {
    selector_decision out;
    out.child = state.current;
    out.reason = reason;
    out.refused = true;
    out.next = state;
    return out;
  };
  if (!child) {
    auto free = state;
    free.override.reset();
    auto decision = decide(free, children, now, options);
    if (!decision.changed && decision.child && good(children[*decision.child])) {
      decision.reason = released;
    }
    return decision;
  }
  if (*child >= children.size()) return refuse(refused_unknown);
  const auto wanted = children[*child].state;
  if (!alive(wanted)) return refuse(refused_dead);
  const auto best = best_of(children, options.cost_bound);
  if (wanted == health::suspect && good(children[*best])) return refuse(refused_suspect);
  return outcome(state, child, child, by_command, children);
}

}  // namespace rendr::policy
