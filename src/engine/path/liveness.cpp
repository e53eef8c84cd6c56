// SPDX-License-Identifier: Apache-2.0
// When a path is late, suspect, dead. A deadline opens a question; the carrier answers it.
#include "engine/path/liveness.hpp"

#include <algorithm>

namespace rendr::engine {

namespace {

duration queue_time(std::uint64_t bytes, std::uint64_t rate) noexcept {
  if (rate == 0) return duration(0);
  return duration(
      static_cast<std::int64_t>(static_cast<double>(bytes) / static_cast<double>(rate) * 1e9));
}

// By the carrier's own measurement where it has one.
duration round_trip(const liveness_facts& facts) noexcept {
  const auto& e = *facts.evidence;
  return e.rtt > duration(0) ? e.rtt : facts.round_trip;
}

// How old the newest acknowledgement of the carrier may be while bytes are on the wire.
duration fresh_for(const liveness_facts& facts) noexcept {
  const auto& e = *facts.evidence;
  const auto rtt = round_trip(facts);
  auto out =
      rtt + std::max<duration>(4 * e.rttvar, defaults::evidence_slack) + defaults::evidence_slack;
  if (facts.filled_by_peer) out += defaults::delayed_ack;
  // A kernel that holds bytes back behind a window of few packets has had losses; the next one
  // shows only by its tail loss probe (RFC 8985 section 7), two round trips later.
  const bool few = e.unsent > 0 && e.unacked < defaults::few_packets;
  // A lone one without data is waited out: nothing depends on it.
  const bool lone = e.unsent == 0 && e.unacked < defaults::lone_packet && !facts.any_data;
  if (few || lone) out += 2 * rtt + defaults::deadline_floor;
  // A retransmission that is lost too, and a loss among very few, is repeated by time-out alone, at
  // least 200 ms later.
  const bool very_few = few && e.unacked < defaults::very_few_packets;
  if (e.recovering || very_few || lone) out += defaults::repair_extra;
  return out;
}

verdict fine(const liveness_facts& facts) noexcept {
  verdict v;
  v.delivered_since = facts.delivered_since;
  return v;
}

verdict queued(instant until) noexcept {
  verdict v;
  v.what = finding::queued;
  v.look_again_at = until;
  return v;
}

verdict late(instant look_again_at, instant delivered_since) noexcept {
  verdict v;
  v.what = finding::late;
  v.look_again_at = look_again_at;
  v.delivered_since = delivered_since;
  return v;
}

verdict suspect(cause why, std::string_view detail, instant delivered_since) noexcept {
  verdict v;
  v.what = finding::suspect;
  v.why = why;
  v.detail = detail;
  v.delivered_since = delivered_since;
  return v;
}

verdict suspect_in_time(const liveness_facts& facts, instant now, std::string_view detail,
                        instant delivered_since) noexcept {
  const auto since = facts.oldest ? facts.oldest->sent_at : facts.wrote_at;
  if (now < since + facts.patience) return late(since + facts.patience, delivered_since);
  return suspect(cause::silence, detail, delivered_since);
}

// The far kernel has it, the peer is silent: a busy or stopped process, or something on the way
// that acknowledges and forwards nothing.
verdict judge_delivered(const liveness_facts& facts, instant now) noexcept {
  const auto rtt = round_trip(facts);
  // Or the peer's answer waits in its kernel's repair: it stands before us, out of order.
  const auto repaired =
      facts.gap_at == instant::min() ? facts.gap_at : facts.gap_at + rtt + defaults::repair_extra;
  if (now < repaired || facts.filled_by_peer) {
    return late(std::max(repaired, now + defaults::quiet_min), never);
  }
  const auto since = facts.delivered_since == never ? now : facts.delivered_since;
  const auto limit = since + 2 * std::max(facts.round_trip, rtt) + defaults::max_ack_delay +
                     defaults::delivered_grace;
  if (now < limit) return late(limit, since);
  if (facts.others_life > std::max(facts.oldest->sent_at, since)) {
    auto v = suspect(cause::first_hop_only, "the carrier acknowledges what the peer does not get",
                     since);
    v.first_hop = true;
    return v;
  }
  // Nothing dies of it, but something on the way may hold a connection that the peer left long
  // ago: a fresh dial beside it tells.
  auto v =
      now >= since + facts.death_after
          ? suspect(cause::first_hop_only, "the carrier acknowledges, the peer is silent", since)
          : late(now + std::max<duration>(facts.round_trip, std::chrono::milliseconds(50)), since);
  v.stalled = true;
  return v;
}

verdict judge_evidence(const liveness_facts& facts, instant now) noexcept {
  const auto& e = *facts.evidence;
  const bool stuck = !facts.oldest && facts.blocked;
  const bool overdue = facts.deadline <= now || facts.phase == path_phase::late;
  if ((!facts.oldest && !stuck) || !overdue) return fine(facts);
  const auto limit = fresh_for(facts);
  const bool silent = e.unacked > 0 && e.last_ack_age >= limit;
  if (!stuck && e.delivered >= facts.oldest->wire_end) {
    // Where no path lives, that the kernel is silent about all that went after it says more.
    if (!silent || facts.others_life > facts.oldest->sent_at) return judge_delivered(facts, now);
  }
  if (e.unacked > 0 && !silent) {
    const auto left = std::max<duration>(limit - e.last_ack_age, std::chrono::milliseconds(1));
    if (stuck || facts.oldest->wire_end > e.delivered + e.unacked) {
      // Its end waits in our own kernel: queueing is not lateness.
      const auto again = std::min<duration>(left, facts.round_trip);
      return queued(now + std::max<duration>(again, defaults::deadline_floor));
    }
    return late(now + left, never);
  }
  // A lone lost record without data: the kernel repeats it by time-out alone. While the peer is
  // heard on this path, it will say itself when it hears nothing from here.
  if (facts.last_heard + limit > now && !facts.any_data) {
    return late(facts.last_heard + limit, never);
  }
  return suspect_in_time(facts, now, "nothing was acknowledged and the carrier is silent too",
                         never);
}

verdict judge_suspect(const liveness_facts& facts, instant now) noexcept {
  auto v = fine(facts);
  // So soon after another death the longest wait has no upper bound.
  const bool spaced =
      facts.last_death != instant::min() && now - facts.last_death < defaults::death_spacing;
  const auto needed =
      spaced ? std::max<duration>(facts.death_after, defaults::death_deadlines * facts.wait)
             : facts.death_after;
  const bool another_lives = facts.others_life > now - defaults::life_lately;
  if (now - facts.silent_since >= needed && another_lives) {
    v.what = finding::dead;
    v.why = cause::silence;
    v.detail = "silent while another path lives";
  } else {
    v.what = finding::silent;
    v.look_again_at = now + defaults::death_look;
  }
  return v;
}

}  // namespace

duration suspect_wait(const path& p) noexcept {
  auto wait = p.rtt.smoothed() + p.rtt.slack() + defaults::max_ack_delay;
  if (p.evidence != evidence_kind::end_to_end) {
    wait += std::max<duration>(defaults::blind_extra_min, 2 * p.rtt.smoothed());
  }
  return std::max<duration>(wait, defaults::deadline_floor);
}

duration patience(const path& p) noexcept {
  const auto usual = p.rtt.smoothed() + p.rtt.slack();
  const auto peak = p.quality.peak();
  // A path that was asked seldom has not shown its worst yet: five deviations stand in for it.
  const auto spread = std::max(peak - p.quality.latency(), 5 * p.quality.jitter());
  const auto worst = p.quality.latency() + std::max(spread, duration(0));
  return std::min(worst + spread / 2 + defaults::max_ack_delay, 2 * usual);
}

instant record_deadline(const path& p, const sent_record& record) noexcept {
  // What was queued before it beyond one RTT's worth of draining takes longer than the smoothed RTT
  // says.
  const auto queued = queue_time(record.in_flight + record.size, p.rate.drain_rate());
  const auto extra = std::max(duration(0), queued - p.rtt.smoothed());
  return std::max(record.sent_at + suspect_wait(p) + extra, p.hold_until);
}

instant deadline_of(const path& p) noexcept {
  if (const auto* oldest = p.sent.oldest()) return record_deadline(p, *oldest);
  return p.out.empty() ? never : std::max(p.wrote_at + suspect_wait(p), p.hold_until);
}

duration death_after(const path& p) noexcept {
  const auto queued = queue_time(p.sent.in_flight(), p.rate.drain_rate());
  return std::clamp<duration>(defaults::death_deadlines * suspect_wait(p), defaults::death_min,
                              defaults::death_max) +
         queued;
}

duration suspect_ping(const path& p) noexcept {
  return std::max<duration>(2 * p.rtt.smoothed(), std::chrono::milliseconds(50));
}

bool filled_by_peer(const path& p, instant now) noexcept {
  const auto silence = p.rtt.smoothed() + p.rtt.slack();
  return now < p.filled_until &&
         now - p.last_heard <= std::max<duration>(silence, defaults::quiet_min);
}

instant next_look(const path& p) noexcept {
  if (p.life.ended()) return never;
  if (!p.ready()) return p.attach_until;
  auto next = std::min({p.acks.due(), p.retry_at, p.check_at, p.copies.more_at(), p.quiet_at});
  if (p.life.suspect()) {
    return p.sent.in_flight() == 0 ? std::min(next, p.last_eliciting + suspect_ping(p)) : next;
  }
  if (!p.life.late() && !p.evidence_asked) next = std::min(next, deadline_of(p));
  if (p.sent.in_flight() == 0 && p.out.empty() && !p.life.draining()) {
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

verdict judge(const liveness_facts& facts, instant now) noexcept {
  if (facts.phase == path_phase::suspect) return judge_suspect(facts, now);
  if (facts.evidence) return judge_evidence(facts, now);
  return suspect_in_time(facts, now, "nothing was acknowledged in time", facts.delivered_since);
}

liveness_facts liveness_of(const path& p, instant now) noexcept {
  liveness_facts facts;
  facts.phase = p.life.phase();
  if (const auto* oldest = p.sent.oldest()) facts.oldest = {oldest->sent_at, oldest->wire_end};
  facts.blocked = !p.out.empty();
  facts.any_data = p.sent.any_ranges();
  facts.filled_by_peer = filled_by_peer(p, now);
  facts.round_trip = p.rtt.smoothed();
  facts.wait = suspect_wait(p);
  facts.patience = patience(p);
  facts.death_after = death_after(p);
  facts.deadline = deadline_of(p);
  facts.wrote_at = p.wrote_at;
  facts.last_heard = p.last_heard;
  facts.gap_at = p.gap_at;
  facts.delivered_since = p.delivered_since;
  facts.silent_since = std::max(p.life.suspected_at(), p.last_life);
  return facts;
}

}  // namespace rendr::engine
