// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>

#include "rendr/incoming.hpp"

namespace rendr::detail {

/// Flows that peers opened and the application has not taken yet, and those who wait for one.
/// Any thread may use it: the flows of a listener come from all loops.
class accept_queue {
 public:
  explicit accept_queue(std::size_t limit) : limit_(limit) {}

  /// False when it is full or closed: the caller refuses the flow.
  bool push(std::shared_ptr<stream_core> flow);
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
  std::mutex mutex_;
  std::size_t limit_;
  bool closed_ = false;
  std::error_code code_;
  std::deque<std::shared_ptr<stream_core>> flows_;
  std::deque<waiter> waiters_;
};

}  // namespace rendr::detail
