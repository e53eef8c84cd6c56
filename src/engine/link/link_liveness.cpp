// SPDX-License-Identifier: Apache-2.0
// What happens to a path when its silence was judged (path/liveness), and when it is heard again.
#include <algorithm>

#include "engine/link/dialing.hpp"
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
  if (p.quiet_at <= now) keeper_.tell_quiet(p);
  if (p.life.suspect()) {
    if (p.check_at <= now) apply(now, p, judge(keeper_.known_of(now, p), now));
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
      apply(now, p, judge(keeper_.known_of(now, p), now));
    }
    return;
  }
  if (p.sent.in_flight() == 0 && p.out.empty() && next_look(p) <= now && p.acks.due() > now) {
    p.want_ping = true;
    p.last_eliciting = now;
    s_.transmit.wake(p.carrier);
  }
}

void link::evidence(instant now, path& p, const carrier_evidence& e) {
  if (!keeper_.take(now, p, e)) return;
  auto facts = keeper_.known_of(now, p);
  facts.evidence = e;
  apply(now, p, judge(facts, now));
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
      keeper_.ask_for_life();
      p.check_at = v.look_again_at;
      return;
    case finding::dead:
      return path_down(now, p, v.why, std::string(v.detail));
  }
}

void link::become_late(instant now, path& p, instant check_at) {
  if (!p.life.late()) {
    keeper_.move(now, p, path_event::overdue, cause::silence, "an acknowledgement is overdue");
    route(now, cause::silence);
  }
  p.check_at = std::min(check_at, recovery(rooms_).overdue(now, p));
}

void link::suspect(instant now, path& p, cause why, std::string detail) {
  if (p.life.suspect()) return;
  auto& s = rooms_.slot(p.leaf);
  if (p.rtt.measured()) redial_.measured(p.leaf, p.rtt.smoothed());
  p.check_at = now + defaults::death_look;
  p.want_ping = true;
  p.ack_elsewhere = true;
  keeper_.tell(now, p, p.life.doubt(now, p.sent.next_number()), why, std::move(detail));
  s.trial.failed(now, std::max<duration>(suspect_wait(p), defaults::deadline_floor));
  // What the peer told is not told back: two ends that echo each other would never end it.
  if (why != cause::one_way) ledger_.tell(p.id, wire::path_report::suspect, p.leaf);
  keeper_.choose_current(p.leaf);
  route(now, why);
  recovery(rooms_).suspected(now, p);
  wake_all();
  p.sent.each_open([&](sent_record& record) {
    for (const auto& c : record.controls) ask_again(c);
  });
  keeper_.ask_for_life();
  check_dark(now);
  if (!any_alive()) dialing(rooms_).none_lives(now);
  wake_all();
}

void link::doubt(instant now, path& p, std::string detail) {
  if (p.ready() && !p.life.draining()) suspect(now, p, cause::network_changed, std::move(detail));
}

// An acknowledgement of record `number` arrived on the path itself.
void link::life(instant now, path& p, std::uint64_t number) {
  keeper_.lives(now, p);
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
  keeper_.move(now, p, path_event::answered, cause::none, "acknowledged");
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
  auto& s = rooms_.slot(p.leaf);
  s.trial.returned(now);
  keeper_.move(now, p, path_event::cleared, cause::returned, "acknowledged on it again");
  ledger_.tell(p.id, p.life.leaving() ? wire::path_report::draining : wire::path_report::standby,
               p.leaf);
  keeper_.choose_current(p.leaf);
  check_dark(now);
  route(now, cause::returned);
  wake_all();
}

}  // namespace rendr::engine
