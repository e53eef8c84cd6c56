// SPDX-License-Identifier: Apache-2.0
// What happens to a path when its silence was judged (path/liveness), and when it is heard again.
#include <algorithm>

#include "engine/link/link.hpp"

namespace rendr::engine {

void link::check_path(instant now, path& p) {
  if (p.life.ended()) return;
  if (!p.ready()) {
    if (p.attach_until <= now) path_down(now, p, cause::timed_out, "the handshake took too long");
    return;
  }
  if (p.acks.due() <= now) {
    p.acks.woken();
    s_.transmit.wake(p.carrier);
  }
  if (p.retry_at <= now) {
    p.retry_at = never;
    s_.transmit.wake(p.carrier);
  }
  if (p.copies.more_at() <= now) recovery(rooms_).copy_more(now, p);
  if (p.quiet_at <= now) tell_quiet(p);
  if (p.life.suspect()) {
    if (p.check_at <= now) apply(now, p, judge(known_of(now, p), now));
    if (!p.life.ended() && p.sent.in_flight() == 0 && p.last_eliciting + suspect_ping(p) <= now) {
      p.want_ping = true;
      p.last_eliciting = now;
      s_.transmit.wake(p.carrier);
    }
    return;
  }
  const auto deadline = p.life.late() ? p.check_at : deadline_of(p);
  if (deadline <= now) {
    if (p.evidence == evidence_kind::end_to_end) {
      if (!p.evidence_asked) {
        p.evidence_asked = true;
        s_.events.order(event::need_evidence{p.carrier});
      }
      p.check_at = now + defaults::deadline_floor;  // the answer comes at once and overwrites this
    } else {
      apply(now, p, judge(known_of(now, p), now));
    }
    return;
  }
  if (p.sent.in_flight() == 0 && p.out.empty() && next_look(p) <= now && p.acks.due() > now) {
    p.want_ping = true;
    p.last_eliciting = now;
    s_.transmit.wake(p.carrier);
  }
}

// What arrived of a transfer that fell silent is told on another path too: when this one went dark,
// the sender then knows at once where to go on, and fills no survivor with what arrived.
void link::tell_quiet(path& p) {
  p.burst = 0;
  p.quiet_at = never;
  // What the carrier counted out of order by now is a gap of now; asked later, it would be one of
  // then.
  if (p.evidence == evidence_kind::end_to_end && !p.evidence_asked)
    s_.events.order(event::need_evidence{p.carrier});
  auto* other = paths_.best_other(p);
  if (other == nullptr) return;
  p.ack_elsewhere = true;
  s_.transmit.wake(other->carrier);
}

void link::evidence(instant now, path& p, const carrier_evidence& e) {
  p.recovering = e.recovering;
  p.on_wire = e.delivered + e.unacked;
  if (e.out_of_order > p.gaps_seen) p.gap_at = now;
  p.gaps_seen = e.out_of_order;
  const bool asked = std::exchange(p.evidence_asked, false);
  if (!asked || !p.ready() || p.life.suspect()) return;
  auto facts = known_of(now, p);
  facts.evidence = e;
  apply(now, p, judge(facts, now));
}

liveness_facts link::known_of(instant now, const path& p) const {
  auto facts = liveness_of(p, now);
  facts.silent_since = std::max(facts.silent_since, peer_.again());
  facts.others_life = paths_.life_of_others(p);
  facts.last_death = peer_.last_death();
  return facts;
}

void link::apply(instant now, path& p, const verdict& v) {
  p.delivered_since = v.delivered_since;
  if (v.first_hop) p.evidence = evidence_kind::first_hop;
  if (v.stalled) peer_.stalls();
  switch (v.what) {
    case finding::fine:
      p.check_at = never;
      return;
    case finding::queued:
      p.hold_until = v.look_again_at;
      p.check_at = p.life.late() ? v.look_again_at : never;
      return;
    case finding::late:
      return become_late(now, p, v.look_again_at);
    case finding::suspect:
      return suspect(now, p, v.why, std::string(v.detail));
    case finding::silent:
      ask_for_life();
      p.check_at = v.look_again_at;
      return;
    case finding::dead:
      return path_down(now, p, v.why, std::string(v.detail));
  }
}

void link::become_late(instant now, path& p, instant check_at) {
  if (!p.life.late()) {
    move(now, p, path_event::overdue, cause::silence, "an acknowledgement is overdue");
    route(now, cause::silence);
  }
  p.check_at = std::min(check_at, recovery(rooms_).overdue(now, p));
}

void link::suspect(instant now, path& p, cause why, std::string detail) {
  if (p.life.suspect()) return;
  auto& s = slot(p.leaf);
  if (p.rtt.measured()) redial_.measured(p.leaf, p.rtt.smoothed());
  p.check_at = now + defaults::death_look;
  p.want_ping = true;
  p.ack_elsewhere = true;
  tell_change(now, p, p.life.doubt(now, p.sent.next_number()), why, std::move(detail));
  s.trial.failed(now, std::max<duration>(suspect_wait(p), defaults::deadline_floor));
  // What the peer told is not told back: two ends that echo each other would never end it.
  if (why != cause::one_way) tell_state(p, wire::path_report::suspect);
  choose_current(s, p.leaf);
  route(now, why);
  recovery(rooms_).suspected(now, p);
  wake_all();
  p.sent.each_open([&](sent_record& record) {
    for (const auto& c : record.controls) ask_again(c);
  });
  ask_for_life();
  check_dark(now);
  if (!any_alive()) redial_.none_lives(now, for_dial(), s_.jitter);
  wake_all();
}

void link::doubt(instant now, path& p, std::string detail) {
  if (p.ready() && !p.life.draining()) suspect(now, p, cause::network_changed, std::move(detail));
}

// Each path that carries and has nothing to be acknowledged is asked for an answer: when all are
// silent, the peer may have stopped.
void link::ask_for_life() {
  for (const auto& p : paths_) {
    if (!p->ready() || !p->carries() || p->sent.in_flight() != 0) continue;
    p->want_ping = true;
    s_.transmit.wake(p->carrier);
  }
}

void link::lives(instant now, path& p) {
  p.last_life = now;
  peer_.heard(now, p.rtt.smoothed());
}

// An acknowledgement of record `number` arrived on the path itself.
void link::life(instant now, path& p, std::uint64_t number) {
  lives(now, p);
  p.life_number = number + 1;
  peer_.acted();
  if (p.life.suspect()) {
    if (number >= p.life.clear_number()) clear_suspicion(now, p);
    return;
  }
  p.check_at = never;
  if (!p.life.late()) return;
  if (deadline_of(p) <= now) {
    p.check_at = now + std::chrono::milliseconds(2);  // the next head is overdue too: ask again
    return;
  }
  move(now, p, path_event::answered, cause::none, "acknowledged");
  route(now, cause::returned);
}

void link::clear_suspicion(instant now, path& p) {
  p.check_at = never;
  p.copies.more(never);
  p.recovering = false;
  p.rtt.begin_anew();
  p.rate.begin_anew();
  p.want_ping = true;
  p.ack_elsewhere = false;
  p.delivered_since = never;
  auto& s = slot(p.leaf);
  s.trial.returned(now);
  move(now, p, path_event::cleared, cause::returned, "acknowledged on it again");
  tell_state(p, p.life.leaving() ? wire::path_report::draining : wire::path_report::standby);
  choose_current(s, p.leaf);
  check_dark(now);
  route(now, cause::returned);
  wake_all();
}

// The loop was late, not the network.
void link::hold_deadlines(instant now, duration lateness) {
  const auto until =
      now + std::clamp<duration>(lateness, defaults::late_loop, std::chrono::milliseconds(500));
  for (const auto& p : paths_) {
    p->hold_until = std::max(p->hold_until, until);
    if (p->check_at != never) p->check_at = std::max(p->check_at, until);
  }
}

}  // namespace rendr::engine
