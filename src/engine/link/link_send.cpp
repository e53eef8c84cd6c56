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

void link::owe(flow& f, std::uint8_t duty) {
  f.duties |= duty;
  flows_.queue_control(f);
  wake_control();
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
    if (!ledger_.put(control_way::best_path, control_owners(), w) || !put_flow_control(p, w))
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

bool link::put_flow_control(path& p, record_writer& w) {
  while (auto* f = flows_.owing()) {
    if (!put_one_flow(p, *f, w)) return false;
    flows_.paid(*f);
    settle(*f);
  }
  return true;
}

namespace {

wire::open open_of(const flow& f) { return {f.number, f.id, f.kind, f.root, f.metadata}; }

bool needs_open(const flow& f, record_writer& w) {
  if (f.open_acknowledged || f.incoming) return false;
  const auto& controls = w.record().controls;
  return std::none_of(controls.begin(), controls.end(), [&](const sent_control& c) {
    return c.what == control::open && c.key == f.number;
  });
}

}  // namespace

namespace {

std::size_t opening_size(const flow& f, record_writer& w) {
  return needs_open(f, w) ? wire::encoded_size(open_of(f)) : 0;
}

// A packet goes whole into one record: whichever comes next must fit.
std::size_t least_room(const flow& f) noexcept {
  return f.packets ? static_cast<std::size_t>(f.packets->out.largest()) : 0;
}

}  // namespace

// Until an OPEN is acknowledged, every record that carries frames of its flow begins with it.
bool link::put_open(flow& f, record_writer& w) {
  if (!needs_open(f, w)) return true;
  const wire::open frame = open_of(f);
  if (w.empty()) w.widen(wire::encoded_size(frame) + 64);
  if (!w.put(frame)) return false;
  w.record().controls.push_back({control::open, f.number, 0});
  association_.tell_of_flow();
  f.duties &= static_cast<std::uint8_t>(~duty_open);
  return true;
}

bool link::put_one_flow(path&, flow& f, record_writer& w) {
  if (f.duties == 0) return true;
  if (!put_open(f, w)) return false;
  auto& controls = w.record().controls;
  const auto put = [&](std::uint8_t duty, const wire::frame& frame, control what,
                       std::uint64_t value) {
    if ((f.duties & duty) == 0) return true;
    if (!w.put(frame)) return false;
    controls.push_back({what, f.number, value});
    f.duties &= static_cast<std::uint8_t>(~duty);
    return true;
  };
  if (!put(duty_accept, wire::accept{f.number}, control::accept, 0)) return false;
  if (!put(duty_reject, wire::reject{f.number, f.reject_code, f.reject_reason}, control::reject, 0))
    return false;
  if (!put(duty_reset, wire::reset{f.number, f.reset_code.value_or(0), f.offered_size()},
           control::reset, 0)) {
    return false;
  }
  if (!put(duty_stop, wire::stop{f.number, f.stop_code.value_or(0)}, control::stop, 0))
    return false;
  if (!put(duty_max_data, wire::max_data{f.number, f.recv_limit}, control::max_data, f.recv_limit))
    return false;
  if (!put(duty_skip, wire::skip{f.number, std::min(f.send.acknowledged(), f.send.written())},
           control::skip, 0))
    return false;
  return true;
}

// Bytes [r) of f, with the FIN when r reaches its virtual byte. False: it did not fit, nothing was
// put.
bool link::put_range(instant now, path& p, flow& f, range r, policy::node_id node,
                     record_writer& w) {
  const auto data_end = std::min(r.end, f.send.written());
  if (f.packets) {
    put_packets(now, f, {r.begin, data_end}, node, w);
  } else if (data_end > r.begin) {
    w.put_data_head(f.number, r.begin, static_cast<std::size_t>(data_end - r.begin));
    f.send.pieces({r.begin, data_end},
                  [&](bytes_view piece, const slab_ref& slab) { w.gather(piece, slab); });
  }
  if (r.end > f.send.written()) w.put(wire::fin{f.number, f.send.written()});
  w.record().ranges.push_back({f.number, r, node, f.place ? f.place->graph_version() : 0});
  if (p.cold(now) && !p.starting()) {
    p.cold_number = p.sent.next_number();
    p.cold_delivered = p.rate.delivered();
  }
  p.last_flow_data = now;
  auto& totals = slots_[p.leaf].totals;
  totals.payload_sent += data_end - std::min(data_end, r.begin);
  rescuer_.sent(now, r.size());
  return true;
}

namespace {

// Room that a FIN and the OPEN's absence of room must leave.
constexpr std::size_t fin_room = 24;

}  // namespace

bool link::put_urgent(instant now, path& p, record_writer& w) {
  while (!p.copies.empty()) {
    const auto u = p.copies.front();
    auto* f = find(u.flow);
    const auto open = f != nullptr && !f->reset_code ? f->send.open_part(u.bytes) : range_set{};
    if (open.empty()) {
      p.copies.pop();
      continue;
    }
    const auto least = least_room(*f);
    if (least > 0 && w.empty()) w.widen(opening_size(*f, w) + least + 64);
    if (!put_open(*f, w)) return true;
    auto r = open.front();
    const auto room = w.data_room(f->number, r.begin);
    if (room <= fin_room + least) return true;
    r.end = std::min(r.end, r.begin + room - fin_room);
    if (f->packets) r.end = std::min(r.end, f->packets->out.whole(r.begin, r.size()).end);
    put_range(now, p, *f, r, policy::no_node, w);
    slots_[p.leaf].totals.extra_sent += r.size();
    p.copies.advance(r.end);
  }
  return false;
}

// `crowded`: something waits that this record has no room for.
std::uint64_t link::pull_and_put(instant now, path& p, flow& f, std::uint64_t limit,
                                 record_writer& w, bool& crowded) {
  std::uint64_t total = 0;
  duration retry = duration::max();
  // A writer that waits for room, or bytes without credit: this is not the end of a transfer.
  if (!f.place) return total;
  f.place->expect_more(f.wants_write || f.offered < f.send.written());
  auto& root = root_of(f).target;
  const auto* packets = f.packets ? &f.packets->out : nullptr;
  for (const auto place : root.places(p.leaf)) {
    while (total < limit && f.place->may_have(place)) {
      // The OPEN goes only with bytes behind it: a bond may decline, and would be asked for ever.
      const auto opening = opening_size(f, w);
      const auto least = least_room(f);
      if (opening + least > 0 && w.empty()) w.widen(opening + least + 64);
      const auto room = w.data_room(f.number, f.send.written());
      const auto usual = packets != nullptr ? w.usual_room() : room;
      crowded = room <= opening + fin_room + least || (!w.empty() && usual <= fin_room);
      if (crowded) return total;
      const auto most = std::min({limit - total, room - opening - fin_room, usual});
      const auto r = f.place->pull(root, place, most, now, retry, packets);
      if (r.empty()) break;
      if (opening > 0) static_cast<void>(put_open(f, w));
      total += r.size();
      slots_[p.leaf].totals.extra_sent += r.size() - f.carried.add(r);
      put_range(now, p, f, r, place, w);
    }
  }
  if (retry != duration::max()) p.retry_at = std::min(p.retry_at, now + retry);
  if (f.send.all_acknowledged()) {  // what was left was given up
    f.place.reset();
    reset_if_delivered(f);
  }
  if (total > 0) watch(now, p, f);
  return total;
}

// What else must be looked at when `f` sends: its demand, the guards of its bonds, and the copies
// that others send when this one is late.
void link::watch(instant now, const path& p, const flow& f) {
  demand_.flow_sends(now, root_of(f).target);
  const auto due = f.place ? f.place->late_due() : never;
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
    bool crowded = false;
    const auto n = pull_and_put(now, p, *f, f->deficit, w, crowded);
    f->deficit -= std::min(n, f->deficit);
    if (f->deficit == 0 || n == 0) flows_.end_turn();
    if (crowded || w.room() <= 2 * fin_room + 32) return true;
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
