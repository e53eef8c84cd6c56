// SPDX-License-Identifier: Apache-2.0
#include "policy/selector.hpp"

#include <tuple>

namespace rendr::policy {

namespace {

using facts_span = std::span<const child_facts>;
using choice = std::optional<std::size_t>;

bool good(const child_facts& c) noexcept { return c.state <= health::late; }

// Smaller is better. A child on probation comes after every good one, and before a suspect one.
auto rank(const child_facts& c) noexcept {
  const bool probation = good(c) && !c.eligible;
  return std::tuple(c.state >= health::suspect, probation, c.state, !c.measured,
                    max_weight - c.weight);
}

// The best child with a carrier; ties go to the first in order.
choice best_of(facts_span children) noexcept {
  choice best;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (!alive(children[i].state)) continue;
    if (!best || rank(children[i]) < rank(children[*best])) best = i;
  }
  return best;
}

selector_decision outcome(const selector_state& before, choice child, choice override,
                          selector_reason reason) noexcept {
  return {child, reason, child != before.current, false, {child, override}};
}

choice inside(choice child, facts_span children) noexcept {
  return child && *child < children.size() ? child : choice{};
}

}  // namespace

std::string_view name(selector_reason reason) noexcept {
  switch (reason) {
    case selector_reason::first_choice:
      return "first_choice";
    case selector_reason::kept:
      return "kept";
    case selector_reason::kept_late:
      return "kept_late";
    case selector_reason::died:
      return "died";
    case selector_reason::suspected:
      return "suspected";
    case selector_reason::all_suspect:
      return "all_suspect";
    case selector_reason::none_alive:
      return "none_alive";
    case selector_reason::by_command:
      return "by_command";
    case selector_reason::override_returned:
      return "override_returned";
    case selector_reason::override_died:
      return "override_died";
    case selector_reason::override_suspected:
      return "override_suspected";
    case selector_reason::released:
      return "released";
    case selector_reason::refused_unknown:
      return "refused_unknown";
    case selector_reason::refused_dead:
      return "refused_dead";
    case selector_reason::refused_suspect:
      return "refused_suspect";
  }
  return "unknown";
}

std::string_view to_string(selector_reason reason) noexcept {
  switch (reason) {
    case selector_reason::first_choice:
      return "the best child with a carrier";
    case selector_reason::kept:
      return "the current child is good";
    case selector_reason::kept_late:
      return "the current child is late, which alone moves nothing";
    case selector_reason::died:
      return "the current child died";
    case selector_reason::suspected:
      return "the current child is suspect and another is better";
    case selector_reason::all_suspect:
      return "every child is suspect: stayed";
    case selector_reason::none_alive:
      return "no child has a carrier";
    case selector_reason::by_command:
      return "chosen by command";
    case selector_reason::override_returned:
      return "the child chosen by command is good again";
    case selector_reason::override_died:
      return "the child chosen by command died";
    case selector_reason::override_suspected:
      return "the child chosen by command is suspect and another is better";
    case selector_reason::released:
      return "the choice is automatic again";
    case selector_reason::refused_unknown:
      return "refused: no such child";
    case selector_reason::refused_dead:
      return "refused: that child has no carrier";
    case selector_reason::refused_suspect:
      return "refused: that child is suspect and another is better";
  }
  return "unknown";
}

selector_decision decide(const selector_state& state, std::span<const child_facts> children) {
  using enum selector_reason;
  const auto current = inside(state.current, children);
  const auto pinned = inside(state.override, children);
  const auto best = best_of(children);
  if (!best) return outcome(state, {}, pinned, none_alive);
  if (pinned && current != pinned) {
    const auto& wanted = children[*pinned];
    if (!current && good(wanted)) return outcome(state, pinned, pinned, by_command);
    if (wanted.state == health::usable && wanted.eligible) {
      return outcome(state, pinned, pinned, override_returned);
    }
  }
  if (!current) return outcome(state, best, pinned, first_choice);
  const bool overridden = current == pinned;
  switch (children[*current].state) {
    case health::usable:
      return outcome(state, current, pinned, kept);
    case health::late:
      return outcome(state, current, pinned, kept_late);
    case health::suspect:
      if (!good(children[*best])) return outcome(state, current, pinned, all_suspect);
      return outcome(state, best, pinned, overridden ? override_suspected : suspected);
    case health::dead:
    case health::absent:
      break;
  }
  return outcome(state, best, pinned, overridden ? override_died : died);
}

selector_decision select(const selector_state& state, std::optional<std::size_t> child,
                         std::span<const child_facts> children) {
  using enum selector_reason;
  const auto refuse = [&](selector_reason reason) {
    return selector_decision{state.current, reason, false, true, state};
  };
  if (!child) {
    auto decision = decide({state.current, std::nullopt}, children);
    if (decision.reason == kept || decision.reason == kept_late) decision.reason = released;
    return decision;
  }
  if (*child >= children.size()) return refuse(refused_unknown);
  const auto wanted = children[*child].state;
  if (!alive(wanted)) return refuse(refused_dead);
  const auto best = best_of(children);
  if (wanted == health::suspect && good(children[*best])) return refuse(refused_suspect);
  return outcome(state, child, child, by_command);
}

}  // namespace rendr::policy
