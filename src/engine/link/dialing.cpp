// SPDX-License-Identifier: Apache-2.0
#include "engine/link/dialing.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/link/attacher.hpp"

namespace rendr::engine {

dial_facts dialing::facts() const {
  dial_facts out;
  out.dials = in_.side == role::dialer && !in_.down();
  out.up = in_.up();
  out.alive = in_.paths.any_alive();
  out.dark_since = in_.standing.dark_since();
  out.leaves.reserve(in_.slots.size());
  for (const auto& s : in_.slots) {
    dial_facts::leaf one;
    one.cold = s.config.cold;
    one.removed = s.removed;
    one.known = s.known;
    if (const auto* p = s.current) {
      one.present = true;
      one.good = p->ready() && p->carries();
      one.suspected_at = p->life.suspected_at();
    }
    out.leaves.push_back(one);
  }
  return out;
}

void dialing::wanted(instant now) {
  const bool waits = in_.side == role::dialer && (!in_.up() || in_.standing.dark_since() != never);
  if (waits) in_.redial.wanted(now, facts(), jitter());
}

void dialing::cancel(const std::vector<std::uint64_t>& attempts) {
  for (const auto number : attempts) in_.shared.events.order(event::cancel_dial{in_.ref, number});
}

void dialing::end() { cancel(in_.redial.abandon_all()); }

// --- a leaf

void dialing::lost(instant now, spec_id leaf, const redial::ending& how, cause why,
                   const std::string& reason) {
  in_.redial.path_lost(now, leaf, how, facts(), jitter());
  if (reason.empty()) return;
  const bool silent = why == cause::protocol || why == cause::carrier_eof;  // it gave no reason
  if (silent) in_.redial.heard(name(leaf) + ": " + reason);
  ended(now, leaf, code_of(why), reason);
}

path* dialing::rests(instant now) {
  if (in_.side != role::dialer || in_.down()) return nullptr;
  const auto leaf = in_.redial.rests(now, facts(), true);
  return leaf ? in_.slots.current(*leaf) : nullptr;
}

// --- a dial

void dialing::look_at_all(instant now) {
  const auto known = facts();
  for (auto& one : in_.redial.missing_words(now, known)) tell(one.leaf, std::move(one.word));
  in_.redial.call_cold_in_time(now, known, jitter());
}

bool dialing::is_due(instant now, spec_id leaf) {
  for (const auto number : in_.redial.overdue(now, leaf)) {
    cancel({number});
    failed(now, number, make_error_code(errc::timed_out), "no answer in time");
  }
  return in_.redial.is_due(now, leaf) && in_.redial.take_due(leaf, facts());
}

redial::handshakes dialing::open(spec_id leaf) const {
  const auto waiting = in_.paths.unfinished(leaf);
  if (waiting.newest == nullptr) return {};
  return {waiting.count, waiting.newest->beside_at};
}

dialing::room dialing::room_for(instant now, spec_id leaf) {
  switch (in_.redial.room_for(now, leaf, open(leaf), facts())) {
    case redial::room::full:
      return {};
    case redial::room::gives_way:
      return {true, in_.paths.unfinished(leaf).newest};
    case redial::room::free:
      return {true, nullptr};
  }
  return {};
}

void dialing::dial(instant now, spec_id leaf) {
  const auto one = in_.redial.dial(now, leaf, open(leaf), facts());
  auto& s = in_.slots[leaf];
  ++s.totals.dials;
  if (s.current == nullptr) s.shown = path_phase::dialing;
  in_.shared.events.order(event::dial{in_.ref, leaf, one.attempt, one.timeout, one.away});
  in_.shared.events.observe(event::dial_began{in_.ref, leaf, s.config.name});
}

path* dialing::connected(instant now, std::uint64_t attempt, const carrier_traits& traits) {
  const auto tried = in_.redial.connected(attempt);
  if (!tried || in_.paths.full() || !in_.redial.welcome(tried->leaf, facts())) return nullptr;
  auto& s = in_.slots[tried->leaf];
  auto p = std::make_unique<path>();
  p->carrier = carrier_id{++in_.shared.next_carrier};
  p->leaf = tried->leaf;
  p->traits = traits;
  p->rtt.deadline_variations(in_.shared.config.deadline_variations);
  p->guarded = s.config.plaintext || traits.secured ? wire::guard::checksum : wire::guard::sealed;
  p->evidence = s.config.evidence.value_or(traits.evidence);
  p->attach_until = now + defaults::handshake_timeout;
  p->beside_at = in_.redial.await_answer(now, *tried);
  p->last_heard = now;
  auto& made = in_.paths.add(std::move(p));
  s.shown = path_phase::attaching;
  attacher(in_).start(now);
  return &made;
}

void dialing::failed(instant now, std::uint64_t attempt, const std::error_code& code,
                     std::string_view detail) {
  const auto leaf = in_.redial.failed(now, attempt, code, facts(), jitter());
  if (!leaf) return;
  const auto reason = detail.empty() ? code.message() : std::string(detail);
  in_.redial.heard(name(*leaf) + ": " + reason);
  ended(now, *leaf, code, reason);
}

void dialing::ended(instant now, spec_id leaf, const std::error_code& code,
                    const std::string& reason) {
  in_.shared.events.observe(event::dial_ended{in_.ref, leaf, name(leaf), code, reason});
  if (auto word = in_.redial.note_end(now, leaf, code, reason, facts()))
    tell(leaf, std::move(*word));
}

void dialing::tell(spec_id leaf, absence::word word) {
  in_.shared.events.observe(
      event::path_missing{in_.ref, name(leaf), word.after, word.lasting, std::move(word.reason)});
}

instant dialing::next_timeout() const {
  const auto next = in_.redial.next_timeout(in_.up());
  return in_.redial.owes_a_word() ? std::min(next, in_.redial.tells_missing_at(facts())) : next;
}

}  // namespace rendr::engine
