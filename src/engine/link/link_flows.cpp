// SPDX-License-Identifier: Apache-2.0
// The flows as the application sees them.
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
  f.root = options.root;
  f.target = root;
  f.metadata.assign(options.metadata.begin(), options.metadata.end());
  owe(f, duty_open);
  wanted(now);
  return flow_ref{ref_, f.number};
}

errc link::accept(instant, flow& f) {
  if (!f.incoming || f.answer != flow_answer::none) return errc::invalid_argument;
  if (f.failed != errc{}) return f.failed;
  f.answer = flow_answer::accepted;
  owe(f, duty_accept);
  return errc{};
}

errc link::reject(instant, flow& f, std::uint64_t code, std::string_view reason) {
  if (!f.incoming || f.answer != flow_answer::none) return errc::invalid_argument;
  f.answer = flow_answer::rejected;
  f.reject_code = code;
  f.reject_reason = reason.substr(0, wire::max_reason);
  f.app_closed = true;
  f.discard_received();
  f.discard_sent();
  if (down()) {
    flows_.remove(f);
    return errc{};
  }
  owe(f, duty_reject);
  return errc{};
}

// Hands to the placement what the application wrote and the peer's credit covers.
void link::offer(flow& f) {
  if (f.reset_code || f.answer == flow_answer::rejected || !root_of(f).installed()) return;
  auto end = std::min(f.send.written(), f.send_limit);
  // The FIN needs no credit, and of packets, which keep no order, it goes behind the last.
  const bool last = !f.packets || f.send.acknowledged() == f.send.written();
  if (end == f.send.written() && f.send.finished() && last) ++end;
  if (end <= f.offered) return;
  if (!f.place) place(f);
  f.place->offer({f.offered, end});
  f.offered = end;
  flows_.enter_ring(f);
  wake_data();
}

result<std::size_t> link::write(instant now, flow& f, bytes_view data) {
  if (f.packets) return errc::mode_mismatch;
  if (f.write_error() != errc{}) return f.write_error();
  if (f.send.finished() || f.app_closed) return errc::closed;
  const auto taken = f.send.write(s_.pool, data, send_room(f));
  if (taken < data.size()) f.wants_write = true;
  wanted(now);
  offer(f);
  return taken;
}

result<endpoint::read_result> link::read(instant now, flow& f, bytes_span out) {
  if (f.packets) return errc::mode_mismatch;
  if (f.app_closed) return errc::closed;
  if (f.recv.readable() > 0 && !out.empty()) {
    const auto n = f.recv.read(out);
    flows_.release_buffers(paths_.size());
    grow_window(now, f);
    settle(f);
    return endpoint::read_result{n, f.recv.at_end()};
  }
  if (f.recv.at_end()) return endpoint::read_result{0, true};
  if (f.read_error() != errc{}) return f.read_error();
  return endpoint::read_result{};
}

void link::consume(instant now, flow& f, std::size_t n) {
  if (f.packets) return;
  f.recv.consume(std::min(n, f.recv.readable()));
  flows_.release_buffers(paths_.size());
  grow_window(now, f);
  settle(f);
}

// Credit follows what the application consumed. A reader that keeps up with a full window within
// two round trips shows demand: its window grows from the free budget.
void link::grow_window(instant now, flow& f) {
  if (down() || f.window == 0 || f.final_size() || f.peer_reset) return;
  const auto consumed = f.consumed();
  if (consumed - f.window_mark >= f.window / 2) {
    const auto rtt = paths_.longest_round_trip(std::chrono::milliseconds(1));
    const bool busy = f.window_since == instant{} || now - f.window_since <= 4 * rtt;
    const auto most = s_.memory.free() > s_.memory.limit() / 2 ? defaults::flow_window_max
                                                               : defaults::flow_window;
    const auto target =
        std::min(f.window * 4, f.window < defaults::flow_window ? defaults::flow_window : most);
    if (busy && target > f.window && target - f.window <= s_.memory.free() / 2 &&
        s_.memory.take(static_cast<std::size_t>(target - f.window))) {
      f.window = target;
    }
    f.window_since = now;
    f.window_mark = consumed;
  }
  f.recv_limit = std::max(f.recv_limit, consumed + f.window);
  if (f.recv_limit - f.limit_told >= f.window / 4) {
    f.limit_told = f.recv_limit;
    owe(f, duty_max_data);
  }
}

errc link::shutdown(instant, flow& f) {
  if (f.failed != errc{}) return f.failed;
  if (f.app_closed) return errc::closed;
  if (f.reset_code) return errc::aborted;
  f.send.finish();
  offer(f);
  return errc{};
}

void link::close_flow(instant now, flow& f) {
  if (f.app_closed) return;
  if (!f.reset_code && !f.send.finished()) {
    f.send.finish();
    if (!down()) offer(f);
  }
  let_go(now, f, 0);
}

void link::abort_flow(instant now, flow& f, std::uint64_t code) {
  if (f.app_closed) return;
  if (!down()) reset_sending(f, code);
  let_go(now, f, code);
}

void link::abort_after_delivery(instant now, flow& f, std::uint64_t code) {
  if (f.app_closed) return;
  if (!f.reset_code && !f.send.finished()) f.reset_after = code;
  if (!down()) reset_if_delivered(f);
  let_go(now, f, code);
}

// The application is gone: nobody reads what comes, and our direction ends by itself. A reader that
// is slow or paused is not an error: what was written waits for him as long as the link lives.
void link::let_go(instant now, flow& f, std::uint64_t code) {
  f.app_closed = true;
  if (down()) return flows_.remove(f);
  if (f.incoming && f.answer == flow_answer::none && !f.reset_code) {
    f.answer = flow_answer::accepted;
    owe(f, duty_accept);
  }
  if (!f.recv_done()) {
    f.stop_code = code;
    owe(f, duty_stop);
  }
  f.discard_received();
  settle(f);
  check_closing(now);
}

// The peer has all of it: what it reads next is the reset.
void link::reset_if_delivered(flow& f) {
  if (f.reset_after && f.send.all_acknowledged()) reset_sending(f, *f.reset_after);
}

// Our direction ends here: what was not delivered will not be.
void link::reset_sending(flow& f, std::uint64_t code) {
  if (f.reset_code || f.send_done()) return;
  f.reset_code = code;
  f.discard_sent();
  owe(f, duty_reset);
}

void link::tell_ready(flow& f) {
  if (flows_.queue_ready(f)) s_.ready_links.push_back(ref_);
}

std::optional<event::flow_ready> link::poll_ready() {
  const auto* f = flows_.next_ready();
  if (f == nullptr) return std::nullopt;
  event::flow_ready e;
  e.flow = {ref_, f->number};
  e.readable = !f->read_waits();
  e.writable = !f->wants_write || f->failed != errc{} || f->write_stopped;
  e.accepted = f->answer == flow_answer::accepted;
  return e;
}

void link::fail_flow(flow& f, errc code, std::uint64_t app_code, std::string detail) {
  if (f.failed == errc{}) {
    f.failed = code;
    if (!f.peer_reset && !f.write_stopped) f.app_code = app_code;
    f.detail = std::move(detail);
  }
  f.discard_sent();
  tell_ready(f);
}

// What a flow may hold unacknowledged: enough for two round trips of all paths that carry data.
// Under a bond the others go on while the receiver waits for the slowest child, which holds three
// of its round trips (policy/bond.cpp) and needs one more to repair a loss.
std::size_t link::send_room(const flow& f) const noexcept {
  constexpr double bond_round_trips = 4;
  const auto now = paths_.throughput();
  auto wanted = 2 * now.product;
  if (!f.packets && root_of(f).target.has_bond()) {
    const auto whole =
        bond_round_trips * now.rate * std::chrono::duration<double>(now.slowest).count();
    wanted = std::max(wanted, whole);
  }
  const auto room = static_cast<std::size_t>(std::min(wanted, double{defaults::flow_window_max}));
  const auto most = std::max(s_.config.send_buffer, room);
  // What is written is bounded like what is received: then writers wait for their acknowledgements.
  return s_.pool.in_use() < s_.memory.limit() ? most : std::min(most, defaults::send_scarce);
}

void link::tell_done(flow& f) {
  if (f.done_told || f.app_closed) return;
  f.done_told = true;
  s_.events.order(event::flow_done{{ref_, f.number}, f.outcome(), f.app_code, f.detail});
}

// Tells once that nothing more will be exchanged and all was read, and forgets the flow when the
// application has too.
void link::settle(flow& f) {
  if (!f.settled()) return;
  const bool unread = f.readable() && f.failed == errc{};
  if (f.app_closed || !unread) tell_done(f);
  if (f.app_closed) flows_.remove(f);
}

std::vector<carrier_id> link::sweep() {
  flows_.sweep();
  return paths_.sweep();
}

}  // namespace rendr::engine
