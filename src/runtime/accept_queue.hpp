// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <unordered_map>

#include "rendr/incoming.hpp"

namespace rendr::detail {

struct link_core;

/// Flows that peers opened and the application has not taken yet, and those who wait for one. The
/// links take turns, each in the order of its flows, so that a burst of one delays the others by
/// one flow each. None is refused for being one of many: a flow that waits counts among the
/// `flows_per_link` of its link and has its reserve of the budget, which bound them all.
/// Any thread may use it: the flows of a listener come from all loops.
class accept_queue {
 public:
  /// False when it is closed: the caller refuses the flow.
  bool push(const link_core* link, std::shared_ptr<stream_core> flow);
  /// The link is over: of its flows only those are still worth taking that were ended or left bytes
  /// behind. 1,024 of such flows wait, of all links together; the oldest give way.
  void forget(const link_core* link);
  /// How many flows wait.
  std::size_t size() const;
  /// Completes with a flow, now or later.
  void take(std::uint64_t operation, accept_completion done);
  void cancel(std::uint64_t operation);
  /// Those who wait get `code`; what is queued is rejected.
  void close(std::error_code code);

 private:
  struct waiter {
    std::uint64_t operation = 0;
    accept_completion done;
  };
  using line = std::deque<std::shared_ptr<stream_core>>;

  mutable std::mutex mutex_;
  bool closed_ = false;
  std::error_code code_;
  /// None is empty. Those of links that are over stand in the line of nullptr.
  std::unordered_map<const link_core*, line> lines_;
  std::deque<const link_core*> turns_;  // each link that has a line, once
  std::deque<waiter> waiters_;
};

}  // namespace rendr::detail
