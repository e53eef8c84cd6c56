// SPDX-License-Identifier: Apache-2.0
// How paths come and go: the handshakes of a carrier, loss, replacement.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "engine/link/dialing.hpp"
#include "engine/link/link.hpp"
#include "engine/record/record_writer.hpp"

namespace rendr::engine {

void link::apply(instant now, path& p, const attach_effect& e) {
  using enum attach_effect::kind;
  const auto leaf = p.leaf;
  switch (e.what) {
    case attached:
      return establish(now, p);
    case came_up:
      establish(now, p);
      for (auto* other : attacher(rooms_).losers(p))
        path_down(now, *other, cause::replaced, "the link came up by another path");
      return attacher(rooms_).start(now);
    case refused:
      path_down(now, p, e.why, e.sentence);
      if (attacher(rooms_).tries_again(e)) dialing(rooms_).soon(now, leaf);
      return;
    case start_over:
      return begin_anew(now, e.sentence);
    case lost:
      return fail(now, e.code, e.sentence);
  }
}

void link::establish(instant now, path& p) {
  const auto change = p.life.on(path_event::attached);
  p.attach_until = never;
  p.attached_at = now;
  keeper_.lives(now, p);
  p.last_eliciting = now;
  p.sent.start_at(p.handshakes_sent);
  p.want_ping =
      true;  // the first record asks for an acknowledgement: a first RTT sample, and proof
  auto& s = rooms_.slot(p.leaf);
  s.known = true;
  s.silent_end = false;
  redial_.path_up(p.leaf);
  if (s.totals.deaths > 0) s.trial.returned(now);
  association_.settle();
  keeper_.tell(now, p, change, cause::none, "attached");
  check_dark(now);
  if (side_ == role::acceptor) {
    p.proven = true;
    replace_old(now, p);
  }
  keeper_.choose_current(p.leaf);
  route(now, cause::returned);
  s_.transmit.wake(p.carrier);
}

path* link::join(instant now, std::unique_ptr<path> p) {
  association_.consume(p->id);
  auto& joined = paths_.add(std::move(p));
  establish(now, joined);
  return &joined;
}

// A fresh carrier of the leaf proved itself: an older one of the same leaf has lost its reason. The
// dialer numbers its paths in order, and the newest that arrived is the one that stays: what was
// given up long ago may arrive after what was dialled then.
void link::replace_old(instant now, path& fresh) {
  std::vector<path*> old;
  for (const auto& p : paths_) {
    if (p.get() == &fresh || p->leaf != fresh.leaf || !p->ready() || p->life.draining()) continue;
    if (side_ == role::acceptor && p->id > fresh.id && p->carries()) {
      return drop_path(now, fresh, cause::replaced, "a newer path of the same leaf is there", true);
    }
    const bool older = p->id < fresh.id && p->life.suspect();
    if (side_ == role::acceptor || older) old.push_back(p.get());
  }
  for (auto* p : old)
    drop_path(now, *p, cause::replaced, "a fresh path of the same leaf took over", true);
}

// It takes nothing new from now on; it ends when what it carries was acknowledged.
void link::drain(instant now, path& p, bool by_us, cause why, std::string detail) {
  keeper_.tell(now, p, p.life.leave(by_us), why, std::move(detail));
  keeper_.choose_current(p.leaf);
  route(now, why);
}

void link::path_down(instant now, path& p, cause why, std::string detail) {
  // The driver closes a carrier whose end it reported; any other end is ours to order.
  const bool reported = why == cause::carrier_error || why == cause::carrier_eof;
  if (p.life.ended()) {
    if (reported) forget(p);
    return;
  }
  // The acceptor ends what a fresh path of the same leaf replaced. Where it held the old one for
  // dead it says no goodbye on it, though this end may have heard on it since.
  if (reported && side_ == role::dialer && paths_.newer_than(p)) why = cause::replaced;
  drop_path(now, p, why, std::move(detail), !reported);
  if (reported) forget(p);
}

void link::drop_path(instant now, path& p, cause why, std::string detail, bool order) {
  auto& s = rooms_.slot(p.leaf);
  const bool was_path = p.ready();
  const bool death = was_path && why != cause::bye && why != cause::detached &&
                     why != cause::replaced && why != cause::local_close;
  if (was_path && p.rtt.measured()) redial_.measured(p.leaf, p.rtt.smoothed());
  const auto from = p.life.phase();
  const auto vain = side_ == role::dialer && !was_path ? vain_reason(why, detail) : std::string();
  // The peer is told that it is no death, where it may still hear it.
  const bool told = order && was_path && why == cause::replaced && from != path_phase::suspect;
  keeper_.tell(now, p, p.life.end(told), why, std::move(detail));
  if (death) {
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
    peer_.path_died(now);
  }
  if (order) {
    if (told) append_bye(p, false);
    keeper_.close(p);
  }
  if (was_path) {
    recovery(rooms_).lost(p);
    // The peer may see no end of it, and would send on it until its own deadlines. What it told
    // itself is not told back.
    if (death && why != cause::one_way && !ledger_.crowded()) {
      ledger_.tell(p.id, wire::path_report::dead, p.leaf);
    } else {
      ledger_.forget(p.id);
    }
  }
  keeper_.choose_current(p.leaf);
  if (s.current != nullptr) s.shown = s.current->life.phase();
  if (down()) return;
  if (up()) attacher(rooms_).start(now);
  route(now, why);
  const bool lived = was_path && now - p.attached_at >= defaults::death_min;
  const bool next_address = !was_path && p.traits.more_addresses && why != cause::replaced;
  dialing(rooms_).lost(now, p.leaf, {lived, next_address, !was_path && why != cause::replaced}, why,
                       vain);
  check_dark(now);
  wake_all();
}

void link::forget(path& p) { paths_.forget(p); }

}  // namespace rendr::engine
