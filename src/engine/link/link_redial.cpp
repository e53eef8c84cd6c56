// SPDX-License-Identifier: Apache-2.0
// When a leaf without a path is dialled: at once, then as the time goes by ever more seldom, and at
// once again when the network changes or an application waits.
#include <algorithm>

#include "engine/link/link.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t tries_at_once = 2;

}  // namespace

void link::dial_failed(instant now, std::uint64_t attempt, std::error_code code,
                       std::string_view detail) {
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    auto& s = slots_[leaf];
    const auto it = std::find_if(s.attempts.begin(), s.attempts.end(),
                                 [&](const auto& a) { return a.number == attempt; });
    if (it == s.attempts.end()) continue;
    // Abandoned, by this end or by the driver: it may need more time.
    const bool late = code == errc::timed_out || code == std::errc::timed_out;
    s.abandoned += it->patient && late ? 1U : 0U;
    s.attempts.erase(it);
    last_dial_error_ =
        s.config.name + ": " + (detail.empty() ? code.message() : std::string(detail));
    if (code.category() == error_category()) last_dial_code_ = static_cast<errc>(code.value());
    schedule_dial(now, leaf, false);
    call_cold(now, leaf);
    dial_ended(now, leaf, code, detail.empty() ? code.message() : std::string(detail));
  }
}

bool link::needs_dial(const leaf_slot& s) const noexcept {
  if (side_ != role::dialer || down() || s.removed) return false;
  if (s.config.cold && (any_alive() || (!up() && !cold_called_))) return false;
  if (s.current != nullptr && s.current->phase != path_phase::suspect) return false;
  // A suspect path is dialled beside only while nothing else lives: else it soon dies or clears.
  return s.current == nullptr || !any_alive();
}

// What made a path suspect may have lasted: a fresh one beside it shows, by whatever route is there
// now.
bool link::beside_suspect(const leaf_slot& s) const noexcept {
  return side_ == role::dialer && !down() && !s.removed && s.current != nullptr &&
         s.current->phase == path_phase::suspect;
}

// Since when a leaf is asked for in vain: since its path went, the link went dark or the network
// changed, whichever was last.
instant link::asked_since(const leaf_slot& s) const noexcept {
  auto since = network_at_;
  if (s.away_since != never) since = std::max(since, s.away_since);
  if (dark_since() != never) since = std::max(since, dark_since());
  if (beside_suspect(s)) since = std::max(since, s.current->suspected_at);
  return since;
}

bool link::quick(instant now, const leaf_slot& s) const noexcept {
  if (now < wanted_until_) return true;
  const auto since = asked_since(s);
  return since != instant::min() && now - since <= defaults::redial_quick;
}

duration link::beside_after(duration rtt) noexcept {
  return std::max<duration>(defaults::dial_beside, 4 * rtt);
}

void link::schedule_dial(instant now, spec_id leaf, bool at_once) {
  auto& s = slots_[leaf];
  if (!needs_dial(s)) {
    s.next_dial = never;
    return;
  }
  const bool hurry = quick(now, s);
  duration wait{0};
  if (!at_once) {
    const duration longest = hurry ? defaults::redial_max : defaults::redial_slow;
    s.backoff = s.backoff == duration(0) ? duration(defaults::redial_first)
                                         : std::min<duration>(2 * s.backoff, longest);
  }
  if (up() && !any_alive() && hurry) {
    wait = at_once ? duration(0) : duration(defaults::dark_redial);
  } else if (!at_once) {
    const auto spread = s.backoff.count() / 5;
    wait = s.backoff + duration(s_.jitter.between(-spread, 0));
  }
  s.next_dial = std::min(s.next_dial, now + wait);
}

// Whether one more try of the leaf may begin. The oldest keeps its time; of the others the newest
// gives way once it was without an answer for long enough. False: `next_dial` says when to ask
// again.
bool link::make_room(instant now, spec_id leaf) {
  auto& s = slots_[leaf];
  const auto [connected, newest] = paths_.unfinished(leaf);
  const auto tries = s.attempts.size() + connected;
  if (tries == 0) return true;
  const bool hurry = quick(now, s);
  auto due = newest != nullptr ? newest->beside_at : instant::min();
  for (const auto& a : s.attempts) {
    const auto single =
        up() && !any_alive() && hurry ? duration(defaults::dark_redial) : beside_after(s.last_rtt);
    due = std::max(due, tries == 1 ? a.since + single : a.patient ? instant::min() : a.until);
  }
  const bool full_up = tries >= tries_at_once;
  // Who is away for long is not asked each second: the tries that are under way go on.
  s.next_dial = full_up && !hurry ? never : due;
  if (due > now || (full_up && !hurry)) return false;
  if (!full_up) return true;
  if (newest == nullptr) {
    s.next_dial = now + defaults::dark_redial;
    return false;
  }
  drop_path(now, *newest, cause::replaced, "no answer: dialled anew", true);
  return true;
}

duration link::dial_time(const leaf_slot& s, bool patient) const noexcept {
  const bool dark = up() && !any_alive();
  const auto known = [&](duration least) { return std::max<duration>(least, 3 * s.last_rtt); };
  if (!patient) return known(dark ? defaults::dark_redial : defaults::dial_beside);
  if (dark) {
    const auto longer = known(defaults::dark_redial) * (1 << std::min(s.abandoned, 10u));
    return std::min<duration>(longer, std::max<duration>(defaults::dial_timeout, 3 * s.last_rtt));
  }
  return s.known ? known(defaults::redial_max) : duration(defaults::dial_timeout);
}

void link::dial(instant now, spec_id leaf) {
  if (!make_room(now, leaf) || down()) return;
  auto& s = slots_[leaf];
  const bool hurry = quick(now, s);
  const bool dark = up() && !any_alive();
  const bool patient = s.attempts.empty() && paths_.unfinished(leaf).count == 0;
  const auto timeout = hurry || !patient ? dial_time(s, patient) : duration(defaults::dial_timeout);
  const auto number = next_attempt_++;
  s.attempts.push_back({number, now, now + timeout, patient});
  ++s.totals.dials;
  if (s.current == nullptr) s.shown = path_phase::dialing;
  const auto since = std::max(asked_since(s), wanted_since_);
  const auto away = since == instant::min() ? duration(0) : now - since;
  if (s.current == nullptr && s.missing.since == never) s.missing.since = now;
  s_.events.order(event::dial{ref_, leaf, number, timeout, away});
  s_.events.observe(event::dial_began{ref_, leaf, s.config.name});
  s.next_dial = never;
  if (dark && hurry) {
    s.next_dial = now + defaults::dark_redial;
  } else if (!up() && hurry) {
    s.next_dial = now + beside_after(s.last_rtt);
  }
}

void link::dial_due(instant now) {
  tell_all_missing(now);
  if (!up() && now >= cold_at_) {
    cold_at_ = never;
    cold_called_ = true;
    for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
      if (slots_[leaf].config.cold) schedule_dial(now, leaf, true);
    }
  }
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    auto& s = slots_[leaf];
    std::vector<std::uint64_t> over;
    for (const auto& a : s.attempts) {
      if (a.until <= now) over.push_back(a.number);
    }
    for (const auto number : over) {
      s_.events.order(event::cancel_dial{ref_, number});
      dial_failed(now, number, make_error_code(errc::timed_out), "no answer in time");
    }
    if (s.next_dial > now) continue;
    s.next_dial = never;
    if (needs_dial(s)) dial(now, leaf);
  }
}

void link::network_changed(instant now) {
  network_at_ = now;
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    auto& s = slots_[leaf];
    s.backoff = duration(0);
    schedule_dial(now, leaf, true);
    if (beside_suspect(s) && !needs_dial(s)) dial(now, leaf);
  }
  ask_for_life();
}

// An application asks for what no path can carry: what was given up for the time being is dialled
// at once.
void link::wanted(instant now) {
  const bool waits = side_ == role::dialer && (!up() || dark_since() != never);
  if (!waits || down() || now < wanted_until_ || any_alive()) return;
  const bool asleep = std::any_of(slots_.begin(), slots_.end(), [&](const auto& s) {
    return !s.removed && !quick(now, s) && needs_dial(s);
  });
  if (!asleep) return;
  wanted_since_ = now;
  wanted_until_ = now + defaults::redial_wanted;
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    slots_[leaf].backoff = duration(0);
    schedule_dial(now, leaf, true);
  }
}

// Before the link is up: when every leaf that is not cold has failed, the cold ones are dialled.
void link::call_cold(instant now, spec_id failed) {
  slots_[failed].failed = true;
  if (up() || down() || cold_called_) return;
  for (const auto& s : slots_) {
    if (!s.config.cold && !s.removed && !s.failed) return;
  }
  cold_called_ = true;
  cold_at_ = never;
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    if (slots_[leaf].config.cold) schedule_dial(now, leaf, true);
  }
}

// A cold path rests again when the others were good for a while.
void link::look_at_cold(instant now, bool may_rest) {
  if (side_ != role::dialer || down()) return;
  path* awake = nullptr;
  bool good = false;
  for (const auto& s : slots_) {
    if (s.current == nullptr || !s.current->ready() || !s.current->carries()) continue;
    if (s.config.cold)
      awake = s.current;
    else
      good = true;
  }
  if (awake == nullptr || !good) {
    others_good_since_ = never;
    return;
  }
  if (others_good_since_ == never) others_good_since_ = now;
  if (!may_rest || now - others_good_since_ < defaults::cold_rest) return;
  leave(now, *awake, "the others are good: a cold path rests");
}

}  // namespace rendr::engine
