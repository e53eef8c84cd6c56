// SPDX-License-Identifier: Apache-2.0
// What `redial` decided is carried out: dials begin and end, and observers are told.
#include <utility>

#include "engine/link/link.hpp"

namespace rendr::engine {

dial_facts link::for_dial() const {
  dial_facts out;
  out.dials = side_ == role::dialer && !down();
  out.up = up();
  out.alive = any_alive();
  out.dark_since = dark_since();
  out.leaves.reserve(slots_.size());
  for (const auto& s : slots_) {
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

path* link::dialed(instant now, std::uint64_t attempt, const carrier_traits& traits) {
  const auto tried = redial_.connected(attempt);
  if (!tried || full() || !redial_.welcome(tried->leaf, for_dial())) return nullptr;
  auto& s = slots_[tried->leaf];
  auto p = std::make_unique<path>();
  p->carrier = carrier_id{++s_.next_carrier};
  p->leaf = tried->leaf;
  p->traits = traits;
  p->rtt.deadline_variations(s_.config.deadline_variations);
  p->guarded = s.config.plaintext || traits.secured ? wire::guard::checksum : wire::guard::sealed;
  p->evidence = s.config.evidence.value_or(traits.evidence);
  p->attach_until = now + defaults::handshake_timeout;
  p->beside_at = redial_.await_answer(now, *tried);
  p->last_heard = now;
  auto& made = paths_.add(std::move(p));
  s.shown = path_phase::attaching;
  attacher(rooms_).start(now);
  return &made;
}

void link::dial_failed(instant now, std::uint64_t attempt, std::error_code code,
                       std::string_view detail) {
  const auto leaf = redial_.failed(now, attempt, code, for_dial(), s_.jitter);
  if (!leaf) return;
  const auto reason = detail.empty() ? code.message() : std::string(detail);
  redial_.heard(slots_[*leaf].config.name + ": " + reason);
  dial_ended(now, *leaf, code, reason);
}

void link::ended_in_vain(instant now, spec_id leaf, cause why, const std::string& reason) {
  const bool silent = why == cause::protocol || why == cause::carrier_eof;  // it gave no reason
  if (silent) redial_.heard(slots_[leaf].config.name + ": " + reason);
  dial_ended(now, leaf, code_of(why), reason);
}

void link::dial_ended(instant now, spec_id leaf, const std::error_code& code,
                      const std::string& reason) {
  s_.events.observe(event::dial_ended{ref_, leaf, slots_[leaf].config.name, code, reason});
  if (auto word = redial_.note_end(now, leaf, code, reason, for_dial()))
    tell_missing(leaf, std::move(*word));
}

void link::tell_missing(spec_id leaf, absence::word word) {
  s_.events.observe(event::path_missing{ref_, slots_[leaf].config.name, word.after, word.lasting,
                                        std::move(word.reason)});
}

void link::dial(instant now, spec_id leaf) {
  auto open = paths_.unfinished(leaf);
  const auto handshakes = [&] {
    return redial::handshakes{open.count,
                              open.newest == nullptr ? instant::min() : open.newest->beside_at};
  };
  switch (redial_.room_for(now, leaf, handshakes(), for_dial())) {
    case redial::room::full:
      return;
    case redial::room::gives_way:
      drop_path(now, *open.newest, cause::replaced, "no answer: dialled anew", true);
      if (down()) return;
      open = paths_.unfinished(leaf);
      break;
    case redial::room::free:
      break;
  }
  const auto order = redial_.dial(now, leaf, handshakes(), for_dial());
  auto& s = slots_[leaf];
  ++s.totals.dials;
  if (s.current == nullptr) s.shown = path_phase::dialing;
  s_.events.order(event::dial{ref_, leaf, order.attempt, order.timeout, order.away});
  s_.events.observe(event::dial_began{ref_, leaf, s.config.name});
}

void link::dial_due(instant now) {
  if (side_ != role::dialer) return;
  const auto facts = for_dial();
  for (auto& one : redial_.missing_words(now, facts)) tell_missing(one.leaf, std::move(one.word));
  redial_.call_cold_in_time(now, facts, s_.jitter);
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    for (const auto number : redial_.overdue(now, leaf)) {
      s_.events.order(event::cancel_dial{ref_, number});
      dial_failed(now, number, make_error_code(errc::timed_out), "no answer in time");
    }
    if (redial_.is_due(now, leaf) && redial_.take_due(leaf, for_dial())) dial(now, leaf);
  }
}

void link::network_changed(instant now) {
  redial_.network_changed(now);
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    if (redial_.ask_anew(now, leaf, for_dial(), s_.jitter)) dial(now, leaf);
  }
  keeper_.ask_for_life();
}

void link::wanted(instant now) {
  const bool waits = side_ == role::dialer && (!up() || dark_since() != never);
  if (waits) redial_.wanted(now, for_dial(), s_.jitter);
}

// A cold path rests again when the others were good for a while.
void link::look_at_cold(instant now, bool may_rest) {
  if (side_ != role::dialer || down()) return;
  const auto leaf = redial_.rests(now, for_dial(), may_rest);
  if (leaf) leave(now, *slots_[*leaf].current, "the others are good: a cold path rests");
}

}  // namespace rendr::engine
