// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/types.hpp"
#include "rendr/events.hpp"
#include "rendr/incoming.hpp"
#include "rendr/link.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/transport.hpp"
#include "runtime/accept_queue.hpp"

namespace rendr::detail {

class loop;
struct runtime_core;

/// One leaf of a dialled link: how to make its connection.
struct leaf {
  path_spec spec;
  std::unique_ptr<transport::target> aim = {};  ///< from its first dial on
};

/// What the runtime knows of one link. Everything outside `shared` belongs to the loop's thread.
struct link_core : std::enable_shared_from_this<link_core> {
  struct waiter {
    std::uint64_t operation = 0;
    link::wait_type what{};
    void_completion done;
  };

  link_core(std::shared_ptr<loop> h, link_side s) : home(std::move(h)), side(s) {}

  const std::shared_ptr<loop> home;
  const link_side side;
  engine::link_ref ref{};
  bool insecure = false;     ///< anybody may answer, and records may go in clear
  bool proves_peer = false;  ///< by its credentials
  /// Whether the path may leave this machine on a carrier that is not secured.
  bool may_leave(const path_spec& path) const noexcept {
    return insecure || (proves_peer && !path.plaintext);
  }
  bool up = false;
  bool down = false;
  link_observer observer;
  std::map<engine::spec_id, leaf> leaves;
  std::size_t numbered = 0;  ///< the last number that a path without a name was given
  std::map<std::uint64_t, std::unique_ptr<transport::dial>> dials;
  std::vector<waiter> waiters;
  std::shared_ptr<accept_queue> incoming_flows;  // null: flows of the other end are refused

  /// Read by any thread.
  mutable std::mutex mutex;
  struct {
    failure error;
    link_id id{};
    instance_id peer{};
  } shared;

  void came_up(const link_id& id, const instance_id& peer);
  /// `why.code` as the waiters see it.
  void went_down(const failure& why);
  void wait(std::uint64_t operation, link::wait_type what, void_completion done);
  void cancel(std::uint64_t operation);
  failure error() const;
  instance_id peer() const;
};

/// Shared by the handles of a dialled link: the link is closed when the last one is gone.
struct link_handle {
  explicit link_handle(std::shared_ptr<link_core> c) : core(std::move(c)) {}
  link_handle(const link_handle&) = delete;
  link_handle& operator=(const link_handle&) = delete;
  ~link_handle();
  std::shared_ptr<link_core> core;
};

}  // namespace rendr::detail
