// SPDX-License-Identifier: Apache-2.0
#include "engine/link/flow_care.hpp"

#include <algorithm>

#include "engine/link/waker.hpp"

namespace rendr::engine {

void flow_care::apply(instant now, flow& f, const flow_effects& then) {
  if (then.consumed) grow_window(now, f);
  if (then.owes) owe(f);
  if (then.placed) placed(f);
  if (then.ready) tell_ready(f);
  if (then.settles) settle(f);
}

void flow_care::owe(flow& f) {
  r_.flows.queue_control(f);
  waker(r_).control();
}

void flow_care::offer(flow& f) {
  if (f.offer(r_.root_of(f).target)) placed(f);
}

void flow_care::placed(flow& f) {
  r_.flows.enter_ring(f);
  waker(r_).data();
}

void flow_care::grow_window(instant now, flow& f) {
  if (r_.down()) return;
  const auto rtt =
      f.window_due() ? r_.paths.longest_round_trip(std::chrono::milliseconds(1)) : duration(0);
  if (f.grow_window({now, rtt}, r_.shared.memory)) owe(f);
}

// What a flow may hold unacknowledged: enough for two round trips of all paths that carry data.
// Under a bond the others go on while the receiver waits for the slowest child, which holds three
// of its round trips (policy/bond.cpp) and needs one more to repair a loss. Of packets, which are
// worth little when they are old, only so many wait for their first path.
send_room flow_care::room_of(const flow& f) const noexcept {
  constexpr double bond_round_trips = 4;
  const auto seconds = [](duration time) { return std::chrono::duration<double>(time).count(); };
  const auto now = r_.paths.throughput();
  auto wanted = 2 * now.product;
  if (!f.packets() && r_.root_of(f).target.has_bond()) {
    wanted = std::max(wanted, bond_round_trips * now.rate * seconds(now.slowest));
  }
  const auto room = static_cast<std::size_t>(std::min(wanted, double{defaults::flow_window_max}));
  const auto drained = static_cast<std::size_t>(now.rate * seconds(defaults::packet_queue_time));
  return {std::max(r_.shared.config.send_buffer, room),
          std::max(defaults::packet_queue_min, drained), r_.shared.memory.limit(), &r_.shared.pool};
}

void flow_care::tell_ready(flow& f) {
  if (r_.flows.queue_ready(f)) r_.shared.ready_links.push_back(r_.ref);
}

void flow_care::tell_done(flow& f) {
  if (!f.tell_done()) return;
  r_.shared.events.order(
      event::flow_done{{r_.ref, f.number()}, f.outcome(), f.app_code(), f.detail()});
}

void flow_care::settle(flow& f) {
  if (!f.settled()) return;
  if (!f.unread()) tell_done(f);
  if (f.let_go_of()) r_.flows.remove(f);
}

void flow_care::consumed(instant now, flow& f) {
  r_.flows.release_buffers(r_.paths.size());
  grow_window(now, f);
  settle(f);
}

}  // namespace rendr::engine
