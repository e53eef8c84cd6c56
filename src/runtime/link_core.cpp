// SPDX-License-Identifier: Apache-2.0
#include "runtime/link_core.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "runtime/loop.hpp"

namespace rendr::detail {

failure link_core::error() const {
  const std::lock_guard lock(mutex);
  return shared.error;
}

instance_id link_core::peer() const {
  const std::lock_guard lock(mutex);
  return shared.peer;
}

void link_core::came_up(const link_id& id, const instance_id& peer_instance) {
  up = true;
  {
    const std::lock_guard lock(mutex);
    shared.id = id;
    shared.peer = peer_instance;
  }
  std::vector<waiter> ready;
  for (auto it = waiters.begin(); it != waiters.end();) {
    if (it->what != link::wait_type::up) {
      ++it;
      continue;
    }
    ready.push_back(std::move(*it));
    it = waiters.erase(it);
  }
  for (auto& one : ready) one.done({});
}

void link_core::went_down(const failure& why) {
  if (std::exchange(down, true)) return;
  {
    const std::lock_guard lock(mutex);
    shared.error = why;
  }
  dials.clear();
  for (auto& [spec, one] : leaves) one.aim.reset();
  if (incoming_flows) incoming_flows->close(why.code);
  for (auto& one : std::exchange(waiters, {})) one.done(why.code);
}

void link_core::wait(std::uint64_t operation, link::wait_type what, void_completion done) {
  if (down) return done(error().code);
  if (what == link::wait_type::up && up) return done({});
  waiters.push_back({operation, what, std::move(done)});
}

void link_core::cancel(std::uint64_t operation) {
  const auto found = std::find_if(waiters.begin(), waiters.end(),
                                  [&](const waiter& one) { return one.operation == operation; });
  if (found != waiters.end()) {
    const bool connecting = found->what == link::wait_type::up && side == link_side::dialer && !up;
    auto done = std::move(found->done);
    waiters.erase(found);
    done(asio::error::operation_aborted);
    if (connecting && !down && !home->ended()) {
      home->endpoint().abort_link(home->now(), ref);
      home->touch();
    }
    return;
  }
  if (incoming_flows) incoming_flows->cancel(operation);
}

link_handle::~link_handle() {
  core->home->dispatch([core = core] {
    if (core->down || core->home->ended()) return;
    core->home->endpoint().close_link(core->home->now(), core->ref, 0, "");
    core->home->touch();
  });
}

}  // namespace rendr::detail
