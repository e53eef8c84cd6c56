// SPDX-License-Identifier: Apache-2.0
#include "engine/path/redial.hpp"

#include <algorithm>
#include <utility>

namespace rendr::engine {

namespace {

constexpr std::size_t tries_at_once = 2;

duration beside_after(duration rtt) noexcept {
  return std::max<duration>(defaults::dial_beside, 4 * rtt);
}

// What made a path suspect may have lasted: a fresh one beside it shows, by whatever route is there
// now.
bool beside_suspect(const dial_facts::leaf& leaf, const dial_facts& facts) noexcept {
  return facts.dials && !leaf.removed && leaf.present && leaf.suspected_at != never;
}

}  // namespace

redial::record& redial::at(spec_id leaf) {
  auto& leaves = change();
  if (leaf >= leaves.size()) leaves.resize(leaf + 1);
  return leaves[leaf];
}

bool redial::needs_dial(spec_id leaf, const dial_facts& facts) const noexcept {
  const auto& one = facts.leaves[leaf];
  if (!facts.dials || one.removed) return false;
  if (one.cold && (facts.alive || (!facts.up && !cold_called_))) return false;
  if (one.present && one.suspected_at == never) return false;
  // A suspect path is dialled beside only while nothing else lives: else it soon dies or clears.
  return !one.present || !facts.alive;
}

bool redial::welcome(spec_id leaf, const dial_facts& facts) const noexcept {
  return needs_dial(leaf, facts) || beside_suspect(facts.leaves[leaf], facts);
}

// Since when a leaf is asked for in vain: since its path went, the link went dark or the network
// changed, whichever was last.
instant redial::asked_since(const record& r, const dial_facts::leaf& leaf,
                            const dial_facts& facts) const noexcept {
  auto since = network_at_;
  if (r.away_since != never) since = std::max(since, r.away_since);
  if (facts.dark_since != never) since = std::max(since, facts.dark_since);
  if (beside_suspect(leaf, facts)) since = std::max(since, leaf.suspected_at);
  return since;
}

bool redial::quick(instant now, spec_id leaf, const dial_facts& facts) {
  if (now < wanted_until_) return true;
  const auto since = asked_since(at(leaf), facts.leaves[leaf], facts);
  return since != instant::min() && now - since <= defaults::redial_quick;
}

void redial::schedule(instant now, spec_id leaf, bool at_once, const dial_facts& facts,
                      seeded_random& jitter) {
  auto& r = at(leaf);
  if (!needs_dial(leaf, facts)) {
    r.next_dial = never;
    return;
  }
  const bool hurry = quick(now, leaf, facts);
  duration wait{0};
  if (!at_once) {
    const duration longest = hurry ? defaults::redial_max : defaults::redial_slow;
    r.backoff = r.backoff == duration(0) ? duration(defaults::redial_first)
                                         : std::min<duration>(2 * r.backoff, longest);
  }
  if (facts.dark() && hurry) {
    wait = at_once ? duration(0) : duration(defaults::dark_redial);
  } else if (!at_once) {
    const auto spread = r.backoff.count() / 5;
    wait = r.backoff + duration(jitter.between(-spread, 0));
  }
  r.next_dial = std::min(r.next_dial, now + wait);
}

void redial::schedule_all(instant now, const dial_facts& facts, seeded_random& jitter) {
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf)
    schedule(now, leaf, true, facts, jitter);
}

void redial::schedule_cold(instant now, const dial_facts& facts, seeded_random& jitter) {
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf) {
    if (facts.leaves[leaf].cold) schedule(now, leaf, true, facts, jitter);
  }
}

// --- the life of the link

void redial::begin(instant now, const dial_facts& facts, seeded_random& jitter) {
  const auto cold = [](const auto& one) { return one.cold; };
  const bool all_cold = std::all_of(facts.leaves.begin(), facts.leaves.end(), cold);
  const bool any_cold = std::any_of(facts.leaves.begin(), facts.leaves.end(), cold);
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf) at(leaf).away_since = now;
  if (any_cold && !all_cold) cold_at_ = now + defaults::cold_wait;
  cold_called_ = all_cold;
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf) {
    if (!facts.leaves[leaf].cold || (all_cold && leaf == 0))
      schedule(now, leaf, true, facts, jitter);
  }
}

void redial::went_dark(instant now, const dial_facts& facts, seeded_random& jitter) {
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf)
    schedule(now, leaf, at(leaf).backoff == duration(0), facts, jitter);
}

void redial::none_lives(instant now, const dial_facts& facts, seeded_random& jitter) {
  schedule_all(now, facts, jitter);
}

bool redial::ask_anew(instant now, spec_id leaf, const dial_facts& facts, seeded_random& jitter) {
  at(leaf).backoff = duration(0);
  schedule(now, leaf, true, facts, jitter);
  return beside_suspect(facts.leaves[leaf], facts) && !needs_dial(leaf, facts);
}

void redial::wanted(instant now, const dial_facts& facts, seeded_random& jitter) {
  if (!facts.dials || facts.alive || now < wanted_until_) return;
  if (facts.up && facts.dark_since == never) return;
  bool asleep = false;
  for (spec_id leaf = 0; leaf < facts.leaves.size() && !asleep; ++leaf)
    asleep = needs_dial(leaf, facts) && !quick(now, leaf, facts);
  if (!asleep) return;
  wanted_since_ = now;
  wanted_until_ = now + defaults::redial_wanted;
  for (auto& r : change()) r.backoff = duration(0);
  schedule_all(now, facts, jitter);
}

// --- the life of a leaf

void redial::attached(instant now, spec_id leaf, const dial_facts& facts, seeded_random& jitter) {
  at(leaf).backoff = duration(0);
  at(leaf).away_since = now;
  schedule(now, leaf, true, facts, jitter);
}

std::vector<std::uint64_t> redial::abandon(spec_id leaf) {
  auto& r = at(leaf);
  std::vector<std::uint64_t> out;
  out.reserve(r.attempts.size());
  for (const auto& a : r.attempts) out.push_back(a.number);
  r.attempts.clear();
  r.next_dial = never;
  return out;
}

std::vector<std::uint64_t> redial::abandon_all() {
  std::vector<std::uint64_t> out;
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    const auto numbers = abandon(leaf);
    out.insert(out.end(), numbers.begin(), numbers.end());
  }
  return out;
}

void redial::path_up(spec_id leaf) {
  auto& r = at(leaf);
  r.away_since = never;
  r.abandoned = 0;
  r.away = {};
}

// A path that lived is dialled at once; one that breaks as soon as it is attached is not, or a peer
// that refuses its frames would be dialled without end.
void redial::path_lost(instant now, spec_id leaf, const ending& how, const dial_facts& facts,
                       seeded_random& jitter) {
  auto& r = at(leaf);
  const bool present = facts.leaves[leaf].present;
  if (how.lived) r.backoff = duration(0);
  if (!present && r.away_since == never) r.away_since = now;
  if (!present || !how.lived) schedule(now, leaf, how.lived || how.next_address, facts, jitter);
  if (how.vain) call_cold(now, leaf, facts, jitter);
}

void redial::soon(instant now, spec_id leaf, const dial_facts& facts) {
  auto& r = at(leaf);
  if (needs_dial(leaf, facts)) r.next_dial = std::min(r.next_dial, now + defaults::dark_redial);
}

// --- cold leaves

// Before the link is up: when every leaf that is not cold has failed, the cold ones are dialled.
void redial::call_cold(instant now, spec_id failed, const dial_facts& facts,
                       seeded_random& jitter) {
  at(failed).failed = true;
  if (facts.up || !facts.dials || cold_called_) return;
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf) {
    const auto& one = facts.leaves[leaf];
    if (!one.cold && !one.removed && !at(leaf).failed) return;
  }
  cold_called_ = true;
  cold_at_ = never;
  schedule_cold(now, facts, jitter);
}

void redial::call_cold_in_time(instant now, const dial_facts& facts, seeded_random& jitter) {
  if (facts.up || now < cold_at_) return;
  cold_at_ = never;
  cold_called_ = true;
  schedule_cold(now, facts, jitter);
}

std::optional<spec_id> redial::rests(instant now, const dial_facts& facts, bool may_rest) {
  if (!facts.dials) return std::nullopt;
  std::optional<spec_id> awake;
  bool good = false;
  for (spec_id leaf = 0; leaf < facts.leaves.size(); ++leaf) {
    if (!facts.leaves[leaf].good) continue;
    if (facts.leaves[leaf].cold)
      awake = leaf;
    else
      good = true;
  }
  if (!awake || !good) {
    others_good_since_ = never;
    return std::nullopt;
  }
  if (others_good_since_ == never) others_good_since_ = now;
  if (!may_rest || now - others_good_since_ < defaults::cold_rest) return std::nullopt;
  return awake;
}

// --- one dial

std::vector<std::uint64_t> redial::overdue(instant now, spec_id leaf) {
  std::vector<std::uint64_t> out;
  for (const auto& a : at(leaf).attempts) {
    if (a.until <= now) out.push_back(a.number);
  }
  return out;
}

bool redial::take_due(spec_id leaf, const dial_facts& facts) {
  at(leaf).next_dial = never;
  return needs_dial(leaf, facts);
}

// The oldest try keeps its time; of the others the newest gives way once it was without an answer
// for long enough. When there is no room, `next_dial` says when to ask again.
redial::room redial::room_for(instant now, spec_id leaf, const handshakes& open,
                              const dial_facts& facts) {
  auto& r = at(leaf);
  const auto tries = r.attempts.size() + open.count;
  if (tries == 0) return room::free;
  const bool hurry = quick(now, leaf, facts);
  const auto single =
      facts.dark() && hurry ? duration(defaults::dark_redial) : beside_after(r.last_rtt);
  auto due = open.beside_at;
  for (const auto& a : r.attempts)
    due = std::max(due, tries == 1 ? a.since + single : a.patient ? instant::min() : a.until);
  const bool all_taken = tries >= tries_at_once;
  // Who is away for long is not asked each second: the tries that are under way go on.
  r.next_dial = all_taken && !hurry ? never : due;
  if (due > now || (all_taken && !hurry)) return room::full;
  if (!all_taken) return room::free;
  if (open.count > 0) return room::gives_way;
  r.next_dial = now + defaults::dark_redial;
  return room::full;
}

duration redial::dial_time(const record& r, bool known, bool patient, bool dark) const noexcept {
  const auto at_least = [&](duration least) { return std::max<duration>(least, 3 * r.last_rtt); };
  if (!patient) return at_least(dark ? defaults::dark_redial : defaults::dial_beside);
  if (dark) {
    const auto longer = at_least(defaults::dark_redial) * (1 << std::min(r.abandoned, 10u));
    return std::min<duration>(longer, at_least(defaults::dial_timeout));
  }
  return known ? at_least(defaults::redial_max) : duration(defaults::dial_timeout);
}

redial::order redial::dial(instant now, spec_id leaf, const handshakes& open,
                           const dial_facts& facts) {
  auto& r = at(leaf);
  const auto& one = facts.leaves[leaf];
  const bool hurry = quick(now, leaf, facts);
  const bool patient = r.attempts.empty() && open.count == 0;
  const auto timeout = hurry || !patient ? dial_time(r, one.known, patient, facts.dark())
                                         : duration(defaults::dial_timeout);
  const auto number = next_attempt_++;
  r.attempts.push_back({number, now, now + timeout, patient});
  const auto since = std::max(asked_since(r, one, facts), wanted_since_);
  if (!one.present) r.away.begin(now);
  r.next_dial = never;
  if (facts.dark() && hurry) {
    r.next_dial = now + defaults::dark_redial;
  } else if (!facts.up && hurry) {
    r.next_dial = now + beside_after(r.last_rtt);
  }
  return {number, timeout, since == instant::min() ? duration(0) : now - since};
}

std::optional<redial::tried> redial::connected(std::uint64_t attempt) {
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    auto& tries = change()[leaf].attempts;
    const auto it = std::find_if(tries.begin(), tries.end(),
                                 [&](const auto& a) { return a.number == attempt; });
    if (it == tries.end()) continue;
    const tried out{leaf, it->since};
    tries.erase(it);
    return out;
  }
  return std::nullopt;
}

instant redial::await_answer(instant now, const tried& one) {
  auto& r = at(one.leaf);
  const auto beside_at = now + beside_after(std::max(r.last_rtt, now - one.since));
  r.next_dial = std::min(r.next_dial, beside_at);
  return beside_at;
}

std::optional<spec_id> redial::failed(instant now, std::uint64_t attempt,
                                      const std::error_code& code, const dial_facts& facts,
                                      seeded_random& jitter) {
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    auto& r = change()[leaf];
    const auto it = std::find_if(r.attempts.begin(), r.attempts.end(),
                                 [&](const auto& a) { return a.number == attempt; });
    if (it == r.attempts.end()) continue;
    // Abandoned, by this end or by the driver: it may need more time.
    const bool late = code == errc::timed_out || code == std::errc::timed_out;
    r.abandoned += it->patient && late ? 1U : 0U;
    r.attempts.erase(it);
    if (code.category() == error_category()) last_code_ = static_cast<errc>(code.value());
    schedule(now, leaf, false, facts, jitter);
    call_cold(now, leaf, facts, jitter);
    return leaf;
  }
  return std::nullopt;
}

// --- what is missing

bool redial::is_missing(spec_id leaf, const record& r, const dial_facts& facts) const noexcept {
  return r.away.counts() && !facts.leaves[leaf].present && needs_dial(leaf, facts);
}

std::optional<absence::word> redial::note_end(instant now, spec_id leaf,
                                              const std::error_code& code, std::string_view reason,
                                              const dial_facts& facts) {
  auto& r = at(leaf);
  r.away.note(code, reason);
  return is_missing(leaf, r, facts) ? r.away.tell(now) : std::nullopt;
}

std::vector<redial::missing> redial::missing_words(instant now, const dial_facts& facts) {
  std::vector<missing> out;
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (!leaves_[leaf].away.counts()) continue;
    auto& r = change()[leaf];
    if (!is_missing(leaf, r, facts)) {
      r.away = {};
    } else if (r.away.tells_at() <= now) {
      if (auto word = r.away.tell(now)) out.push_back({leaf, std::move(*word)});
    }
  }
  return out;
}

instant redial::tells_missing_at(const dial_facts& facts) const noexcept {
  instant next = never;
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    const auto& r = leaves_[leaf];
    if (is_missing(leaf, r, facts)) next = std::min(next, r.away.tells_at());
  }
  return next;
}

void redial::heard(errc code, std::string what) {
  last_code_ = code;
  last_error_ = std::move(what);
}

const redial::deadlines& redial::find_earliest() const noexcept {
  deadlines out;
  for (const auto& r : leaves_) {
    out.due = std::min(out.due, r.next_dial);
    for (const auto& a : r.attempts) out.due = std::min(out.due, a.until);
    out.word = std::min(out.word, r.away.tells_at());
  }
  return known_.emplace(out);
}

}  // namespace rendr::engine
