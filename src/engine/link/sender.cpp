// SPDX-License-Identifier: Apache-2.0
#include "engine/link/sender.hpp"

#include <algorithm>

#include "engine/link/flow_care.hpp"
#include "engine/link/routing.hpp"
#include "engine/path/liveness.hpp"
#include "engine/record/record_writer.hpp"

namespace rendr::engine {

namespace {

constexpr std::uint64_t quantum = 16 * 1024;  // deficit round robin: bytes a flow gets per round
constexpr std::size_t max_batch = 512 * 1024;
// A path whose rate is unknown gets about the initial window of a TCP: what a kernel took cannot be
// called back.
constexpr std::size_t unknown_batch = 16 * 1024;
constexpr std::size_t unknown_record = 4 * 1024;

std::uint64_t bytes_in(std::uint64_t rate, duration time) noexcept {
  return static_cast<std::uint64_t>(static_cast<double>(rate) *
                                    std::chrono::duration<double>(time).count());
}

std::size_t record_size(const path& p, bool cold) noexcept {
  if (cold) return unknown_record;
  const auto rate = p.rate.rate();
  return std::clamp<std::size_t>(bytes_in(rate, defaults::record_time), defaults::record_min,
                                 defaults::record_max);
}

}  // namespace

std::uint32_t sender::unsent_limit(const path& p) noexcept {
  const auto rate = p.rate.rate();
  if (rate == 0 || p.starting()) return unknown_batch;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      bytes_in(rate, defaults::unsent_time), defaults::unsent_min, defaults::unsent_max));
}

sender::ended sender::fill(instant now, path& p, std::size_t limit) {
  if (!p.out.empty()) return ended::no;
  if (!p.handshake_out.empty()) {
    p.write_handshake(r_.shared.pool);
    return ended::no;
  }
  if (!p.ready()) return ended::no;
  p.wrote_at = now;
  const bool cold = p.cold(now);
  const auto wanted = cold ? unknown_batch : bytes_in(p.rate.rate(), defaults::unsent_time);
  const auto batch =
      std::min({limit, max_batch, std::max<std::size_t>(wanted, record_size(p, cold))});
  auto end = ended::no;
  bool more = true;
  while (more && p.out.pending() < batch) {
    if (!build_record(now, p, more, end)) break;
  }
  p.app_limited = !more;
  if (more || p.out.pending() > defaults::quality_burst) p.load_number = p.sent.next_number();
  return end;
}

bool sender::build_record(instant now, path& p, bool& more_data, ended& end) {
  if (p.sealer && p.sealer->worn_out()) {
    end = ended::worn_out;
    return false;
  }
  record_writer w(p.out, r_.shared.pool, p.sent.next_number(), record_size(p, p.cold(now)),
                  p.sealing());
  put_acks(now, p, w);
  if (r_.up()) put_quality(now, p, w);
  put_control(p, w);
  more_data = r_.up() && p.carries() && (put_urgent(now, p, w) || put_data(now, p, w));
  const bool bye = r_.up() && p.life.leaving() && !p.life.suspect() && !r_.standing.closing() &&
                   w.empty() && p.sent.all_acknowledged();
  if (bye) w.put(wire::bye{});
  if (w.empty()) {
    w.cancel();
    return false;
  }
  auto& record = p.sent.add(w.finish());
  if (record.opens_a_flow()) r_.association.tell_of_flow();
  record.heard = p.heard_bytes;
  record.unloaded = p.life_number >= p.load_number && !p.starting();
  if (record.eliciting) p.last_eliciting = now;
  if (bye) end = ended::drained;
  return true;
}

void sender::put_acks(instant now, path& p, record_writer& w) {
  if (p.acks.pending() && w.put(p.acks.frame(now, p.id))) p.acks.sent();
  for (const auto id : p.pongs) w.put(wire::pong{id});
  p.pongs.clear();
  if (p.want_ping && w.put(wire::ping{p.sent.next_number()})) p.want_ping = false;
  if (!p.carries() && &p != r_.paths.for_control()) return;
  for (const auto& other : r_.paths) {
    if (other.get() == &p || !other->ack_elsewhere || !other->acks.anything()) continue;
    if (!w.put(other->acks.frame(now, other->id))) return;
    other->ack_elsewhere = false;
    other->acks.sent_elsewhere();
  }
}

// At most once a second, and only with data: the peer of an idle path measures it as we do.
void sender::put_quality(instant now, path& p, record_writer& w) const {
  if (now < p.report_at || !r_.flows.any_in_ring() || !p.carries() || !r_.reaches(p)) return;
  const bool recent =
      p.quality.known() && now - p.quality.last_sample() <= 2 * defaults::quality_report;
  if (!recent && p.rate.rate() == 0) return;
  p.report_at = now + defaults::quality_report;
  w.put(wire::path_quality{recent ? p.quality.latency() : duration(0),
                           recent ? p.quality.jitter() : duration(0), p.rate.rate(),
                           p.life_number < p.load_number});
}

// A control frame that does not fit behind others begins the next record, which widens for it.
void sender::put_control(path& p, record_writer& w) {
  auto owners = r_.control_owners();
  bool all = true;
  if (&p == r_.paths.for_control()) {
    all = r_.ledger.put(control_way::best_path, owners, w) && put_flow_control(w);
  } else if (r_.flows.any_owing() || r_.ledger.owed(owners)) {
    wake_.control();  // another path became the best one between the wake and this call
  }
  if (!all) r_.shared.transmit.wake(p.carrier);
  if (p.private_to_peer() && !r_.ledger.put(control_way::in_private, owners, w))
    r_.shared.transmit.wake(p.carrier);
}

bool sender::put_flow_control(record_writer& w) {
  while (auto* f = r_.flows.owing()) {
    if (!f->put_control(w)) return false;
    r_.flows.paid(*f);
    flow_care(r_).settle(*f);
  }
  return true;
}

// Bytes of flows are on their way by `p`.
void sender::note_put(instant now, path& p, std::uint64_t numbers, std::uint64_t payload,
                      std::uint64_t again) {
  if (p.cold(now) && !p.starting()) {
    p.cold_number = p.sent.next_number();
    p.cold_delivered = p.rate.delivered();
  }
  p.last_flow_data = now;
  auto& totals = r_.slots[p.leaf].totals;
  totals.payload_sent += payload;
  totals.extra_sent += again;
  r_.rescuer.sent(now, numbers);
}

bool sender::put_urgent(instant now, path& p, record_writer& w) {
  flow_care flows(r_);
  while (!p.copies.empty()) {
    const auto u = p.copies.front();
    auto* f = r_.flows.find(u.flow);
    const auto open = f != nullptr ? f->open_part(u.bytes) : range_set{};
    if (open.empty()) {
      p.copies.pop();
      continue;
    }
    const auto r = f->fit(open.front(), w);
    if (r.empty()) return true;
    p.copies.advance(r.end);
    const flow::put_facts at{now, f->put_makes_room() ? flows.room_of(*f) : send_room{}};
    const auto then = f->put(r, policy::no_node, w, r_.root_of(*f).target, at);
    note_put(now, p, r.size(), f->payload_of(r), r.size());
    flows.apply(now, *f, then);
  }
  return false;
}

flow::filled sender::pull_and_put(instant now, path& p, flow& f, std::uint64_t limit,
                                  record_writer& w) {
  flow_care flows(r_);
  const flow::put_facts at{now, f.put_makes_room() ? flows.room_of(f) : send_room{}};
  const auto out = f.fill(r_.root_of(f).target, p.leaf, limit, w, at);
  if (out.numbers > 0) note_put(now, p, out.numbers, out.payload, out.again);
  if (!out.crowded) {
    if (out.retry != duration::max()) p.retry_at = std::min(p.retry_at, now + out.retry);
    if (out.numbers > 0) watch(now, p, f);
  }
  flows.apply(now, f, out.effects);
  return out;
}

// What else must be looked at when `f` sends: its demand, the guards of its bonds, and the copies
// that others send when this one is late.
void sender::watch(instant now, const path& p, const flow& f) {
  r_.demand.flow_sends(now, r_.root_of(f).target);
  const auto due = f.place() != nullptr ? f.place()->late_due() : never;
  if (due == never) return;
  for (const auto& other : r_.paths) {
    if (other.get() != &p) other->retry_at = std::min(other->retry_at, std::max(due, now));
  }
}

// True: the record is full and more may wait.
bool sender::put_data(instant now, path& p, record_writer& w) {
  auto& flows = r_.flows;
  if (!flows.any_in_ring() || !(r_.reaches(p) || r_.was_left(p))) return false;
  routing routes(r_);
  if (r_.router.weighs()) r_.router.weigh(now, routes.leaf_facts(now));
  p.retry_at = never;
  std::size_t barren = 0;  // flows in a row that had nothing for this path
  while (barren < flows.in_ring()) {
    auto* f = flows.in_turn();
    if (f == nullptr) {
      if (auto* drained = flows.leave_ring()) routes.note_drained(now, *drained);
      continue;
    }
    if (f->deficit == 0) f->deficit = quantum;
    const auto put = pull_and_put(now, p, *f, f->deficit, w);
    const auto n = put.numbers;
    f->deficit -= std::min(n, f->deficit);
    if (f->deficit == 0 || n == 0) flows.end_turn();
    if (put.crowded || w.room() <= 2 * flow::fin_room + 32) return true;
    barren = n == 0 ? barren + 1 : 0;
  }
  // What this one has no window for is for those that were left, which need no waking by it again.
  if (flows.any_in_ring() && r_.router.hands_over() && !r_.was_left(p)) {
    for (const auto& other : r_.paths) {
      if (r_.was_left(*other)) r_.shared.transmit.wake(other->carrier);
    }
  }
  return false;
}

void sender::append_bye(path& p, bool link_over) {
  if (p.sealer && p.sealer->worn_out()) return;
  record_writer w(p.out, r_.shared.pool, p.sent.next_number(), defaults::record_min, p.sealing());
  if (link_over) w.put(r_.ledger.goaway());
  w.put(wire::bye{});
  p.sent.add(w.finish());
}

void sender::transmitted(instant now, path& p, std::size_t n) {
  r_.slots[p.leaf].totals.sent_bytes += n;
  if (n > 0) p.wrote_at = now;
  p.out.transmitted(n, [&](const outbound::finished& done) {
    if (!done.frames) return;
    auto* record = p.sent.find(done.number);
    if (record == nullptr) return;
    const auto mark = p.rate.on_transmitted(now, p.sent.in_flight(), p.app_limited);
    p.sent.transmitted(*record, now, mark);
    // What made the path late may have been without data, and be waited out: data is not.
    record = p.sent.find(done.number);  // gone when it was settled already
    if (record != nullptr && p.life.late() && !record->ranges.empty())
      p.check_at = std::min(p.check_at, record_deadline(p, *record));
  });
  // More may wait, and a carrier that took everything is asked again.
  if (p.out.empty() && !p.life.ended()) r_.shared.transmit.wake(p.carrier);
}

}  // namespace rendr::engine
