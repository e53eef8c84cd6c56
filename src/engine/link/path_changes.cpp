// SPDX-License-Identifier: Apache-2.0
#include "engine/link/path_changes.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/link/attacher.hpp"
#include "engine/link/dialing.hpp"
#include "engine/link/recovery.hpp"
#include "engine/link/routing.hpp"
#include "engine/link/sender.hpp"
#include "engine/link/waker.hpp"

namespace rendr::engine {

void path_changes::wake_all() { waker(r_).all(); }

void path_changes::route(instant now, cause why) { routing(r_).route(now, why); }

path* path_changes::join(instant now, std::unique_ptr<path> p) {
  r_.association.consume(p->id);
  auto& joined = r_.paths.add(std::move(p));
  establish(now, joined);
  return &joined;
}

void path_changes::establish(instant now, path& p) {
  const auto change = p.life.on(path_event::attached);
  p.attach_until = never;
  p.attached_at = now;
  keeper_.lives(now, p);
  p.last_eliciting = now;
  p.sent.start_at(p.handshakes_sent);
  // The first record asks for an acknowledgement: a first RTT sample, and proof.
  p.want_ping = true;
  auto& s = r_.slot(p.leaf);
  s.known = true;
  s.silent_end = false;
  r_.redial.path_up(p.leaf);
  if (s.totals.deaths > 0) s.trial.returned(now);
  r_.association.settle();
  keeper_.tell(now, p, change, cause::none, "attached");
  check_dark(now);
  if (r_.side == role::acceptor) {
    p.proven = true;
    replace_old(now, p);
  }
  keeper_.choose_current(p.leaf);
  route(now, cause::returned);
  r_.shared.transmit.wake(p.carrier);
}

void path_changes::replace_old(instant now, path& fresh) {
  std::vector<path*> old;
  for (const auto& p : r_.paths) {
    if (p.get() == &fresh || p->leaf != fresh.leaf || !p->ready() || p->life.draining()) continue;
    if (r_.side == role::acceptor && p->id > fresh.id && p->carries()) {
      return drop(now, fresh, cause::replaced, "a newer path of the same leaf is there", true);
    }
    const bool older = p->id < fresh.id && p->life.suspect();
    if (r_.side == role::acceptor || older) old.push_back(p.get());
  }
  for (auto* p : old)
    drop(now, *p, cause::replaced, "a fresh path of the same leaf took over", true);
}

void path_changes::check(instant now, path& p) {
  if (p.life.ended()) return;
  if (!p.ready()) {
    if (p.attach_until <= now) down(now, p, cause::timed_out, "the handshake took too long");
    return;
  }
  if (p.acks.due() <= now) {
    p.acks.woken();
    r_.shared.transmit.wake(p.carrier);
  }
  if (p.retry_at <= now) {
    p.retry_at = never;
    r_.shared.transmit.wake(p.carrier);
  }
  if (p.copies.more_at() <= now) recovery(r_).copy_more(now, p);
  if (p.quiet_at <= now) keeper_.tell_quiet(p);
  if (p.life.suspect()) {
    if (p.check_at <= now) apply(now, p, judge(keeper_.known_of(now, p), now));
    if (!p.life.ended() && p.sent.in_flight() == 0 && p.last_eliciting + suspect_ping(p) <= now) {
      ping(now, p);
    }
    return;
  }
  const auto deadline = p.life.late() ? p.check_at : deadline_of(p);
  if (deadline <= now) return look_at_silence(now, p);
  const bool idle = p.sent.in_flight() == 0 && p.out.empty() && p.acks.due() > now;
  if (idle && next_look(p) <= now) ping(now, p);
}

// Its deadline is over: the carrier is asked, where it can answer.
void path_changes::look_at_silence(instant now, path& p) {
  if (p.evidence != evidence_kind::end_to_end)
    return apply(now, p, judge(keeper_.known_of(now, p), now));
  if (!p.evidence_asked) {
    p.evidence_asked = true;
    r_.shared.events.order(event::need_evidence{p.carrier});
  }
  p.check_at = now + defaults::deadline_floor;  // the answer comes at once and overwrites this
}

void path_changes::ping(instant now, path& p) {
  p.want_ping = true;
  p.last_eliciting = now;
  r_.shared.transmit.wake(p.carrier);
}

void path_changes::evidence(instant now, path& p, const carrier_evidence& e) {
  if (!keeper_.take(now, p, e)) return;
  auto facts = keeper_.known_of(now, p);
  facts.evidence = e;
  apply(now, p, judge(facts, now));
}

void path_changes::apply(instant now, path& p, const verdict& v) {
  p.delivered_since = v.delivered_since;
  if (v.first_hop) p.evidence = evidence_kind::first_hop;
  if (v.stalled) r_.peer.stalls();
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
      return down(now, p, v.why, std::string(v.detail));
  }
}

void path_changes::become_late(instant now, path& p, instant check_at) {
  if (!p.life.late()) {
    keeper_.move(now, p, path_event::overdue, cause::silence, "an acknowledgement is overdue");
    route(now, cause::silence);
  }
  p.check_at = std::min(check_at, recovery(r_).overdue(now, p));
}

void path_changes::suspect(instant now, path& p, cause why, std::string detail) {
  if (p.life.suspect()) return;
  auto& s = r_.slot(p.leaf);
  if (p.rtt.measured()) r_.redial.measured(p.leaf, p.rtt.smoothed());
  p.check_at = now + defaults::death_look;
  p.want_ping = true;
  p.ack_elsewhere = true;
  keeper_.tell(now, p, p.life.doubt(now, p.sent.next_number()), why, std::move(detail));
  s.trial.failed(now, std::max<duration>(suspect_wait(p), defaults::deadline_floor));
  // What the peer told is not told back: two ends that echo each other would never end it.
  if (why != cause::one_way) r_.ledger.tell(p.id, wire::path_report::suspect, p.leaf);
  keeper_.choose_current(p.leaf);
  route(now, why);
  recovery(r_).suspected(now, p);
  wake_all();
  p.sent.each_open([&](sent_record& record) {
    for (const auto& c : record.controls) recovery(r_).ask_again(c);
  });
  keeper_.ask_for_life();
  check_dark(now);
  if (!r_.paths.any_alive()) dialing(r_).none_lives(now);
  wake_all();
}

void path_changes::doubt(instant now, path& p, std::string detail) {
  if (p.ready() && !p.life.draining()) suspect(now, p, cause::network_changed, std::move(detail));
}

void path_changes::life(instant now, path& p, std::uint64_t number) {
  keeper_.lives(now, p);
  p.life_number = number + 1;
  r_.peer.acted();
  if (p.life.suspect()) {
    if (number >= p.life.clear_number()) clear(now, p);
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

void path_changes::clear(instant now, path& p) {
  p.check_at = never;
  p.copies.more(never);
  p.recovering = false;
  p.rtt.begin_anew();
  p.rate.begin_anew();
  p.want_ping = true;
  p.ack_elsewhere = false;
  p.delivered_since = never;
  auto& s = r_.slot(p.leaf);
  s.trial.returned(now);
  keeper_.move(now, p, path_event::cleared, cause::returned, "acknowledged on it again");
  r_.ledger.tell(p.id, p.life.leaving() ? wire::path_report::draining : wire::path_report::standby,
                 p.leaf);
  keeper_.choose_current(p.leaf);
  check_dark(now);
  route(now, cause::returned);
  wake_all();
}

void path_changes::check_dark(instant now) {
  if (!r_.up() || r_.down()) return;
  dialing(r_).look(now);
  const bool alive = r_.paths.any_alive();
  const bool doubted = !alive && !r_.peer.stalled();
  if (!r_.standing.look(now, {alive, r_.peer.stalled(), doubted && keeper_.all_closed()})) return;
  dialing(r_).went_dark(now);
}

void path_changes::drain(instant now, path& p, bool by_us, cause why, std::string detail) {
  keeper_.tell(now, p, p.life.leave(by_us), why, std::move(detail));
  keeper_.choose_current(p.leaf);
  route(now, why);
}

void path_changes::leave(instant now, path& p, std::string detail) {
  r_.ledger.tell(p.id, wire::path_report::draining, p.leaf);
  drain(now, p, true, cause::detached, std::move(detail));
  r_.shared.transmit.wake(p.carrier);
  waker(r_).control();
}

void path_changes::down(instant now, path& p, cause why, std::string detail) {
  // The driver closes a carrier whose end it reported; any other end is ours to order.
  const bool reported = why == cause::carrier_error || why == cause::carrier_eof;
  if (p.life.ended()) {
    if (reported) r_.paths.forget(p);
    return;
  }
  // The acceptor ends what a fresh path of the same leaf replaced. Where it held the old one for
  // dead it says no goodbye on it, though this end may have heard on it since.
  if (reported && r_.side == role::dialer && r_.paths.newer_than(p)) why = cause::replaced;
  drop(now, p, why, std::move(detail), !reported);
  if (reported) r_.paths.forget(p);
}

void path_changes::drop(instant now, path& p, cause why, std::string detail, bool order) {
  auto& s = r_.slot(p.leaf);
  const bool was_path = p.ready();
  const bool death = was_path && why != cause::bye && why != cause::detached &&
                     why != cause::replaced && why != cause::local_close;
  if (was_path && p.rtt.measured()) r_.redial.measured(p.leaf, p.rtt.smoothed());
  const auto from = p.life.phase();
  const auto vain = r_.side == role::dialer && !was_path ? vain_reason(why, detail) : std::string();
  // The peer is told that it is no death, where it may still hear it.
  const bool told = order && was_path && why == cause::replaced && from != path_phase::suspect;
  keeper_.tell(now, p, p.life.end(told), why, std::move(detail));
  if (death) note_death(now, p, why, from);
  if (order) {
    if (told) sender(r_).append_bye(p, false);
    keeper_.close(p);
  }
  if (was_path) {
    recovery(r_).lost(p);
    // The peer may see no end of it, and would send on it until its own deadlines. What it told
    // itself is not told back.
    if (death && why != cause::one_way && !r_.ledger.crowded()) {
      r_.ledger.tell(p.id, wire::path_report::dead, p.leaf);
    } else {
      r_.ledger.forget(p.id);
    }
  }
  keeper_.choose_current(p.leaf);
  if (s.current != nullptr) s.shown = s.current->life.phase();
  if (r_.down()) return;
  if (r_.up()) attacher(r_).start(now);
  route(now, why);
  const bool lived = was_path && now - p.attached_at >= defaults::death_min;
  const bool next_address = !was_path && p.traits.more_addresses && why != cause::replaced;
  dialing(r_).lost(now, p.leaf, {lived, next_address, !was_path && why != cause::replaced}, why,
                   vain);
  check_dark(now);
  wake_all();
}

void path_changes::note_death(instant now, path& p, cause why, path_phase from) {
  auto& s = r_.slot(p.leaf);
  ++s.totals.deaths;
  // A FIN comes from the peer. A reset may come from a router that forgot the connection of a
  // machine that sleeps: then the path was silent before.
  const bool closed = why == cause::carrier_eof ||
                      (why == cause::carrier_error && p.was_reset && from != path_phase::suspect);
  s.silent_end = !closed;
  // A reset needs no judgement: it took no time.
  const bool reset = why == cause::carrier_error || why == cause::carrier_eof;
  s.trial.failed(
      now, reset ? duration(0) : std::max<duration>(suspect_wait(p), defaults::deadline_floor));
  r_.peer.path_died(now);
}

}  // namespace rendr::engine
