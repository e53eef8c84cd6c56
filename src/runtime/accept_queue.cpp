// SPDX-License-Identifier: Apache-2.0
#include "runtime/accept_queue.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "runtime/stream_core.hpp"

namespace rendr::detail {

bool accept_queue::push(std::shared_ptr<stream_core> flow) {
  accept_completion done;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    if (waiters_.empty()) {
      if (flows_.size() >= limit_) return false;
      flows_.push_back(std::move(flow));
      return true;
    }
    done = std::move(waiters_.front().done);
    waiters_.pop_front();
  }
  done({}, incoming_access::make(std::move(flow)));
  return true;
}

void accept_queue::take(std::uint64_t operation, accept_completion done) {
  std::shared_ptr<stream_core> flow;
  std::error_code code;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      code = code_;
    } else if (flows_.empty()) {
      waiters_.push_back({operation, std::move(done)});
      return;
    } else {
      flow = std::move(flows_.front());
      flows_.pop_front();
    }
  }
  done(code, flow ? incoming_access::make(std::move(flow)) : incoming());
}

void accept_queue::cancel(std::uint64_t operation) {
  accept_completion done;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(waiters_.begin(), waiters_.end(),
                                    [&](const waiter& one) { return one.operation == operation; });
    if (found == waiters_.end()) return;
    done = std::move(found->done);
    waiters_.erase(found);
  }
  done(asio::error::operation_aborted, incoming());
}

void accept_queue::close(std::error_code code) {
  std::deque<std::shared_ptr<stream_core>> flows;
  std::deque<waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    code_ = code;
    flows.swap(flows_);
    waiters.swap(waiters_);
  }
  for (auto& one : waiters) one.done(code, incoming());
  for (auto& flow : flows) incoming_access::make(std::move(flow)).reject(0, "not accepted");
}

}  // namespace rendr::detail
