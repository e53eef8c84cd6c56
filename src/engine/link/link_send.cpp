// SPDX-License-Identifier: Apache-2.0
// What goes out: acknowledgements and control first, then what is urgent, then the flows' data.
#include <algorithm>

#include "engine/link/link.hpp"
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

}  // namespace

std::size_t link::record_size(instant now, const path& p) const noexcept {
  if (p.cold(now)) return unknown_record;
  const auto rate = p.rate.rate();
  return std::clamp<std::size_t>(bytes_in(rate, defaults::record_time), defaults::record_min,
                                 defaults::record_max);
}

std::uint32_t link::unsent_limit(const path& p) const noexcept {
  const auto rate = p.rate.rate();
  if (rate == 0 || p.starting()) return unknown_batch;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      bytes_in(rate, defaults::unsent_time), defaults::unsent_min, defaults::unsent_max));
}

bool link::control_owed() { return flows_.any_owing() || ledger_.owed(control_owners()); }

void link::wake_control() {
  if (auto* p = paths_.for_control()) s_.transmit.wake(p->carrier);
}

void link::wake_all() {
  for (const auto& p : paths_) {
    if (!p->life.ended()) s_.transmit.wake(p->carrier);
  }
}

bool link::reaches(const path& p) const noexcept {
  if (!up() || p.leaf >= slots_.size() || slots_[p.leaf].current != &p) return false;
  return router_.reaches(p.leaf, demand_.any_on_bulk());
}

// A selector left it a moment ago, and what the new path cannot take may go by it.
bool link::was_left(const path& p) const noexcept {
  return up() && p.leaf < slots_.size() && slots_[p.leaf].current == &p && router_.left(p.leaf);
}

void link::wake_data() {
  for (const auto& p : paths_) {
    if (p->ready() && p->carries() && (reaches(*p) || was_left(*p))) s_.transmit.wake(p->carrier);
  }
}

std::span<const bytes_view> link::poll_transmit(instant now, path& p, std::size_t limit) {
  if (!p.out.empty()) return p.out.pieces();
  if (!p.handshake_out.empty()) {
    p.write_handshake(s_.pool);
    return p.out.pieces();
  }
  if (!p.ready()) return {};
  p.wrote_at = now;
  const auto wanted = p.cold(now) ? unknown_batch : bytes_in(p.rate.rate(), defaults::unsent_time);
  const auto batch =
      std::min({limit, max_batch, std::max<std::size_t>(wanted, record_size(now, p))});
  bool more = true;
  while (more && p.out.pending() < batch) {
    if (!build_record(now, p, more)) break;
  }
  p.app_limited = !more;
  if (more || p.out.pending() > defaults::quality_burst) p.load_number = p.sent.next_number();
  return p.out.pieces();
}

bool link::build_record(instant now, path& p, bool& more_data) {
  if (p.sealer && p.sealer->worn_out()) {
    protocol_error(now, p, "the key is worn out: the peer acknowledges nothing");
    return false;
  }
  record_writer w(p.out, s_.pool, p.sent.next_number(), record_size(now, p), p.sealing());
  put_acks(now, p, w);
  if (up()) put_quality(now, p, w);
  if (&p == paths_.for_control()) {
    // A control frame that does not fit behind others begins the next record, which widens for it.
    if (!ledger_.put(control_way::best_path, control_owners(), w) || !put_flow_control(w))
      s_.transmit.wake(p.carrier);
  } else if (control_owed()) {
    wake_control();  // another path became the best one between the wake and this call
  }
  if (p.private_to_peer() && !ledger_.put(control_way::in_private, control_owners(), w))
    s_.transmit.wake(p.carrier);
  bool full = false;
  if (up() && p.carries()) {
    full = put_urgent(now, p, w);
    if (!full) full = put_data(now, p, w);
  }
  const bool bye = up() && p.life.leaving() && !p.life.suspect() && !closing() && w.empty() &&
                   p.sent.all_acknowledged();
  if (bye) w.put(wire::bye{});
  more_data = full;
  if (w.empty()) {
    w.cancel();
    return false;
  }
  auto& record = p.sent.add(w.finish());
  if (record.opens_a_flow()) association_.tell_of_flow();
  record.heard = p.heard_bytes;
  record.unloaded = p.life_number >= p.load_number && !p.starting();
  if (record.eliciting) p.last_eliciting = now;
  if (bye) end_drained(now, p);
  return true;
}

void link::put_acks(instant now, path& p, record_writer& w) {
  if (p.acks.pending() && w.put(p.acks.frame(now, p.id))) p.acks.sent();
  for (const auto id : p.pongs) w.put(wire::pong{id});
  p.pongs.clear();
  if (p.want_ping && w.put(wire::ping{p.sent.next_number()})) p.want_ping = false;
  if (!p.carries() && &p != paths_.for_control()) return;
  for (const auto& other : paths_) {
    if (other.get() == &p || !other->ack_elsewhere || !other->acks.anything()) continue;
    if (!w.put(other->acks.frame(now, other->id))) return;
    other->ack_elsewhere = false;
    other->acks.sent_elsewhere();
  }
}

// At most once a second, and only with data: the peer of an idle path measures it as we do.
void link::put_quality(instant now, path& p, record_writer& w) const {
  if (now < p.report_at || !flows_.any_in_ring() || !p.carries() || !reaches(p)) return;
  const bool recent =
      p.quality.known() && now - p.quality.last_sample() <= 2 * defaults::quality_report;
  if (!recent && p.rate.rate() == 0) return;
  p.report_at = now + defaults::quality_report;
  w.put(wire::path_quality{recent ? p.quality.latency() : duration(0),
                           recent ? p.quality.jitter() : duration(0), p.rate.rate(),
                           p.life_number < p.load_number});
}

ledger::owners link::control_owners() noexcept { return {association_, router_, s_.mint}; }

void link::wake_tokens() {
  for (const auto& p : paths_) {
    if (p->ready() && p->private_to_peer()) return s_.transmit.wake(p->carrier);
  }
}

bool link::put_flow_control(record_writer& w) {
  while (auto* f = flows_.owing()) {
    if (!f->put_control(w)) return false;
    flows_.paid(*f);
    settle(*f);
  }
  return true;
}

// Bytes of flows are on their way by `p`.
void link::note_put(instant now, path& p, std::uint64_t numbers, std::uint64_t payload,
                    std::uint64_t again) {
  if (p.cold(now) && !p.starting()) {
    p.cold_number = p.sent.next_number();
    p.cold_delivered = p.rate.delivered();
  }
  p.last_flow_data = now;
  auto& totals = slots_[p.leaf].totals;
  totals.payload_sent += payload;
  totals.extra_sent += again;
  rescuer_.sent(now, numbers);
}

bool link::put_urgent(instant now, path& p, record_writer& w) {
  while (!p.copies.empty()) {
    const auto u = p.copies.front();
    auto* f = find(u.flow);
    const auto open = f != nullptr ? f->open_part(u.bytes) : range_set{};
    if (open.empty()) {
      p.copies.pop();
      continue;
    }
    const auto r = f->fit(open.front(), w);
    if (r.empty()) return true;
    p.copies.advance(r.end);
    const flow::put_facts at{now, f->writer_waits() ? room_of(*f) : send_room{}};
    const auto then = f->put(r, policy::no_node, w, root_of(*f).target, at);
    note_put(now, p, r.size(), f->payload_of(r), r.size());
    apply(now, *f, then);
  }
  return false;
}

flow::filled link::pull_and_put(instant now, path& p, flow& f, std::uint64_t limit,
                                record_writer& w) {
  const flow::put_facts at{now, f.writer_waits() ? room_of(f) : send_room{}};
  const auto out = f.fill(root_of(f).target, p.leaf, limit, w, at);
  if (out.numbers > 0) note_put(now, p, out.numbers, out.payload, out.again);
  if (!out.crowded) {
    if (out.retry != duration::max()) p.retry_at = std::min(p.retry_at, now + out.retry);
    if (out.numbers > 0) watch(now, p, f);
  }
  apply(now, f, out.effects);
  return out;
}

// What else must be looked at when `f` sends: its demand, the guards of its bonds, and the copies
// that others send when this one is late.
void link::watch(instant now, const path& p, const flow& f) {
  demand_.flow_sends(now, root_of(f).target);
  const auto due = f.place() != nullptr ? f.place()->late_due() : never;
  if (due == never) return;
  for (const auto& other : paths_) {
    if (other.get() != &p) other->retry_at = std::min(other->retry_at, std::max(due, now));
  }
}

// True: the record is full and more may wait.
bool link::put_data(instant now, path& p, record_writer& w) {
  if (!flows_.any_in_ring() || !(reaches(p) || was_left(p))) return false;
  if (router_.weighs()) router_.weigh(now, leaf_facts(now));
  p.retry_at = never;
  std::size_t barren = 0;  // flows in a row that had nothing for this path
  while (barren < flows_.in_ring()) {
    auto* f = flows_.in_turn();
    if (f == nullptr) {
      if (auto* drained = flows_.leave_ring()) {
        drained->demand.drained();
        note_demand(now, root_of(*drained));
      }
      continue;
    }
    if (f->deficit == 0) f->deficit = quantum;
    const auto put = pull_and_put(now, p, *f, f->deficit, w);
    const auto n = put.numbers;
    f->deficit -= std::min(n, f->deficit);
    if (f->deficit == 0 || n == 0) flows_.end_turn();
    if (put.crowded || w.room() <= 2 * flow::fin_room + 32) return true;
    barren = n == 0 ? barren + 1 : 0;
  }
  // What this one has no window for is for those that were left, which need no waking by it again.
  if (flows_.any_in_ring() && router_.hands_over() && !was_left(p)) {
    for (const auto& other : paths_) {
      if (was_left(*other)) s_.transmit.wake(other->carrier);
    }
  }
  return false;
}

// What was written stays before it in the batch. A BYE that comes with a GOAWAY ends the link too.
void link::append_bye(path& p, bool link_over) {
  if (p.sealer && p.sealer->worn_out()) return;
  record_writer w(p.out, s_.pool, p.sent.next_number(), defaults::record_min, p.sealing());
  if (link_over) w.put(ledger_.goaway());
  w.put(wire::bye{});
  p.sent.add(w.finish());
}

void link::transmitted(instant now, path& p, std::size_t n) {
  auto& totals = slots_[p.leaf].totals;
  totals.sent_bytes += n;
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
  if (p.out.empty() && !p.life.ended()) s_.transmit.wake(p.carrier);
  check_closing(now);
}

}  // namespace rendr::engine
