// SPDX-License-Identifier: Apache-2.0
#include "engine/link/application.hpp"

#include "engine/link/flow_care.hpp"

namespace rendr::engine {

result<flow_ref> application::open(wire::flow_kind kind, const endpoint::open_options& options) {
  if (r_.down() || r_.standing.winding_up()) return errc::closed;
  if (options.metadata.size() > wire::max_metadata) return errc::message_too_large;
  auto* root = r_.router.find(options.root);
  if (root == nullptr) return errc::invalid_argument;
  if (!r_.flows.room(kind, r_.shared.config.flows_per_link)) return errc::limit_reached;
  auto& f = r_.flows.open(options.id ? *options.id : r_.shared.secrets.array<16>(), kind);
  f.set_root(options.root, root);
  f.begin(options.metadata);
  flow_care(r_).owe(f);
  wants_path_ = true;
  return flow_ref{r_.ref, f.number()};
}

errc application::accept(flow& f) {
  if (const auto bad = f.accept(); bad != errc{}) return bad;
  flow_care(r_).owe(f);
  return errc{};
}

errc application::reject(flow& f, std::uint64_t code, std::string_view reason) {
  if (const auto bad = f.reject(code, reason); bad != errc{}) return bad;
  if (r_.down()) {
    r_.flows.remove(f);
  } else {
    flow_care(r_).owe(f);
  }
  return errc{};
}

result<std::size_t> application::write(flow& f, bytes_view data) {
  const auto refused = f.write_refused(wire::flow_kind::stream);
  if (refused != errc{}) return refused;
  const auto taken = f.write(r_.shared.pool, data, flow_care(r_).room_of(f));
  wants_path_ = true;
  flow_care(r_).offer(f);
  return taken;
}

result<bool> application::send_packet(flow& f, bytes_view data) {
  const auto refused = f.write_refused(wire::flow_kind::packet);
  if (refused != errc{}) return refused;
  if (data.size() > wire::max_packet) return errc::message_too_large;
  wants_path_ = true;
  const auto room = f.buffers() ? flow_care(r_).room_of(f) : send_room{};
  if (!f.send_packet(r_.shared.pool, data, room)) return false;
  flow_care(r_).offer(f);
  return true;
}

result<endpoint::read_result> application::read(instant now, flow& f, bytes_span out) {
  const auto got = f.read(out);
  if (!got) return got.error();
  if (got->taken) flow_care(r_).consumed(now, f);
  return endpoint::read_result{got->size, got->end};
}

result<endpoint::packet_result> application::receive_packet(instant now, flow& f, bytes_span out) {
  const auto got = f.receive_packet(out);
  if (!got) return got.error();
  if (got->taken) flow_care(r_).consumed(now, f);
  return endpoint::packet_result{got->taken, got->size, got->end};
}

void application::consume(instant now, flow& f, std::size_t n) {
  if (f.consume(n)) flow_care(r_).consumed(now, f);
}

errc application::shutdown(flow& f) {
  if (const auto bad = f.shutdown(); bad != errc{}) return bad;
  flow_care(r_).offer(f);
  return errc{};
}

void application::close(instant now, flow& f) {
  if (f.let_go_of()) return;
  if (f.finish() && !r_.down()) flow_care(r_).offer(f);
  let_go(now, f, 0);
}

void application::abort(instant now, flow& f, std::uint64_t code) {
  if (f.let_go_of()) return;
  if (!r_.down()) flow_care(r_).apply(now, f, f.abort(code));
  let_go(now, f, code);
}

void application::abort_after_delivery(instant now, flow& f, std::uint64_t code) {
  if (f.let_go_of()) return;
  const auto then = f.abort_after_delivery(code);
  if (!r_.down()) flow_care(r_).apply(now, f, then);
  let_go(now, f, code);
}

void application::let_go(instant now, flow& f, std::uint64_t code) {
  const auto then = f.let_go(code);
  if (r_.down()) return r_.flows.remove(f);
  flow_care(r_).apply(now, f, then);
  let_go_of_one_ = true;
}

std::optional<event::flow_ready> application::poll_ready() {
  const auto* f = r_.flows.next_ready();
  if (f == nullptr) return std::nullopt;
  event::flow_ready e;
  e.flow = {r_.ref, f->number()};
  e.readable = f->read_ready();
  e.writable = f->write_ready();
  e.accepted = f->accepted();
  return e;
}

}  // namespace rendr::engine
