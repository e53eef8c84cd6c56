// SPDX-License-Identifier: Apache-2.0
#include "transport/memory/pipe.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <deque>

namespace rendr::transport {

namespace {

/// One direction.
struct lane {
  std::deque<std::byte> bytes;
  std::size_t capacity = 0;
  bool ended = false;   // the writer is done
  bool broken = false;  // the reader is gone
};

class memory_end final : public stream_io, public std::enable_shared_from_this<memory_end> {
 public:
  memory_end(asio::any_io_executor executor, std::shared_ptr<lane> in, std::shared_ptr<lane> out)
      : executor_(std::move(executor)), in_(std::move(in)), out_(std::move(out)) {}
  memory_end(const memory_end&) = delete;
  memory_end& operator=(const memory_end&) = delete;
  ~memory_end() override { memory_end::close(); }

  void set_peer(const std::shared_ptr<memory_end>& peer) { peer_ = peer; }
  void set_sink(io_sink* sink) override { sink_ = sink; }

  io_result read(std::span<std::byte> into) override {
    if (closed_) return {io_status::eof, 0, {}};
    const auto n = std::min(into.size(), in_->bytes.size());
    if (n == 0) return {in_->ended ? io_status::eof : io_status::would_block, 0, {}};
    std::copy_n(in_->bytes.begin(), n, into.begin());
    in_->bytes.erase(in_->bytes.begin(), in_->bytes.begin() + static_cast<std::ptrdiff_t>(n));
    if (auto peer = peer_.lock()) peer->notify();
    return {io_status::ok, n, {}};
  }

  io_result write(std::span<const bytes_view> pieces) override {
    if (closed_ || out_->ended || out_->broken)
      return {io_status::failed, 0, std::make_error_code(std::errc::broken_pipe)};
    std::size_t total = 0;
    for (const auto& piece : pieces) {
      const auto n = std::min(piece.size(), out_->capacity - out_->bytes.size());
      out_->bytes.insert(out_->bytes.end(), piece.begin(),
                         piece.begin() + static_cast<std::ptrdiff_t>(n));
      total += n;
      if (n < piece.size()) break;
    }
    if (total == 0) return {io_status::would_block, 0, {}};
    if (auto peer = peer_.lock()) peer->notify();
    return {io_status::ok, total, {}};
  }

  void want_read() override {
    read_wanted_ = true;
    notify();
  }
  void want_write() override {
    write_wanted_ = true;
    notify();
  }
  void shutdown_send() override {
    out_->ended = true;
    if (auto peer = peer_.lock()) peer->notify();
  }
  void close() override {
    if (closed_) return;
    closed_ = true;
    sink_ = nullptr;
    in_->broken = true;
    in_->bytes.clear();
    shutdown_send();
  }

 private:
  bool can_read() const { return !in_->bytes.empty() || in_->ended; }
  bool can_write() const {
    return out_->broken || out_->ended || out_->bytes.size() < out_->capacity;
  }

  void notify() {
    if (closed_ || posted_) return;
    if (!(read_wanted_ && can_read()) && !(write_wanted_ && can_write())) return;
    posted_ = true;
    asio::post(executor_, [self = shared_from_this()] { self->deliver(); });
  }

  void deliver() {
    posted_ = false;
    if (sink_ && read_wanted_ && can_read()) {
      read_wanted_ = false;
      sink_->readable();
    }
    if (sink_ && write_wanted_ && can_write()) {
      write_wanted_ = false;
      sink_->writable();
    }
  }

  asio::any_io_executor executor_;
  std::shared_ptr<lane> in_;
  std::shared_ptr<lane> out_;
  std::weak_ptr<memory_end> peer_;
  io_sink* sink_ = nullptr;
  bool closed_ = false;
  bool posted_ = false;
  bool read_wanted_ = false;
  bool write_wanted_ = false;
};

}  // namespace

std::pair<std::shared_ptr<stream_io>, std::shared_ptr<stream_io>> memory_pipe(
    const asio::any_io_executor& executor, std::size_t capacity) {
  auto forth = std::make_shared<lane>();
  auto back = std::make_shared<lane>();
  forth->capacity = back->capacity = capacity;
  auto one = std::make_shared<memory_end>(executor, back, forth);
  auto other = std::make_shared<memory_end>(executor, forth, back);
  one->set_peer(other);
  other->set_peer(one);
  return {one, other};
}

}  // namespace rendr::transport
