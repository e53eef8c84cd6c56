// SPDX-License-Identifier: Apache-2.0
// What a flow sends: written, placed, put into records, acknowledged or given up.
#include <algorithm>

#include "engine/config.hpp"
#include "engine/flow/flow.hpp"
#include "engine/record/record_writer.hpp"

namespace rendr::engine {

std::size_t send_room::now() const noexcept {
  return pool->in_use() < plenty ? most : std::min(most, defaults::send_scarce);
}

errc flow::write_refused(wire::flow_kind kind) const noexcept {
  if (kind_ != kind) return errc::mode_mismatch;
  if (write_error() != errc{}) return write_error();
  return send_.finished() || app_closed_ ? errc::closed : errc{};
}

std::size_t flow::write(slab_pool& pool, bytes_view data, const send_room& room) {
  const auto taken = send_.write(pool, data, room.now());
  if (taken < data.size()) wants_write_ = true;
  return taken;
}

bool flow::packet_room(std::uint64_t weight, const send_room& room) const noexcept {
  const auto& out = packets_->out;
  if (out.empty()) return true;
  return out.unsent() + weight <= room.queue && send_.buffered() + weight <= room.now();
}

bool flow::send_packet(slab_pool& pool, bytes_view data, const send_room& room) {
  const auto weight = send_packets::weight_of(data.size());
  if (!packet_room(weight, room)) {
    wants_write_ = true;
    return false;
  }
  packets_->out.add(pool, data, send_.written());
  send_.extend(weight);
  return true;
}

bool flow::take(const wire::max_data& f) noexcept {
  if (f.limit <= send_limit_) return false;
  send_limit_ = f.limit;
  return true;
}

// A new placement goes on where the flow stood.
void flow::place_on(const root_target& root) {
  place_ = std::make_unique<placement>(root);
  if (!root.has_bulk()) return;
  demand.watch(root);
  for (const auto& one : demand.peaks()) place_->use_bulk(one.selector, one.state.on_bulk());
}

bool flow::offer(const root_target& root) {
  if (reset_code_ || answer_ == answer::rejected || !root.installed()) return false;
  auto end = std::min(send_.written(), send_limit_);
  // The FIN needs no credit, and of packets, which keep no order, it goes behind the last.
  const bool last = !packets_ || send_.acknowledged() == send_.written();
  if (end == send_.written() && send_.finished() && last) ++end;
  if (end <= offered_) return false;
  if (!place_) place_on(root);
  place_->offer({offered_, end});
  offered_ = end;
  return true;
}

void flow::place_anew(const root_target& root) {
  const auto waits = place_->unplaced();
  place_on(root);
  for (const auto& r : waits.ranges()) place_->offer(r);
}

void flow::lose(const sent_range& lost, const root_target& root) {
  if (reset_code_ || !place_) return;
  const auto open = send_.open_part(lost.bytes);
  for (const auto& part : open.ranges()) {
    if (lost.node != policy::no_node && lost.graph == place_->graph_version()) {
      place_->lost(root, lost.node, part);
    } else if (lost.node != policy::no_node) {
      place_->offer(part);
    }
    // A rescue was a second copy: the first is charged where it was pulled.
  }
}

range flow::shorten(range r, std::uint64_t most) const noexcept {
  const auto whole = packets_ ? packets_->out.whole(r.begin, most) : range{r.begin, r.begin + most};
  return {whole.begin, std::min(r.end, whole.end)};
}

// A packet goes whole into one record: whichever comes next must fit.
std::size_t flow::least_room() const noexcept {
  return packets_ ? static_cast<std::size_t>(packets_->out.largest()) : 0;
}

range flow::fit(range r, record_writer& w) {
  const auto least = least_room();
  if (least > 0 && w.empty()) w.widen(opening_size(w) + least + 64);
  if (!put_open(w)) return {};
  const auto room = w.data_room(number_, r.begin);
  if (room <= fin_room + least) return {};
  r.end = std::min(r.end, r.begin + room - fin_room);
  if (packets_) r.end = std::min(r.end, packets_->out.whole(r.begin, r.size()).end);
  return r;
}

flow_effects flow::put(range r, policy::node_id node, record_writer& w, const root_target& root,
                       const put_facts& at) {
  const auto data_end = std::min(r.end, send_.written());
  flow_effects then;
  if (packets_) {
    put_packets({r.begin, data_end}, node, w, at.now);
    then = retire(root, at.room);
  } else if (data_end > r.begin) {
    w.put_data_head(number_, r.begin, static_cast<std::size_t>(data_end - r.begin));
    send_.pieces({r.begin, data_end},
                 [&](bytes_view piece, const slab_ref& slab) { w.gather(piece, slab); });
  }
  if (r.end > send_.written()) w.put(wire::fin{number_, send_.written()});
  w.record().ranges.push_back({number_, r, node, place_ ? place_->graph_version() : 0});
  return then;
}

// The packets of r, which fit. Those that a path lost too long ago are given up instead, unless
// another path may still deliver them; a copy out of turn (no node) is made of any.
void flow::put_packets(range r, policy::node_id node, record_writer& w, instant now) {
  range_set gone;
  packets_->out.each(r, [&](send_packets::packet& one) {
    if (node != policy::no_node && packets_->out.expired(one, now) &&
        !place_->held_elsewhere(node, one.begin)) {
      gone.add({one.begin, one.end()});
      return;
    }
    w.put_packet_head(number_, one.begin, one.payload.data.size());
    if (!one.payload.data.empty()) w.gather(one.payload.data, one.payload.slab);
    packets_->out.sent(one, now);
  });
  if (!gone.empty()) give_up(gone);
}

void flow::give_up(const range_set& numbers) {
  for (const auto& r : numbers.ranges()) {
    packets_->out.each(r, [&](const send_packets::packet&) { ++packets_->packets_given_up; });
    packets_->given_up.add(r);
    send_.acknowledge(r);
    place_->acknowledged(r);
  }
  carried_.remove({0, send_.acknowledged()});
}

// Some packets are acknowledged, given up or on their way for the first time.
flow_effects flow::retire(const root_target& root, const send_room& room) {
  flow_effects then;
  const auto base = send_.acknowledged();
  packets_->out.release(base);
  if (reset_code_) return then;
  auto& given_up = packets_->given_up;
  if (!given_up.empty() && given_up.front().begin < base) {
    given_up.remove({0, base});
    duties_ |= duty_skip;
    then.owes = true;
  }
  then.placed = send_.finished() && base == send_.written() && offer(root);
  if (wants_write_ && packet_room(send_packets::weight_of(wire::max_packet), room)) {
    wants_write_ = false;
    then.ready = true;
  }
  return then;
}

flow::filled flow::fill(root_target& root, std::uint32_t leaf, std::uint64_t limit,
                        record_writer& w, const put_facts& at) {
  filled out;
  // A writer that waits for room, or bytes without credit: this is not the end of a transfer.
  place_->expect_more(hungry());
  const auto* packets = packets_ ? &packets_->out : nullptr;
  for (const auto place : root.places(leaf)) {
    while (out.numbers < limit && place_->may_have(place)) {
      // The OPEN goes only with bytes behind it: a bond may decline, and would be asked for ever.
      const auto opening = opening_size(w);
      const auto least = least_room();
      if (opening + least > 0 && w.empty()) w.widen(opening + least + 64);
      const auto room = w.data_room(number_, send_.written());
      const auto usual = packets != nullptr ? w.usual_room() : room;
      out.crowded = room <= opening + fin_room + least || (!w.empty() && usual <= fin_room);
      if (out.crowded) return out;
      const auto most = std::min({limit - out.numbers, room - opening - fin_room, usual});
      const auto r = place_->pull(root, place, most, at.now, out.retry, packets);
      if (r.empty()) break;
      if (opening > 0) static_cast<void>(put_open(w));
      out.numbers += r.size();
      out.again += r.size() - carried_.add(r);
      out.payload += payload_of(r);
      out.effects.add(put(r, place, w, root, at));
    }
  }
  if (send_.all_acknowledged()) {  // what was left was given up
    place_.reset();
    out.effects.owes = reset_if_delivered() || out.effects.owes;
  }
  return out;
}

std::uint64_t flow::acknowledge(range r) {
  const auto before = send_.acknowledged();
  const auto fresh = packets_ ? send_.open_part(r).size() : 0;
  send_.acknowledge(r);
  carried_.remove({0, send_.acknowledged()});
  if (place_) place_->acknowledged(r);
  return packets_ ? fresh : send_.acknowledged() - before;
}

flow_effects flow::after_acknowledgement(const root_target& root, const send_room& room) {
  if (place_ && send_.all_acknowledged()) place_.reset();
  flow_effects then;
  then.owes = reset_if_delivered();
  if (packets_) {
    then.add(retire(root, room));
  } else if (wants_write_ && send_.buffered() < room.now()) {
    wants_write_ = false;
    then.ready = true;
  }
  then.settles = true;
  return then;
}

}  // namespace rendr::engine
