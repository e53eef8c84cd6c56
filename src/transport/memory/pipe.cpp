// SPDX-License-Identifier: Apache-2.0
#include "transport/memory/pipe.hpp"

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <deque>
#include <mutex>
#include <vector>

#include "base/bytes.hpp"

namespace rendr::transport {

class memory_end;

/// What flows to one end.
struct memory_lane {
  std::deque<std::byte> bytes;
  bool ended = false;   // the writer is done
  bool broken = false;  // the reader is gone
};

/// Who looks at what waits for an end that was not made.
struct memory_onlooker {
  std::size_t size = 0;
  asio::any_io_executor executor;
  std::shared_ptr<std::function<void(std::span<const std::byte>)>> done;
};

struct memory_state {
  explicit memory_state(std::size_t c) : capacity(c) {}
  const std::size_t capacity;
  std::mutex mutex;  // guards what follows; index 0 is side one
  std::array<memory_lane, 2> to;
  std::array<std::weak_ptr<memory_end>, 2> ends;
  std::array<memory_onlooker, 2> onlookers;
};

namespace {

using state_ptr = std::shared_ptr<memory_state>;

constexpr std::size_t index_of(memory_pipe::side which) { return static_cast<std::size_t>(which); }

/// With the lock.
void show(memory_state& state, std::size_t reader) {
  auto& watcher = state.onlookers[reader];
  const auto& in = state.to[reader];
  if (!watcher.done || (in.bytes.size() < watcher.size && !in.ended)) return;
  const auto n = static_cast<std::ptrdiff_t>(std::min(watcher.size, in.bytes.size()));
  std::vector<std::byte> first(in.bytes.begin(), in.bytes.begin() + n);
  // Whoever abandons the end meanwhile takes the callee away.
  asio::post(watcher.executor, [first = std::move(first), done = std::weak_ptr(watcher.done)] {
    if (const auto callee = done.lock(); callee && *callee) (*callee)(first);
  });
}

}  // namespace

class memory_end final : public stream_face, public std::enable_shared_from_this<memory_end> {
 public:
  memory_end(asio::any_io_executor executor, state_ptr state, std::size_t self)
      : executor_(std::move(executor)), state_(std::move(state)), self_(self) {}
  memory_end(const memory_end&) = delete;
  memory_end& operator=(const memory_end&) = delete;
  ~memory_end() override { memory_end::close(); }

  void set_sink(carrier_sink* sink) override { sink_ = sink; }

  io_result read(std::span<std::byte> into) override {
    std::shared_ptr<memory_end> peer;  // outlives the lock
    const std::lock_guard lock(state_->mutex);
    if (closed_) return {io_status::eof, 0, {}};
    auto& in = state_->to[self_];
    const auto n = std::min(into.size(), in.bytes.size());
    if (n == 0) return {in.ended ? io_status::eof : io_status::would_block, 0, {}};
    std::copy_n(in.bytes.begin(), n, into.begin());
    in.bytes.erase(in.bytes.begin(), in.bytes.begin() + static_cast<std::ptrdiff_t>(n));
    wake_other(peer);
    return {io_status::ok, n, {}};
  }

  io_result write(std::span<const bytes_view> pieces) override {
    std::shared_ptr<memory_end> peer;
    const std::lock_guard lock(state_->mutex);
    auto& out = state_->to[1 - self_];
    if (closed_ || out.ended || out.broken)
      return {io_status::failed, 0, std::make_error_code(std::errc::broken_pipe)};
    std::size_t total = 0;
    for (const auto& piece : pieces) {
      const auto n = std::min(piece.size(), state_->capacity - out.bytes.size());
      out.bytes.insert(out.bytes.end(), piece.begin(),
                       piece.begin() + static_cast<std::ptrdiff_t>(n));
      total += n;
      if (n < piece.size()) break;
    }
    if (total == 0) return {io_status::would_block, 0, {}};
    wake_other(peer);
    return {io_status::ok, total, {}};
  }

  void want_read() override {
    const std::lock_guard lock(state_->mutex);
    read_wanted_ = true;
    wake();
  }
  void want_write() override {
    const std::lock_guard lock(state_->mutex);
    write_wanted_ = true;
    wake();
  }
  void shutdown_send() override {
    std::shared_ptr<memory_end> peer;
    const std::lock_guard lock(state_->mutex);
    state_->to[1 - self_].ended = true;
    wake_other(peer);
  }
  void close() override {
    sink_ = nullptr;
    std::shared_ptr<memory_end> peer;
    const std::lock_guard lock(state_->mutex);
    if (closed_) return;
    closed_ = true;
    state_->to[self_].broken = true;
    state_->to[self_].bytes.clear();
    state_->to[1 - self_].ended = true;
    wake_other(peer);
  }

  /// With the lock.
  void wake() {
    if (closed_ || posted_) return;
    if (!(read_wanted_ && can_read()) && !(write_wanted_ && can_write())) return;
    posted_ = true;
    asio::post(executor_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->deliver();
    });
  }

 private:
  bool can_read() const { return !state_->to[self_].bytes.empty() || state_->to[self_].ended; }
  bool can_write() const {
    const auto& out = state_->to[1 - self_];
    return out.broken || out.ended || out.bytes.size() < state_->capacity;
  }

  void wake_other(std::shared_ptr<memory_end>& peer) {
    peer = state_->ends[1 - self_].lock();
    if (peer) peer->wake();
    show(*state_, 1 - self_);
  }

  void deliver() {
    bool read = false;
    bool write = false;
    {
      const std::lock_guard lock(state_->mutex);
      posted_ = false;
      read = read_wanted_ && can_read();
      write = write_wanted_ && can_write();
      if (read) read_wanted_ = false;
      if (write) write_wanted_ = false;
    }
    if (read && sink_ != nullptr) sink_->readable();
    if (write && sink_ != nullptr) sink_->writable();
  }

  asio::any_io_executor executor_;
  const state_ptr state_;
  const std::size_t self_;
  carrier_sink* sink_ = nullptr;
  // With the lock.
  bool closed_ = false;
  bool posted_ = false;
  bool read_wanted_ = false;
  bool write_wanted_ = false;
};

memory_pipe::memory_pipe(std::size_t capacity) : state_(std::make_shared<memory_state>(capacity)) {}

std::shared_ptr<stream_face> memory_pipe::end(side which, const asio::any_io_executor& executor) {
  auto made = std::make_shared<memory_end>(executor, state_, index_of(which));
  const std::lock_guard lock(state_->mutex);
  state_->ends[index_of(which)] = made;
  state_->onlookers[index_of(which)] = {};
  return made;
}

void memory_pipe::abandon(side which) {
  std::shared_ptr<memory_end> peer;  // outlives the lock
  const std::lock_guard lock(state_->mutex);
  state_->onlookers[index_of(which)] = {};
  state_->to[index_of(which)].broken = true;
  state_->to[1 - index_of(which)].ended = true;
  peer = state_->ends[1 - index_of(which)].lock();
  if (peer) peer->wake();
}

void memory_pipe::look(side which, std::size_t size, const asio::any_io_executor& executor,
                       std::function<void(std::span<const std::byte>)> done) {
  const std::lock_guard lock(state_->mutex);
  state_->onlookers[index_of(which)] = {
      size, executor,
      std::make_shared<std::function<void(std::span<const std::byte>)>>(std::move(done))};
  show(*state_, index_of(which));
}

std::pair<std::shared_ptr<stream_face>, std::shared_ptr<stream_face>> memory_ends(
    const asio::any_io_executor& executor, std::size_t capacity) {
  memory_pipe pipe(capacity);
  return {pipe.end(memory_pipe::side::one, executor), pipe.end(memory_pipe::side::other, executor)};
}

}  // namespace rendr::transport
