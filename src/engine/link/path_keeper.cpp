// SPDX-License-Identifier: Apache-2.0
#include "engine/link/path_keeper.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rendr::engine {

namespace {

constexpr std::size_t kept_records = 16;

}  // namespace

void path_keeper::choose_current(spec_id leaf) {
  r_.slot(leaf).current = r_.paths.current_of(leaf);
}

void path_keeper::move(instant now, path& p, path_event event, cause why, std::string detail) {
  tell(now, p, p.life.on(event), why, std::move(detail));
}

void path_keeper::tell(instant now, path& p, phase_change change, cause why, std::string detail) {
  assert(p.life.refused() == 0);
  if (!change.any()) return;
  auto& s = r_.slot(p.leaf);
  s.shown = change.to;
  if (!change.told()) return;
  if (change.to == path_phase::suspect) ++s.totals.suspicions;
  auto& history = s.records;
  if (change.kept()) {
    if (history.size() >= kept_records) history.erase(history.begin());
    history.push_back({now, change.from, change.to, why, detail});
  }
  r_.shared.events.observe(event::path_changed{r_.ref, p.carrier, p.leaf, s.config.name,
                                               change.from, change.to, why, std::move(detail)});
}

void path_keeper::close(path& p) {
  const bool flush = p.life.flushes();
  r_.shared.events.order(event::close_carrier{p.carrier, flush});
  if (flush) r_.shared.transmit.wake(p.carrier);
}

void path_keeper::end_drained(instant now, path& p) {
  tell(now, p, p.life.end(true), cause::detached, "everything on it was acknowledged");
  auto& s = r_.slot(p.leaf);
  if (s.config.cold && !s.removed) s.shown = path_phase::idle;
  if (s.current != nullptr) s.shown = s.current->life.phase();
  r_.ledger.forget(p.id);
  close(p);
}

void path_keeper::lives(instant now, path& p) {
  p.last_life = now;
  r_.peer.heard(now, p.rtt.smoothed());
}

void path_keeper::ask_for_life() {
  for (const auto& p : r_.paths) {
    if (!p->ready() || !p->carries() || p->sent.in_flight() != 0) continue;
    p->want_ping = true;
    r_.shared.transmit.wake(p->carrier);
  }
}

bool path_keeper::take(instant now, path& p, const carrier_evidence& e) {
  p.recovering = e.recovering;
  p.on_wire = e.delivered + e.unacked;
  if (e.out_of_order > p.gaps_seen) p.gap_at = now;
  p.gaps_seen = e.out_of_order;
  const bool asked = std::exchange(p.evidence_asked, false);
  return asked && p.ready() && !p.life.suspect();
}

void path_keeper::tell_quiet(path& p) {
  p.burst = 0;
  p.quiet_at = never;
  // What the carrier counted out of order by now is a gap of now; asked later, it would be one of
  // then.
  if (p.evidence == evidence_kind::end_to_end && !p.evidence_asked)
    r_.shared.events.order(event::need_evidence{p.carrier});
  auto* other = r_.paths.best_other(p);
  if (other == nullptr) return;
  p.ack_elsewhere = true;
  r_.shared.transmit.wake(other->carrier);
}

void path_keeper::hold_deadlines(instant now, duration lateness) {
  const auto until =
      now + std::clamp<duration>(lateness, defaults::late_loop, std::chrono::milliseconds(500));
  for (const auto& p : r_.paths) {
    p->hold_until = std::max(p->hold_until, until);
    if (p->check_at != never) p->check_at = std::max(p->check_at, until);
  }
}

liveness_facts path_keeper::known_of(instant now, const path& p) const {
  auto facts = liveness_of(p, now);
  facts.silent_since = std::max(facts.silent_since, r_.peer.again());
  facts.others_life = r_.paths.life_of_others(p);
  facts.last_death = r_.peer.last_death();
  return facts;
}

bool path_keeper::all_closed() const noexcept {
  return !r_.paths.any_attached() && !r_.slots.any_silent_end();
}

}  // namespace rendr::engine
