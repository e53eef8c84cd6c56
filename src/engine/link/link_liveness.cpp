// SPDX-License-Identifier: Apache-2.0
// When a path is late, suspect, cleared, dead. A deadline opens a question; the carrier answers it.
#include <algorithm>
#include <tuple>

#include "engine/link/link.hpp"

namespace rendr::engine {

namespace {

duration queue_time(std::uint64_t bytes, std::uint64_t rate) noexcept {
  if (rate == 0) return duration(0);
  return duration(
      static_cast<std::int64_t>(static_cast<double>(bytes) / static_cast<double>(rate) * 1e9));
}

// How often an idle suspect path is asked.
duration suspect_ping(const path& p) noexcept {
  return std::max<duration>(2 * p.rtt.smoothed(), std::chrono::milliseconds(50));
}

}  // namespace

// What a record may take until its acknowledgement, without its own queue.
duration link::suspect_wait(const path& p) const noexcept {
  auto wait = p.rtt.smoothed() + p.rtt.slack() + defaults::max_ack_delay;
  if (p.evidence != evidence_kind::end_to_end) {
    wait += std::max<duration>(defaults::blind_extra_min, 2 * p.rtt.smoothed());
  }
  return std::max<duration>(wait, defaults::deadline_floor);
}

// The peer's own transfer arrives here: its acknowledgements wait in the window and the queue that
// it fills, and its kernel's for the next packet that it may send.
bool link::filled_by_peer(instant now, const path& p) const noexcept {
  const auto silence = p.rtt.smoothed() + p.rtt.slack();
  return now < p.filled_until &&
         now - p.last_heard <= std::max<duration>(silence, defaults::quiet_min);
}

// How long even a silent carrier is given: what this path has shown to need without any load of
// ours, and half of its spread more. Two late packets of a thousand must not move every flow.
duration link::patience(const path& p) const noexcept {
  const auto usual = p.rtt.smoothed() + p.rtt.slack();
  const auto peak = p.quality.peak();
  // A path that was asked seldom has not shown its worst yet: five deviations stand in for it.
  const auto spread = std::max(peak - p.quality.latency(), 5 * p.quality.jitter());
  const auto worst = p.quality.latency() + std::max(spread, duration(0));
  return std::min(worst + spread / 2 + defaults::max_ack_delay, 2 * usual);
}

instant link::record_deadline(const path& p, const sent_record& record) const noexcept {
  // What was queued before it beyond one RTT's worth of draining takes longer than the smoothed RTT
  // says.
  const auto queued = queue_time(record.in_flight + record.size, p.rate.drain_rate());
  const auto extra = std::max(duration(0), queued - p.rtt.smoothed());
  return std::max(record.sent_at + suspect_wait(p) + extra, p.hold_until);
}

// A carrier that takes no more bytes has a deadline too when everything that it took was
// acknowledged on other paths: nothing else would ever question it.
instant link::deadline_of(const path& p) const noexcept {
  if (const auto* oldest = p.sent.oldest()) return record_deadline(p, *oldest);
  return p.out.empty() ? never : std::max(p.wrote_at + suspect_wait(p), p.hold_until);
}

duration link::death_after(const path& p) const noexcept {
  const auto queued = queue_time(p.sent.in_flight(), p.rate.drain_rate());
  return std::clamp<duration>(defaults::death_deadlines * suspect_wait(p), defaults::death_min,
                              defaults::death_max) +
         queued;
}

instant link::path_timeout(const path& p) const noexcept {
  if (p.closing) return never;
  if (!p.ready()) return p.attach_until;
  auto next = std::min({p.acks.due(), p.retry_at, p.check_at, p.copy_more_at, p.quiet_at});
  if (p.suspected_at != never) {
    return p.sent.in_flight() == 0 ? std::min(next, p.last_eliciting + suspect_ping(p)) : next;
  }
  if (p.phase != path_phase::late && !p.evidence_asked) next = std::min(next, deadline_of(p));
  if (p.sent.in_flight() == 0 && p.out.empty() && !p.draining) {
    const auto now_in_use = p.last_flow_data != instant::min() &&
                            p.last_eliciting - p.last_flow_data <= defaults::in_use_window;
    const auto idle = now_in_use
                          ? std::clamp<duration>(5 * p.rtt.smoothed(), defaults::ping_in_use_min,
                                                 defaults::ping_in_use_max)
                          : duration(defaults::ping_standby);
    next = std::min(next, std::max(p.last_life, p.last_eliciting) + idle);
  }
  return next;
}

void link::check_path(instant now, path& p) {
  if (p.closing) return;
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
  if (p.copy_more_at <= now) copy_unacknowledged(now, p);
  if (p.quiet_at <= now) tell_quiet(p);
  if (p.suspected_at != never) {
    if (p.check_at <= now) check_death(now, p);
    if (!p.closing && p.sent.in_flight() == 0 && p.last_eliciting + suspect_ping(p) <= now) {
      p.want_ping = true;
      p.last_eliciting = now;
      s_.transmit.wake(p.carrier);
    }
    return;
  }
  const auto deadline = p.phase == path_phase::late ? p.check_at : deadline_of(p);
  if (deadline <= now) {
    if (p.evidence == evidence_kind::end_to_end) {
      if (!p.evidence_asked) {
        p.evidence_asked = true;
        s_.events.order(event::need_evidence{p.carrier});
      }
      p.check_at = now + defaults::deadline_floor;  // the answer comes at once and overwrites this
    } else {
      suspect_in_time(now, p, "nothing was acknowledged in time");
    }
    return;
  }
  if (p.sent.in_flight() == 0 && p.out.empty() && path_timeout(p) <= now && p.acks.due() > now) {
    p.want_ping = true;
    p.last_eliciting = now;
    s_.transmit.wake(p.carrier);
  }
}

void link::look_at_quality(instant now, path& p, duration rtt) {
  if (p.quality.surprising(rtt) && p.sent.in_flight() == 0 && !p.want_ping) {
    p.want_ping = true;
    s_.transmit.wake(p.carrier);
  }
  p.quality.sample(now, rtt);
  quality_at_ = std::min(quality_at_, now + defaults::quality_look);
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
  if (!asked || p.closing || !p.ready() || p.suspected_at != never) return;
  judge(now, p, e);
}

// How old the newest acknowledgement of the carrier may be while bytes are on the wire.
duration link::fresh_for(instant now, const path& p, const carrier_evidence& e) const noexcept {
  const auto rtt = e.rtt > duration(0) ? e.rtt : p.rtt.smoothed();
  auto out =
      rtt + std::max<duration>(4 * e.rttvar, defaults::evidence_slack) + defaults::evidence_slack;
  if (filled_by_peer(now, p)) out += defaults::delayed_ack;
  // A kernel that holds bytes back behind a window of few packets has had losses; the next one
  // shows only by its tail loss probe (RFC 8985 section 7), two round trips later.
  const bool few = e.unsent > 0 && e.unacked < defaults::few_packets;
  // A lone one without data is waited out: nothing depends on it.
  const bool lone = e.unsent == 0 && e.unacked < defaults::lone_packet && !p.sent.any_ranges();
  if (few || lone) out += 2 * rtt + defaults::deadline_floor;
  // A retransmission that is lost too, and a loss among very few, is repeated by time-out alone, at
  // least 200 ms later.
  const bool very_few = few && e.unacked < defaults::very_few_packets;
  if (e.recovering || very_few || lone) out += defaults::repair_extra;
  return out;
}

void link::judge(instant now, path& p, const carrier_evidence& e) {
  const auto* oldest = p.sent.oldest();
  const bool stuck = oldest == nullptr && !p.out.empty();
  if ((oldest == nullptr && !stuck) || (deadline_of(p) > now && p.phase != path_phase::late)) {
    p.check_at = never;
    return;
  }
  const auto limit = fresh_for(now, p, e);
  const bool silent = e.unacked > 0 && e.last_ack_age >= limit;
  if (!stuck && e.delivered >= oldest->wire_end) {
    // Where no path lives, that the kernel is silent about all that went after it says more.
    if (!silent || paths_.others_live_since(p, oldest->sent_at)) return judge_delivered(now, p, e);
  }
  p.delivered_since = never;
  if (e.unacked > 0 && !silent) {
    const auto left = std::max<duration>(limit - e.last_ack_age, std::chrono::milliseconds(1));
    if (stuck || oldest->wire_end > e.delivered + e.unacked) {
      // Its end waits in our own kernel: queueing is not lateness.
      const auto again = std::min<duration>(left, p.rtt.smoothed());
      p.hold_until = now + std::max<duration>(again, defaults::deadline_floor);
      p.check_at = p.phase == path_phase::late ? p.hold_until : never;
      return;
    }
    return become_late(now, p, now + left);
  }
  // A lone lost record without data: the kernel repeats it by time-out alone. While the peer is
  // heard on this path, it will say itself when it hears nothing from here.
  if (p.last_heard + limit > now && !p.sent.any_ranges()) {
    return become_late(now, p, p.last_heard + limit);
  }
  suspect_in_time(now, p, "nothing was acknowledged and the carrier is silent too");
}

// The far kernel has it, the peer is silent: a busy or stopped process, or something on the way
// that acknowledges and forwards nothing.
void link::judge_delivered(instant now, path& p, const carrier_evidence& e) {
  const auto rtt = e.rtt > duration(0) ? e.rtt : p.rtt.smoothed();
  // Or the peer's answer waits in its kernel's repair: it stands before us, out of order.
  const auto repaired =
      p.gap_at == instant::min() ? p.gap_at : p.gap_at + rtt + defaults::repair_extra;
  if (now < repaired || filled_by_peer(now, p)) {
    p.delivered_since = never;
    return become_late(now, p, std::max(repaired, now + defaults::quiet_min));
  }
  if (p.delivered_since == never) p.delivered_since = now;
  const auto limit = p.delivered_since + 2 * std::max(p.rtt.smoothed(), rtt) +
                     defaults::max_ack_delay + defaults::delivered_grace;
  if (now < limit) return become_late(now, p, limit);
  if (paths_.others_live_since(p, std::max(p.sent.oldest()->sent_at, p.delivered_since))) {
    p.evidence = evidence_kind::first_hop;
    return suspect(now, p, cause::first_hop_only,
                   "the carrier acknowledges what the peer does not get");
  }
  stalled_ = true;
  // Nothing dies of it, but something on the way may hold a connection that the peer left long
  // ago: a fresh dial beside it tells.
  if (now >= p.delivered_since + death_after(p)) {
    return suspect(now, p, cause::first_hop_only, "the carrier acknowledges, the peer is silent");
  }
  become_late(now, p, now + std::max<duration>(p.rtt.smoothed(), std::chrono::milliseconds(50)));
}

void link::suspect_in_time(instant now, path& p, std::string detail) {
  const auto* oldest = p.sent.oldest();
  const auto since = oldest == nullptr ? p.wrote_at : oldest->sent_at;
  if (now < since + patience(p)) return become_late(now, p, since + patience(p));
  suspect(now, p, cause::silence, std::move(detail));
}

void link::become_late(instant now, path& p, instant check_at) {
  if (p.phase != path_phase::late) {
    set_phase(now, p, path_phase::late, cause::silence, "an acknowledgement is overdue");
    route(now, cause::silence);
  }
  p.check_at = std::min(check_at, rescue_overdue(now, p));
}

// How much of what it carries the receiver may lack: no other path has brought it.
std::uint64_t link::missing(const sent_record& record) {
  std::uint64_t n = 0;
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f != nullptr && !f->reset_code) n += f->send.open_part(r.bytes).size();
  }
  return n;
}

// False: not all of it, by the meter or for want of another path.
bool link::rescue(instant now, path& p, sent_record& record) {
  if (!std::exchange(record.asked_again, true)) {
    for (const auto& c : record.controls) ask_again(c);
  }
  bool all = true;
  std::uint64_t lacks = 0;
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f == nullptr || f->reset_code) continue;
    const auto open = f->send.open_part(r.bytes);
    lacks += open.size();
    for (const auto& part : open.ranges()) all = urge(now, r.flow, part, p, 1, true) && all;
  }
  record.lacked = all ? lacks : sent_record::unknown;
  return all;
}

// Sends what is overdue by its own deadline on another path too; while the kernel repairs a loss
// only the head, for the rest comes with the repair. The head is the first of which the receiver
// lacks something, and goes piece by piece, the next when one has arrived; a record behind it when
// its repair is overdue too. Of a transfer only the head goes to a cold path: what is needed there
// after a suspicion must find room. Returns when to look again.
instant link::rescue_overdue(instant now, path& p) {
  instant next = never;
  bool refused = false;
  const auto* other = paths_.best_other(p);
  const auto largest = other != nullptr && cold(now, *other) ? 2 * defaults::record_min : ~0u;
  const auto repair = p.recovering ? p.rtt.smoothed() + defaults::repair_extra : duration(0);
  bool head = true;
  bool arrived = false;  // what stood before it, by another path
  p.sent.each_open([&](sent_record& record) {
    if (next != never || !record.transmitted || !record.eliciting) return;
    const auto due = record_deadline(p, record) + (arrived ? repair : duration(0));
    if (due > now) next = due;
    const bool rescued = record.lacked != sent_record::unknown;
    const auto left = rescued ? missing(record) : 0;
    if (rescued && left == 0) {
      arrived = true;
      return;
    }
    const bool first = std::exchange(head, false);
    if (due > now || (rescued && !(first && left < record.lacked))) return;
    if (!first && (p.recovering || record.size > largest)) return;
    refused = !rescue(now, p, record) || refused;
  });
  if (refused) return now + std::max<duration>(p.rtt.smoothed() / 2, defaults::deadline_floor);
  if (p.recovering && other != nullptr) {
    next =
        std::min(next, now + std::max<duration>(other->rtt.smoothed(), defaults::deadline_floor));
  }
  return std::max(next, now + std::chrono::milliseconds(1));
}

// What comes out of turn must not fill a path that was idle: its first bytes tell the receiver what
// it lacks, and bring back what it has.
std::uint64_t rescue_piece(bool cold, const path& p) noexcept {
  if (cold) return defaults::record_min;
  const auto product =
      static_cast<double>(p.rate.rate()) * std::chrono::duration<double>(p.rtt.smoothed()).count();
  return std::max<std::uint64_t>(defaults::record_min, static_cast<std::uint64_t>(product) / 8);
}

// Sends r on the best other paths, out of turn. False: there is none, or the budget does not allow
// it.
bool link::urge(instant now, std::uint64_t flow, range r, const path& not_on, std::size_t copies,
                bool metered) {
  std::vector<path*> others;
  const auto* to = find(flow);
  for (const auto& p : paths_) {
    const bool known =
        p->leaf < slots_.size() && to != nullptr && !root_of(*to).target.places(p->leaf).empty();
    if (p.get() != &not_on && p->ready() && p->carries() && known &&
        slots_[p->leaf].current == p.get()) {
      others.push_back(p.get());
    }
  }
  std::stable_sort(others.begin(), others.end(), [&](const path* a, const path* b) {
    const auto rank = [&](const path* p) {
      return std::tuple(same_fate(*p, not_on), p->phase == path_phase::late, p->rtt.smoothed());
    };
    return rank(a) < rank(b);
  });
  // Copies are there because one of them may be lost: not all of them by one fate.
  if (others.size() > copies && copies > 1) {
    const auto apart = std::find_if(others.begin() + 1, others.end(),
                                    [&](const path* p) { return !same_fate(*p, *others.front()); });
    if (apart != others.end()) std::rotate(others.begin() + 1, apart, apart + 1);
  }
  if (others.size() > copies) others.resize(copies);
  if (others.empty()) return false;
  const auto shorten = [&](std::uint64_t most) {
    const auto whole =
        to->packets ? to->packets->out.whole(r.begin, most) : range{r.begin, r.begin + most};
    r = {whole.begin, std::min(r.end, whole.end)};
  };
  shorten(rescue_piece(cold(now, *others.front()), *others.front()));
  if (metered) {
    const auto granted = extra_.take(now, r.size());
    if (granted == 0) return false;
    if (granted < r.size()) shorten(granted);
    if (granted < r.size()) extra_.used(now, r.size() - granted);
  }
  for (auto* p : others) {
    const bool already =
        std::any_of(p->urgent.begin(), p->urgent.end(), [&](const urgent_range& u) {
          return u.flow == flow && u.bytes.begin <= r.begin && u.bytes.end >= r.end;
        });
    if (!already && p->urgent.size() < 64) p->urgent.push_back({flow, r});
    s_.transmit.wake(p->carrier);
  }
  return true;
}

bool link::same_fate(const path& a, const path& b) const noexcept {
  const auto& fate = slots_[a.leaf].config.fate;
  return !fate.empty() && fate == slots_[b.leaf].config.fate;
}

// The lowest unacknowledged range of each flow that waits on this path goes by another one too.
void link::rescue_head(instant now, path& p, std::size_t copies, bool metered) {
  const auto number = p.sent.oldest_number();
  auto* record = p.sent.find(number);
  for (std::size_t looked = 0; record != nullptr && looked < 8; ++looked) {
    if (!record->acknowledged && !record->requeued) {
      for (const auto& r : record->ranges) {
        auto* f = find(r.flow);
        if (f == nullptr || f->reset_code || f->send.acknowledged() < r.bytes.begin) continue;
        const auto open = f->send.open_part(r.bytes);
        if (!open.empty()) urge(now, r.flow, open.front(), p, copies, metered);
      }
    }
    record = p.sent.find(number + looked + 1);
  }
}

// When only acknowledgements are lost, the peer lacks nothing before what still waits in our own
// kernel: its first bytes go ahead of all that it may have already.
void link::rescue_unsent(instant now, path& p) {
  bool found = false;
  p.sent.each_open([&](sent_record& record) {
    if (found || record.wire_end <= p.on_wire || record.ranges.empty()) return;
    found = true;
    // Only the end of a record that is half on the wire is missing.
    const auto missing = record.wire_end - p.on_wire;
    for (auto r : record.ranges) {
      if (record.ranges.size() == 1 && missing < r.bytes.size())
        r.bytes.begin = r.bytes.end - missing;
      urge(now, r.flow, r.bytes, p, 1, false);
    }
  });
}

void link::suspect(instant now, path& p, cause why, std::string detail) {
  if (p.suspected_at != never) return;
  auto& s = slot(p.leaf);
  if (p.rtt.measured()) s.last_rtt = p.rtt.smoothed();
  p.suspected_at = now;
  p.check_at = now + defaults::death_look;
  p.clear_number = p.sent.next_number();
  p.want_ping = true;
  p.ack_elsewhere = true;
  set_phase(now, p, path_phase::suspect, why, std::move(detail));
  s.judged_by = std::max<duration>(suspect_wait(p), defaults::deadline_floor);
  count_flap(now, s);
  if (p.reserve_since == instant::min() || now - p.reserve_since >= defaults::extra_window) {
    p.reserve_since = now;
    p.copy_reserve = p.sent.in_flight();
  }
  // What the peer told is not told back: two ends that echo each other would never end it.
  if (why != cause::one_way) tell_state(p, wire::path_report::suspect);
  choose_current(s, p.leaf);
  route(now, why);
  // The first range also goes to a second path: a standby may be dark too.
  rescue_head(now, p, 2, false);
  rescue_unsent(now, p);
  copy_unacknowledged(now, p);
  p.sent.each_open([&](sent_record& record) {
    for (const auto& c : record.controls) ask_again(c);
  });
  p.urgent.clear();
  ask_for_life();
  check_dark(now);
  if (!any_alive()) {
    for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) schedule_dial(now, leaf, true);
  }
  wake_all();
}

void link::doubt(instant now, path& p, std::string detail) {
  if (p.ready() && !p.draining) suspect(now, p, cause::network_changed, std::move(detail));
}

// Gives the ranges that wait on a suspect path to others, lowest first, as far as the reserve and
// the meter allow; the rest follows when it has been silent for longer than any false alarm is.
void link::copy_unacknowledged(instant now, path& p) {
  p.copy_more_at = never;
  if (p.suspected_at == never) return;
  const bool free = now - p.suspected_at >= defaults::death_min;
  bool held_back = false;
  p.sent.each_open([&](sent_record& record) {
    if (record.requeued || held_back) return;
    std::uint64_t size = 0;
    for (const auto& r : record.ranges) size += r.bytes.size();
    if (size == 0) return;
    size = std::min<std::uint64_t>(size, record.size);  // packets count more numbers than bytes
    // What the carrier did not take is no second copy.
    const bool spends = record.transmitted && !free;
    if (spends && p.copy_reserve < size && extra_.take(now, size) < size) {
      held_back = true;
      return;
    }
    if (record.transmitted && p.copy_reserve >= size) {
      p.copy_reserve -= size;
      extra_.used(now, size);
    }
    lose_ranges(record);
    record.requeued = true;
  });
  if (held_back) {
    // The receiver waits for the lowest of them: one at a time they go on all the same.
    rescue_head(now, p, 1, false);
    const auto* other = paths_.best_other(p);
    const auto step = other == nullptr ? defaults::death_min : other->rtt.smoothed() / 2;
    p.copy_more_at = std::min<instant>(p.suspected_at + defaults::death_min,
                                       now + std::max<duration>(step, defaults::deadline_floor));
  }
  wake_all();
}

void link::check_death(instant now, path& p) {
  const auto silent = now - std::max({p.suspected_at, p.last_life, heard_again_});
  const bool spaced = last_death_ != instant::min() && now - last_death_ < defaults::death_spacing;
  const auto needed =
      spaced ? std::max<duration>(death_after(p), defaults::death_deadlines * suspect_wait(p))
             : death_after(p);
  if (silent >= needed && paths_.others_live_since(p, now - defaults::life_lately)) {
    return path_down(now, p, cause::silence, "silent while another path lives");
  }
  ask_for_life();
  p.check_at = now + defaults::death_look;
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
  const auto away = std::max<duration>(defaults::link_silence, 3 * p.rtt.smoothed());
  if (last_life_ != instant::min() && now - last_life_ > away) heard_again_ = now;
  last_life_ = now;
}

// An acknowledgement of record `number` arrived on the path itself.
void link::life(instant now, path& p, std::uint64_t number) {
  lives(now, p);
  p.life_number = number + 1;
  stalled_ = false;
  if (p.suspected_at != never) {
    if (number >= p.clear_number) clear_suspicion(now, p);
    return;
  }
  p.check_at = never;
  if (p.phase != path_phase::late) return;
  if (deadline_of(p) <= now) {
    p.check_at = now + std::chrono::milliseconds(2);  // the next head is overdue too: ask again
    return;
  }
  set_phase(now, p, p.at_rest(), cause::none, "acknowledged");
  route(now, cause::returned);
}

void link::clear_suspicion(instant now, path& p) {
  p.suspected_at = never;
  p.check_at = never;
  p.copy_more_at = never;
  p.recovering = false;
  p.rtt.begin_anew();
  p.rate.begin_anew();
  p.want_ping = true;
  p.ack_elsewhere = false;
  p.delivered_since = never;
  auto& s = slot(p.leaf);
  s.eligible_at = now + policy::return_delay(s.judged_by, s.flaps);
  set_phase(now, p, p.at_rest(), cause::returned, "acknowledged on it again");
  tell_state(p, p.leaving ? wire::path_report::draining : wire::path_report::standby);
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
