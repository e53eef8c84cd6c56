// SPDX-License-Identifier: Apache-2.0
// What applications ask of flows, and what follows elsewhere from what a flow took.
#include <algorithm>

#include "engine/link/link.hpp"

namespace rendr::engine {

result<flow_ref> link::open(instant now, wire::flow_kind kind,
                            const endpoint::open_options& options) {
  if (down()) return errc::closed;
  if (standing_.winding_up()) return errc::closed;
  if (options.metadata.size() > wire::max_metadata) return errc::message_too_large;
  auto* root = router_.find(options.root);
  if (root == nullptr) return errc::invalid_argument;
  if (!flows_.room(kind, s_.config.flows_per_link)) return errc::limit_reached;
  auto& f = flows_.open(options.id ? *options.id : s_.secrets.array<16>(), kind);
  f.set_root(options.root, root);
  f.begin(options.metadata);
  owe(f);
  wanted(now);
  return flow_ref{ref_, f.number()};
}

errc link::accept(instant, flow& f) {
  if (const auto bad = f.accept(); bad != errc{}) return bad;
  owe(f);
  return errc{};
}

errc link::reject(instant, flow& f, std::uint64_t code, std::string_view reason) {
  if (const auto bad = f.reject(code, reason); bad != errc{}) return bad;
  if (down()) {
    flows_.remove(f);
  } else {
    owe(f);
  }
  return errc{};
}

result<std::size_t> link::write(instant now, flow& f, bytes_view data) {
  const auto refused = f.write_refused(wire::flow_kind::stream);
  if (refused != errc{}) return refused;
  const auto taken = f.write(s_.pool, data, room_of(f));
  wanted(now);
  offer(f);
  return taken;
}

result<bool> link::send_packet(instant now, flow& f, bytes_view data) {
  const auto refused = f.write_refused(wire::flow_kind::packet);
  if (refused != errc{}) return refused;
  if (data.size() > wire::max_packet) return errc::message_too_large;
  wanted(now);
  if (!f.send_packet(s_.pool, data, f.buffers() ? room_of(f) : send_room{})) return false;
  offer(f);
  return true;
}

result<endpoint::read_result> link::read(instant now, flow& f, bytes_span out) {
  const auto got = f.read(out);
  if (!got) return got.error();
  if (got->taken) consumed(now, f);
  return endpoint::read_result{got->size, got->end};
}

result<endpoint::packet_result> link::receive_packet(instant now, flow& f, bytes_span out) {
  const auto got = f.receive_packet(out);
  if (!got) return got.error();
  if (got->taken) consumed(now, f);
  return endpoint::packet_result{got->taken, got->size, got->end};
}

void link::consume(instant now, flow& f, std::size_t n) {
  if (f.consume(n)) consumed(now, f);
}

void link::consumed(instant now, flow& f) {
  flows_.release_buffers(paths_.size());
  grow_window(now, f);
  settle(f);
}

errc link::shutdown(instant, flow& f) {
  if (const auto bad = f.shutdown(); bad != errc{}) return bad;
  offer(f);
  return errc{};
}

void link::close_flow(instant now, flow& f) {
  if (f.let_go_of()) return;
  if (f.finish() && !down()) offer(f);
  let_go(now, f, 0);
}

void link::abort_flow(instant now, flow& f, std::uint64_t code) {
  if (f.let_go_of()) return;
  if (!down()) apply(now, f, f.abort(code));
  let_go(now, f, code);
}

void link::abort_after_delivery(instant now, flow& f, std::uint64_t code) {
  if (f.let_go_of()) return;
  const auto then = f.abort_after_delivery(code);
  if (!down()) apply(now, f, then);
  let_go(now, f, code);
}

void link::let_go(instant now, flow& f, std::uint64_t code) {
  const auto then = f.let_go(code);
  if (down()) return flows_.remove(f);
  apply(now, f, then);
  check_closing(now);
}

void link::apply(instant now, flow& f, const flow_effects& then) {
  if (then.consumed) grow_window(now, f);
  if (then.owes) owe(f);
  if (then.placed) placed(f);
  if (then.ready) tell_ready(f);
  if (then.settles) settle(f);
}

void link::owe(flow& f) {
  flows_.queue_control(f);
  wake_control();
}

void link::offer(flow& f) {
  if (f.offer(root_of(f).target)) placed(f);
}

void link::placed(flow& f) {
  flows_.enter_ring(f);
  wake_data();
}

void link::grow_window(instant now, flow& f) {
  if (down()) return;
  const auto rtt =
      f.window_due() ? paths_.longest_round_trip(std::chrono::milliseconds(1)) : duration(0);
  if (f.grow_window({now, rtt}, s_.memory)) owe(f);
}

// What a flow may hold unacknowledged: enough for two round trips of all paths that carry data.
// Under a bond the others go on while the receiver waits for the slowest child, which holds three
// of its round trips (policy/bond.cpp) and needs one more to repair a loss. Of packets, which are
// worth little when they are old, only so many wait for their first path.
send_room link::room_of(const flow& f) const noexcept {
  constexpr double bond_round_trips = 4;
  const auto seconds = [](duration time) { return std::chrono::duration<double>(time).count(); };
  const auto now = paths_.throughput();
  auto wanted = 2 * now.product;
  if (!f.packets() && root_of(f).target.has_bond()) {
    wanted = std::max(wanted, bond_round_trips * now.rate * seconds(now.slowest));
  }
  const auto room = static_cast<std::size_t>(std::min(wanted, double{defaults::flow_window_max}));
  const auto drained = static_cast<std::size_t>(now.rate * seconds(defaults::packet_queue_time));
  return {std::max(s_.config.send_buffer, room), std::max(defaults::packet_queue_min, drained),
          s_.memory.limit(), &s_.pool};
}

void link::tell_ready(flow& f) {
  if (flows_.queue_ready(f)) s_.ready_links.push_back(ref_);
}

std::optional<event::flow_ready> link::poll_ready() {
  const auto* f = flows_.next_ready();
  if (f == nullptr) return std::nullopt;
  event::flow_ready e;
  e.flow = {ref_, f->number()};
  e.readable = f->read_ready();
  e.writable = f->write_ready();
  e.accepted = f->accepted();
  return e;
}

void link::tell_done(flow& f) {
  if (!f.tell_done()) return;
  s_.events.order(event::flow_done{{ref_, f.number()}, f.outcome(), f.app_code(), f.detail()});
}

// Tells once that nothing more will be exchanged and all was read, and forgets the flow when the
// application has too.
void link::settle(flow& f) {
  if (!f.settled()) return;
  if (!f.unread()) tell_done(f);
  if (f.let_go_of()) flows_.remove(f);
}

std::vector<carrier_id> link::sweep() {
  flows_.sweep();
  return paths_.sweep();
}

}  // namespace rendr::engine
