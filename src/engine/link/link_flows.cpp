// SPDX-License-Identifier: Apache-2.0
// What applications ask of flows.
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

std::vector<carrier_id> link::sweep() {
  flows_.sweep();
  return paths_.sweep();
}

}  // namespace rendr::engine
