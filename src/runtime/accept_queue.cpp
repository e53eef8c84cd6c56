// SPDX-License-Identifier: Apache-2.0
#include "runtime/accept_queue.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <iterator>
#include <utility>

#include "runtime/stream_core.hpp"

namespace rendr::detail {

namespace {

constexpr std::size_t most_left_behind = 1024;  // flows of links that are over

}  // namespace

bool accept_queue::push(const link_core* link, std::shared_ptr<stream_core> flow) {
  accept_completion done;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    if (waiters_.empty()) {
      auto& own = lines_[link];
      if (own.empty()) turns_.push_back(link);
      own.push_back(std::move(flow));
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
    } else if (turns_.empty()) {
      waiters_.push_back({operation, std::move(done)});
      return;
    } else {
      const auto* link = turns_.front();
      turns_.pop_front();
      const auto found = lines_.find(link);
      flow = std::move(found->second.front());
      found->second.pop_front();
      if (found->second.empty()) {
        lines_.erase(found);
      } else {
        turns_.push_back(link);
      }
    }
  }
  done(code, flow ? incoming_access::make(std::move(flow)) : incoming());
}

void accept_queue::forget(const link_core* link) {
  line gone;
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(link);
  if (found == lines_.end()) return;
  gone.swap(found->second);
  lines_.erase(found);
  std::erase(turns_, link);
  const auto kept = std::stable_partition(gone.begin(), gone.end(),
                                          [](const auto& flow) { return !flow->can_be_read(); });
  if (kept == gone.end()) return;
  auto& over = lines_[nullptr];
  if (over.empty()) turns_.push_back(nullptr);
  std::move(kept, gone.end(), std::back_inserter(over));
  for (; over.size() > most_left_behind; over.pop_front()) gone.push_back(std::move(over.front()));
}

std::size_t accept_queue::size() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [link, waiting] : lines_) sum += waiting.size();
  return sum;
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
  std::unordered_map<const link_core*, line> lines;
  std::deque<waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    code_ = code;
    lines.swap(lines_);
    turns_.clear();
    waiters.swap(waiters_);
  }
  for (auto& one : waiters) one.done(code, incoming());
  for (auto& [link, waiting] : lines) {
    for (auto& flow : waiting) incoming_access::make(std::move(flow)).reject(0, "not accepted");
  }
}

}  // namespace rendr::detail
