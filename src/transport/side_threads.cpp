// SPDX-License-Identifier: Apache-2.0
#include "transport/side_threads.hpp"

#include <asio/post.hpp>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace rendr::transport {

struct side_threads::shared {
  std::mutex mutex;
  std::optional<asio::any_io_executor> executor;  // empty once the owner is gone
  std::size_t limit = 0;
  std::size_t running = 0;

  void finish(conclusion result) {
    const std::lock_guard lock(mutex);
    --running;
    if (executor) asio::post(*executor, std::move(result));
  }
};

side_threads::side_threads(asio::any_io_executor executor, std::size_t limit)
    : shared_(std::make_shared<shared>()) {
  shared_->executor = std::move(executor);
  shared_->limit = limit;
}

side_threads::~side_threads() {
  const std::lock_guard lock(shared_->mutex);
  shared_->executor.reset();
}

bool side_threads::run(blocking_call call) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->running >= shared_->limit) return false;
    ++shared_->running;
  }
  try {
    std::thread([state = shared_, call = std::move(call)] { state->finish(call()); }).detach();
  } catch (const std::system_error&) {
    const std::lock_guard lock(shared_->mutex);
    --shared_->running;
    return false;
  }
  return true;
}

std::size_t side_threads::running() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->running;
}

}  // namespace rendr::transport
