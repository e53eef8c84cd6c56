// SPDX-License-Identifier: Apache-2.0
#include "policy/peak.hpp"

#include <algorithm>
#include <array>

#include "policy/evidence.hpp"

namespace rendr::policy {

namespace {

struct words {
  std::string_view name;
  std::string_view sentence;
};

// In the order of peak_reason.
constexpr std::array reasons{words{"kept", "nothing changes"},
                             words{"saturated", "the flow saturates its path"},
                             words{"gained", "the bulk child carries more"},
                             words{"no_gain", "the bulk child carries no more"},
                             words{"gain_lost", "the bulk child carries less than before"},
                             words{"demand_fell", "the demand fell"},
                             words{"bulk_lost", "the bulk child is not usable"}};

constexpr std::array phases{"normal", "rising", "verifying", "bulk", "falling", "suppressed"};

bool at_least(std::uint64_t rate, std::uint64_t other, std::uint32_t percent) noexcept {
  return static_cast<double>(rate) * 100 >= static_cast<double>(other) * percent;
}

struct question {
  const peak_state& state;
  const peak_facts& facts;
  instant now;
  const peak_options& options;

  peak_decision stay(instant again = never) const {
    peak_decision out;
    out.next = state;
    out.again = again;
    return out;
  }

  peak_decision enter(peak_phase phase, instant again = never,
                      peak_reason reason = peak_reason::kept) const {
    peak_decision out;
    out.next = state;
    out.next.phase = phase;
    out.next.since = now;
    out.reason = reason;
    out.changed = out.next.on_bulk() != state.on_bulk();
    out.again = again;
    if (reason != peak_reason::kept) {
      out.evidence = rate_text(facts.goodput);
      if (state.on_bulk()) out.evidence += ", before " + rate_text(state.carried);
    }
    return out;
  }

  peak_decision back(peak_reason reason) const {
    auto out = enter(peak_phase::suppressed, never, reason);
    const auto shift = std::min(state.fruitless, 16u);
    const auto pause = std::min<duration>(options.suppressed_for * (std::int64_t{1} << shift),
                                          options.suppressed_at_most);
    out.next.suppressed_until = now + pause;
    out.next.fruitless = state.fruitless + 1;
    out.again = out.next.suppressed_until;
    return out;
  }

  peak_decision rising() const {
    if (!facts.saturated || !facts.bulk_ready) return enter(peak_phase::normal);
    const auto due = state.since + options.saturated_for;
    if (now < due) return stay(due);
    auto out = enter(peak_phase::verifying, now + options.window, peak_reason::saturated);
    out.next.carried = facts.goodput;
    return out;
  }

  peak_decision verifying() const {
    if (!facts.bulk_ready) return back(peak_reason::bulk_lost);
    const auto first_look = state.since + options.window;
    const auto due = state.since + options.verify_for;
    if (now < first_look) return stay(first_look);
    const auto needed = facts.saturated ? 100 + options.gain_percent : 100;
    if (at_least(facts.goodput, state.carried, needed)) {
      auto out = enter(peak_phase::bulk, never, peak_reason::gained);
      out.next.fruitless = 0;
      return out;
    }
    if (now < due) return stay(due);
    // Less was offered than before: that is no failure of the bulk child.
    if (!facts.saturated) return enter(peak_phase::falling, now + options.return_after);
    return back(peak_reason::no_gain);
  }

  bool worthless() const {
    return facts.saturated ? !at_least(facts.goodput, state.carried, 100)
                           : !at_least(facts.goodput, state.carried, options.return_percent);
  }

  peak_decision bulk() const {
    if (!facts.bulk_ready) return back(peak_reason::bulk_lost);
    return worthless() ? enter(peak_phase::falling, now + options.return_after) : stay();
  }

  peak_decision falling() const {
    if (!facts.bulk_ready) return back(peak_reason::bulk_lost);
    if (!worthless()) return enter(peak_phase::bulk);
    const auto due = state.since + options.return_after;
    if (now < due) return stay(due);
    if (facts.saturated) return back(peak_reason::gain_lost);
    return enter(peak_phase::normal, never, peak_reason::demand_fell);
  }

  peak_decision normal() const {
    if (!facts.saturated || !facts.bulk_ready) return stay();
    return enter(peak_phase::rising, now + options.saturated_for);
  }
};

}  // namespace

std::string_view to_string(peak_phase phase) noexcept {
  const auto at = static_cast<std::size_t>(phase);
  return at < phases.size() ? phases[at] : "unknown";
}

std::string_view name(peak_reason reason) noexcept {
  const auto at = static_cast<std::size_t>(reason);
  return at < reasons.size() ? reasons[at].name : "unknown";
}

std::string_view to_string(peak_reason reason) noexcept {
  const auto at = static_cast<std::size_t>(reason);
  return at < reasons.size() ? reasons[at].sentence : "unknown";
}

peak_decision decide(const peak_state& state, const peak_facts& facts, instant now,
                     const peak_options& options) {
  const question q{state, facts, now, options};
  switch (state.phase) {
    case peak_phase::normal:
      break;
    case peak_phase::rising:
      return q.rising();
    case peak_phase::verifying:
      return q.verifying();
    case peak_phase::bulk:
      return q.bulk();
    case peak_phase::falling:
      return q.falling();
    case peak_phase::suppressed:
      return now < state.suppressed_until ? q.stay(state.suppressed_until)
                                          : q.enter(peak_phase::normal, now);
  }
  return q.normal();
}

}  // namespace rendr::policy
