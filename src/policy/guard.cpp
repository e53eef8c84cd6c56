// SPDX-License-Identifier: Apache-2.0
#include "policy/guard.hpp"

#include <algorithm>
#include <array>

#include "policy/bond.hpp"
#include "policy/evidence.hpp"

namespace rendr::policy {

namespace {

struct words {
  std::string_view name;
  std::string_view sentence;
};

// In the order of guard_reason.
constexpr std::array reasons{
    words{"nothing", "no window ended"},
    words{"good", "the bond carries what its best child would"},
    words{"failed", "the bond carries less than its best child would"},
    words{"rested", "two windows below the best child: the child that was waited for rests"},
    words{"rested_again", "the returned child made a window fail: it rests again"},
    words{"harmful", "the rest helped: the child stays rested"},
    words{"spared", "the rest did not help: the child takes part again"},
    words{"probe", "the rested child takes part for a moment"},
    words{"probe_over", "the rested child rests again until it is judged"},
    words{"returned", "the probe was good: the child takes part again"},
    words{"probe_failed", "the probe was bad: the next one comes later"},
    words{"probe_void", "the probe said nothing"},
    words{"needed", "no other child is left: the rested ones take part"}};

constexpr std::array phases{"watching", "doubting", "settling", "verifying", "probing", "judging"};

constexpr std::uint64_t probe_size = 16 * 1024;

bool at_least(std::uint64_t rate, std::uint64_t other, std::uint32_t percent) noexcept {
  return static_cast<double>(rate) * 100 >= static_cast<double>(other) * percent;
}

duration doubled(duration last, duration first, duration most) noexcept {
  return last == duration{0} ? first : std::min(2 * last, most);
}

// One call: the state on its way from before to after.
class step {
 public:
  step(const guard_state& before, const guard_sample& sample, instant now,
       const guard_options& options)
      : sample_(sample), now_(now), options_(options), window_(options.window) {
    out_.next = before;
    if (s().children.size() != sample.children.size()) {
      s() = {};
      s().children.resize(sample.children.size());
    }
    s().limited = s().limited || sample.limited;
    for (const auto& child : sample.children) {
      window_ = std::max(window_, options.round_trips * child.facts.min_rtt);
    }
  }

  guard_decision run() {
    if (release_when_needed()) return finish();
    if (!s().open || now_ - s().begun >= 2 * window_) {
      if (probe_under_way()) end_probe(guard_reason::probe_void);
      if (s().phase == guard_phase::doubting) s().phase = guard_phase::watching;
      begin_window();
    } else {
      if (s().phase == guard_phase::probing && now_ >= s().probe_until) {
        rest(*s().subject, true);
        enter(guard_phase::judging, guard_reason::probe_over);
      }
      if (now_ - s().begun >= window_) end_window();
    }
    if (s().phase == guard_phase::watching && !out_.changed) begin_probe();
    return finish();
  }

 private:
  guard_state& s() noexcept { return out_.next; }

  bool takes_part(std::size_t i) noexcept {
    return sample_.children[i].facts.state <= health::late && !s().children[i].rested;
  }
  bool probe_under_way() noexcept {
    return s().phase == guard_phase::probing || s().phase == guard_phase::judging;
  }

  void rest(std::size_t i, bool rested) noexcept {
    out_.changed = out_.changed || s().children[i].rested != rested;
    s().children[i].rested = rested;
  }

  void enter(guard_phase phase, guard_reason reason) noexcept {
    s().phase = phase;
    out_.reason = reason;
    if (reason != guard_reason::good && reason != guard_reason::failed) out_.child = s().subject;
  }

  guard_decision finish() {
    auto at = s().begun + window_;
    if (s().phase == guard_phase::probing) at = std::min(at, s().probe_until);
    out_.again = at;
    return std::move(out_);
  }

  bool release_when_needed() {
    bool any_rested = false;
    for (std::size_t i = 0; i < s().children.size(); ++i) {
      if (takes_part(i)) return false;
      any_rested = any_rested || s().children[i].rested;
    }
    if (!any_rested) return false;
    for (std::size_t i = 0; i < s().children.size(); ++i) rest(i, false);
    s().subject.reset();
    enter(guard_phase::watching, guard_reason::needed);
    begin_window();
    return true;
  }

  void begin_window() {
    s().open = true;
    s().begun = now_;
    s().limited = false;
    s().in_order_then = sample_.in_order;
    for (std::size_t i = 0; i < s().children.size(); ++i) {
      s().children[i].blocked_then = sample_.children[i].blocked;
    }
  }

  duration blocked(std::size_t i) noexcept {
    return sample_.children[i].blocked - s().children[i].blocked_then;
  }

  // The child that would carry most alone; nullopt: no rate is known.
  std::optional<std::size_t> best_child() noexcept {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < s().children.size(); ++i) {
      const auto& c = sample_.children[i].facts;
      if (c.state > health::late || c.rate == 0) continue;
      if (!best || c.rate > sample_.children[*best].facts.rate) best = i;
    }
    return best;
  }

  // The one that the receiver waited for longest in both failing windows; where it waited for
  // none, the one that delivers a record last. Never the best one, never one that is spared.
  std::optional<std::size_t> harmful_child(std::size_t best) noexcept {
    std::optional<std::size_t> worst;
    const auto harm = [&](std::size_t i) {
      return std::pair(blocked(i) + s().children[i].blocked_before,
                       completion_time(sample_.children[i].facts, probe_size));
    };
    for (std::size_t i = 0; i < s().children.size(); ++i) {
      if (i == best || !takes_part(i) || now_ < s().children[i].spared_until) continue;
      if (!worst || harm(i) > harm(*worst)) worst = i;
    }
    return worst;
  }

  void end_window() {
    const auto time = std::chrono::duration<double>(now_ - s().begun).count();
    const auto bytes = static_cast<double>(sample_.in_order - s().in_order_then);
    const auto goodput = static_cast<std::uint64_t>(bytes / time);
    if (s().limited) {
      void_window();
    } else {
      judge(goodput);
      s().goodput = goodput;
    }
    begin_window();
  }

  // What was carried says nothing: nobody is judged, nobody is acquitted.
  void void_window() {
    if (probe_under_way()) end_probe(guard_reason::probe_void);
  }

  void judge(std::uint64_t goodput) {
    const auto best = best_child();
    const auto floor = best ? sample_.children[*best].facts.rate : 0;
    out_.evidence = rate_text(goodput) + " in order, ";
    switch (s().phase) {
      case guard_phase::watching:
      case guard_phase::doubting:
        out_.evidence += "the best child alone " + rate_text(floor);
        return judge_bond(goodput, floor, best);
      case guard_phase::settling:
        out_.evidence += "before the rest " + rate_text(s().reference);
        return enter(guard_phase::verifying, guard_reason::good);
      case guard_phase::verifying:
        out_.evidence += "before the rest " + rate_text(s().reference);
        return verify(goodput);
      case guard_phase::probing:
      case guard_phase::judging:
        out_.evidence += "without the child " + rate_text(s().reference);
        return end_probe(probe_was_good(goodput) ? guard_reason::returned
                                                 : guard_reason::probe_failed);
    }
  }

  // A probe is a small part of its window, so that a look at the sum alone would miss most harm.
  bool probe_was_good(std::uint64_t goodput) noexcept {
    return at_least(goodput, s().reference, options_.floor_percent) &&
           blocked(*s().subject) < options_.probe / 2;
  }

  void judge_bond(std::uint64_t goodput, std::uint64_t floor, std::optional<std::size_t> best) {
    if (best && s().children[*best].rested) {
      rest(*best, false);
      s().subject = best;
      return enter(guard_phase::watching, guard_reason::returned);
    }
    // While even the best child still grows, the transfer has not shown what its bond carries.
    const bool grows =
        s().best_rate > 0 && at_least(floor, s().best_rate, 100 + options_.growth_percent);
    s().best_rate = floor;
    const bool bad = best && !grows && !at_least(goodput, floor, options_.floor_percent);
    if (!bad) forgive();
    const auto suspect = bad ? returned_child(*best) : std::nullopt;
    if (suspect) {
      const auto last = s().children[*suspect].pause;
      put_to_rest(*suspect, doubled(last, options_.pause, options_.pause_at_most));
      s().subject = suspect;
      enter(guard_phase::watching, guard_reason::rested_again);
    } else if (!bad || !harmful_child(*best)) {
      enter(guard_phase::watching, bad ? guard_reason::failed : guard_reason::good);
    } else if (s().phase == guard_phase::watching) {
      for (std::size_t i = 0; i < s().children.size(); ++i) {
        s().children[i].blocked_before = blocked(i);
      }
      enter(guard_phase::doubting, guard_reason::failed);
    } else {
      s().subject = harmful_child(*best);
      s().reference = (goodput + s().goodput) / 2;
      auto& child = s().children[*s().subject];
      put_to_rest(*s().subject, child.pause == duration{0} ? options_.pause : child.pause);
      enter(guard_phase::settling, guard_reason::rested);
    }
  }

  // Who returned and behaved for all of its probation begins anew.
  void forgive() noexcept {
    for (auto& child : s().children) {
      if (!child.rested && now_ >= child.probation_until) child.pause = duration{0};
    }
  }

  // A child that returned from its rest a moment ago and takes part.
  std::optional<std::size_t> returned_child(std::size_t best) noexcept {
    for (std::size_t i = 0; i < s().children.size(); ++i) {
      if (i != best && takes_part(i) && now_ < s().children[i].probation_until) return i;
    }
    return std::nullopt;
  }

  void put_to_rest(std::size_t i, duration pause) noexcept {
    rest(i, true);
    s().children[i].pause = pause;
    s().children[i].probe_at = now_ + pause;
  }

  void verify(std::uint64_t goodput) {
    auto& child = s().children[*s().subject];
    if (at_least(goodput, s().reference, 100 + options_.gain_percent)) {
      return enter(guard_phase::watching, guard_reason::harmful);
    }
    rest(*s().subject, false);
    child.pause = duration{0};
    child.spared_for = doubled(child.spared_for, options_.spared, options_.spared_at_most);
    child.spared_until = now_ + child.spared_for;
    enter(guard_phase::watching, guard_reason::spared);
  }

  void begin_probe() {
    // The window that ended now is what the probe is held against, so that it must count.
    if (out_.reason != guard_reason::good && out_.reason != guard_reason::failed) return;
    for (std::size_t i = 0; i < s().children.size(); ++i) {
      const auto& child = s().children[i];
      const bool alive_now = sample_.children[i].facts.state <= health::late;
      if (!child.rested || !alive_now || now_ < child.probe_at) continue;
      s().subject = i;
      s().reference = s().goodput;
      s().probe_until = now_ + options_.probe;
      rest(i, false);
      enter(guard_phase::probing, guard_reason::probe);
      return;
    }
  }

  void end_probe(guard_reason reason) {
    const auto i = *s().subject;
    auto& child = s().children[i];
    rest(i, reason != guard_reason::returned);
    if (reason == guard_reason::returned) {
      child.probation_until = now_ + options_.probation;
    } else if (reason == guard_reason::probe_failed) {
      child.pause = doubled(child.pause, options_.pause, options_.pause_at_most);
    }
    child.probe_at = now_ + child.pause;
    enter(guard_phase::watching, reason);
  }

  const guard_sample& sample_;
  instant now_;
  const guard_options& options_;
  duration window_;
  guard_decision out_;
};

}  // namespace

std::string_view to_string(guard_phase phase) noexcept {
  const auto at = static_cast<std::size_t>(phase);
  return at < phases.size() ? phases[at] : "unknown";
}

std::string_view name(guard_reason reason) noexcept {
  const auto at = static_cast<std::size_t>(reason);
  return at < reasons.size() ? reasons[at].name : "unknown";
}

std::string_view to_string(guard_reason reason) noexcept {
  const auto at = static_cast<std::size_t>(reason);
  return at < reasons.size() ? reasons[at].sentence : "unknown";
}

guard_decision decide(const guard_state& state, const guard_sample& sample, instant now,
                      const guard_options& options) {
  return step(state, sample, now, options).run();
}

}  // namespace rendr::policy
