// SPDX-License-Identifier: Apache-2.0
// Packet flows: what is taken, what goes into records, what is given up, what comes in.
#include <algorithm>
#include <cstring>

#include "engine/link/link.hpp"
#include "engine/record/record_writer.hpp"

namespace rendr::engine {

// What may wait here before its first path takes it: old packets are worth little.
std::size_t link::packet_queue() const noexcept {
  const auto drained =
      paths_.throughput().rate * std::chrono::duration<double>(defaults::packet_queue_time).count();
  return std::max(defaults::packet_queue_min, static_cast<std::size_t>(drained));
}

bool link::packet_room(const flow& f, std::uint64_t weight) const noexcept {
  const auto& out = f.packets->out;
  if (out.empty()) return true;
  return out.unsent() + weight <= packet_queue() && f.send.buffered() + weight <= send_room(f);
}

result<bool> link::send_packet(instant now, flow& f, bytes_view data) {
  if (!f.packets) return errc::mode_mismatch;
  if (f.write_error() != errc{}) return f.write_error();
  if (f.send.finished() || f.app_closed) return errc::closed;
  if (data.size() > wire::max_packet) return errc::message_too_large;
  wanted(now);
  const auto weight = send_packets::weight_of(data.size());
  if (!packet_room(f, weight)) {
    f.wants_write = true;
    return false;
  }
  f.packets->out.add(s_.pool, data, f.send.written());
  f.send.extend(weight);
  offer(f);
  return true;
}

result<endpoint::packet_result> link::receive_packet(instant now, flow& f, bytes_span out) {
  if (!f.packets) return errc::mode_mismatch;
  if (f.app_closed) return errc::closed;
  auto& in = f.packets->in;
  if (in.readable()) {
    const auto packet = in.front();
    if (packet.size() > out.size()) return errc::message_too_large;
    std::copy(packet.begin(), packet.end(), out.begin());
    const auto size = packet.size();
    in.pop();
    flows_.release_buffers(paths_.size());
    grow_window(now, f);
    settle(f);
    return endpoint::packet_result{true, size, false};
  }
  if (in.at_end()) return endpoint::packet_result{false, 0, true};
  if (f.read_error() != errc{}) return f.read_error();
  return endpoint::packet_result{};
}

// The packets of r, which fit. Those that a path lost too long ago are given up instead, unless
// another path may still deliver them; a copy out of turn (no node) is made of any.
void link::put_packets(instant now, flow& f, range r, policy::node_id node, record_writer& w) {
  range_set gone;
  f.packets->out.each(r, [&](send_packets::packet& one) {
    if (node != policy::no_node && f.packets->out.expired(one, now) &&
        !f.place->held_elsewhere(node, one.begin)) {
      gone.add({one.begin, one.end()});
      return;
    }
    w.put_packet_head(f.number, one.begin, one.payload.data.size());
    if (!one.payload.data.empty()) w.gather(one.payload.data, one.payload.slab);
    f.packets->out.sent(one, now);
  });
  if (!gone.empty()) give_up(f, gone);
  retired(f);
}

void link::give_up(flow& f, const range_set& numbers) {
  for (const auto& r : numbers.ranges()) {
    f.packets->out.each(r, [&](const send_packets::packet&) { ++f.packets->packets_given_up; });
    f.packets->given_up.add(r);
    f.send.acknowledge(r);
    f.place->acknowledged(r);
  }
  f.carried.remove({0, f.send.acknowledged()});
}

// Some numbers are acknowledged, given up or on their way for the first time.
void link::retired(flow& f) {
  auto& s = *f.packets;
  const auto base = f.send.acknowledged();
  s.out.release(base);
  if (f.reset_code) return;
  if (!s.given_up.empty() && s.given_up.front().begin < base) {
    s.given_up.remove({0, base});
    owe(f, duty_skip);
  }
  if (f.send.finished() && base == f.send.written()) offer(f);
  if (f.wants_write && packet_room(f, send_packets::weight_of(wire::max_packet))) {
    f.wants_write = false;
    tell_ready(f);
  }
}

errc link::on(instant now, path& p, const wire::packet& f) {
  const auto found = payload_for(now, p, f.flow, wire::flow_kind::packet, f.payload.size());
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& into = **found;
  const auto end = f.sequence + send_packets::weight_of(f.payload.size());
  if (end > into.recv_limit) return errc::protocol_violation;
  const auto fresh = into.packets->in.insert(flows_.received(), f.sequence, f.payload, p.in.slab());
  if (!fresh) return fresh.error();
  if (!*fresh) {
    into.duplicates += f.payload.size();
    slots_[p.leaf].totals.duplicate_received += f.payload.size();
    tell_elsewhere(p);
    return errc{};
  }
  if (into.app_closed || into.stop_code) {
    into.packets->in.discard();
    grow_window(now, into);  // what is discarded counts as consumed
  } else {
    tell_ready(into);
  }
  return errc{};
}

errc link::on(instant now, path&, const wire::skip& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& into = **found;
  if (!into.packets || f.sequence > into.recv_limit) return errc::protocol_violation;
  const auto code = into.packets->in.skip(f.sequence);
  if (code != errc{}) return code;
  grow_window(now, into);
  return errc{};
}

}  // namespace rendr::engine
