// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "relay/byte_end.hpp"
#include "rendr/error.hpp"
#include "rendr/stream.hpp"
#include "support/relay_script.hpp"

/// A TCP connection and a flow in memory, as the ends of a bridge meet them. Nothing moves by
/// itself: a test calls `move` in any order it likes.
namespace rendr::test {

using byte_queue = std::deque<std::byte>;

inline std::size_t take_bytes(byte_queue& from, std::size_t n, std::byte* to) {
  n = std::min(n, from.size());
  std::copy_n(from.begin(), n, to);
  from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(n));
  return n;
}

/// One end of a connection: its kernel, as Linux has it.
struct memory_kernel {
  std::size_t send_room = 0;
  std::size_t receive_room = 0;
  byte_queue sending;
  byte_queue received;
  std::uint64_t arrived = 0;
  bool fin_queued = false;
  bool fin_sent = false;
  bool fin_received = false;
  bool closed = false;  ///< by its program
  bool dead = false;    ///< reset, by either side
  memory_kernel* peer = nullptr;
  std::function<void()> changed;

  void tell() const {
    if (changed) changed();
  }
  void die() {
    if (std::exchange(dead, true)) return;
    sending.clear();
    tell();
  }
  void send_reset() {
    die();
    peer->die();
  }
  /// Brings up to `n` bytes to the other side, then the end of stream.
  bool move(std::size_t n) {
    if (dead || fin_sent) return false;
    n = std::min({n, sending.size(), peer->receive_room - peer->received.size()});
    if (n > 0 && peer->closed) {
      send_reset();
      return true;
    }
    for (std::size_t i = 0; i < n; ++i) {
      peer->received.push_back(sending.front());
      sending.pop_front();
    }
    peer->arrived += n;
    const bool fin = sending.empty() && fin_queued;
    if (fin) fin_sent = peer->fin_received = true;
    if (n > 0 || fin) {
      tell();
      peer->tell();
    }
    return n > 0 || fin;
  }

  io_result read(std::span<std::byte> out) {
    if (!received.empty()) return {take_bytes(received, out.size(), out.data()), false, false};
    if (fin_received) return {};
    return {0, !dead, dead};
  }
  io_result write(std::span<const std::byte> data) {
    if (dead || fin_queued) return {0, false, true};
    const auto n = std::min(data.size(), send_room - sending.size());
    sending.insert(sending.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
    return {n, n == 0, false};
  }
  void shutdown() { fin_queued = true; }
  bool close_resets() const { return !received.empty() && !dead; }
  void close() {
    closed = true;
    if (close_resets()) return send_reset();
    fin_queued = true;
  }
  void reset() {
    closed = true;
    send_reset();
  }
};

/// Both ends of a connection.
struct memory_connection {
  memory_kernel near;
  memory_kernel far;

  explicit memory_connection(script_random& random) {
    for (auto* one : {&near, &far}) {
      one->send_room = 1 + below(random, 3000);
      one->receive_room = 1 + below(random, 3000);
    }
    near.peer = &far;
    far.peer = &near;
  }
};

/// What a scripted program holds of it.
struct memory_socket {
  memory_kernel* at;
  io_result read(std::span<std::byte> out) const { return at->read(out); }
  io_result write(std::span<const std::byte> data) const { return at->write(data); }
  void shutdown() const { at->shutdown(); }
  bool close_resets() const { return at->close_resets(); }
  void close() const { at->close(); }
  void reset() const { at->reset(); }
  bool settled() const { return at->sending.empty() || at->dead; }
};

/// The relay's end of a connection.
class memory_end final : public relay::byte_end {
 public:
  memory_end(asio::io_context& io, memory_kernel& at) : io_(io), at_(at) {
    at_.changed = [this] { check(); };
  }
  ~memory_end() override {
    // As a socket that is closed when it has drained.
    at_.changed = state_ == state::open ? std::function<void()>()
                                        : [&at = at_, how = state_] { drain(at, how); };
    if (at_.changed) at_.changed();
  }

  void wait_readable(waiter done) override { wait(readable_, std::move(done)); }
  void wait_writable(waiter done) override { wait(writable_, std::move(done)); }
  void wait_aborted(waiter done) override { wait(aborted_, std::move(done)); }
  std::size_t read(std::span<std::byte> out, std::error_code& code) override {
    return answer(at_.read(out), code);
  }
  std::size_t write(std::span<const std::byte> data, std::error_code& code) override {
    return answer(at_.write(data), code);
  }
  void finish_writing() override { at_.shutdown(); }
  void close() override { end(state::closing); }
  void reset() override { end(state::resetting); }

 private:
  enum class state { open, closing, resetting };

  static std::size_t answer(const io_result& result, std::error_code& code) {
    code.clear();
    if (result.blocked) code = make_error_code(std::errc::operation_would_block);
    if (result.failed) code = make_error_code(std::errc::connection_reset);
    return result.size;
  }
  void wait(waiter& which, waiter done) {
    which = std::move(done);
    check();
  }
  void complete(waiter& which, std::error_code code) {
    if (!which) return;
    asio::post(io_, [done = std::exchange(which, nullptr), code] { done(code); });
  }
  void check() {
    if (state_ != state::open) return drain(at_, state_);
    if (!at_.received.empty() || at_.fin_received || at_.dead) complete(readable_, {});
    if (at_.sending.size() < at_.send_room || at_.dead) complete(writable_, {});
    if (at_.dead) complete(aborted_, make_error_code(std::errc::connection_reset));
  }
  void end(state how) {
    if (state_ != state::open) return;
    state_ = how;
    readable_ = writable_ = aborted_ = nullptr;
    if (how == state::closing) at_.shutdown();
    drain(at_, how);
  }
  static void drain(memory_kernel& at, state how) {
    at.received.clear();
    const bool empty = at.sending.empty() && (!at.fin_queued || at.fin_sent);
    if (at.dead || at.closed || !empty) return;
    if (how == state::closing) at.close();
    if (how == state::resetting) at.reset();
  }

  asio::io_context& io_;
  memory_kernel& at_;
  waiter readable_, writable_, aborted_;
  state state_ = state::open;
};

/// One direction of a flow.
struct memory_lane {
  std::size_t send_room = 0;
  std::size_t receive_room = 0;
  byte_queue sending;
  byte_queue received;
  std::uint64_t carried = 0;  ///< bytes that came to the reader's side
  bool fin = false;
  bool fin_received = false;
  bool stopping = false;  ///< the reader let go, the writer does not know
  bool stopped = false;
  bool discarded = false;              ///< something that was written will not arrive
  std::optional<std::uint64_t> reset;  ///< in place of the end of stream, behind what was written
  bool reset_received = false;

  bool over() const { return fin_received || reset_received || stopped; }
};

/// One end of a flow, as a bridge uses `rendr::stream`.
class memory_flow {
 public:
  struct core {
    asio::io_context& io;
    memory_lane& out;
    memory_lane& in;
    std::function<void()> writer, readable, done, delivered;
    bool released = false;

    void check() {
      const auto fire = [this](std::function<void()>& which, bool now) {
        if (!now || !which) return;
        auto run = std::exchange(which, nullptr);
        run();
      };
      const bool can_read = !in.received.empty() || in.fin_received || in.reset_received;
      fire(readable, can_read);
      fire(writer, out.sending.size() < out.send_room || out.stopped);
      fire(done, out.over() && (in.fin_received || in.reset_received) && in.received.empty());
      const bool acknowledged = out.sending.empty() || out.discarded;
      fire(delivered, acknowledged);
    }
  };

  memory_flow(asio::io_context& io, memory_lane& out, memory_lane& in)
      : core_(std::make_shared<core>(core{io, out, in, {}, {}, {}, {}})) {}

  std::shared_ptr<core> inside() const { return core_; }
  asio::any_io_executor get_executor() const { return core_->io.get_executor(); }

  friend std::size_t read_now(memory_flow& from, std::span<std::byte> out, std::error_code& code) {
    auto& in = from.core_->in;
    const auto n = take_bytes(in.received, out.size(), out.data());
    code.clear();
    if (n == 0) code = make_error_code(std::errc::operation_would_block);
    if (n == 0 && in.fin_received) code = asio::error::eof;
    if (n == 0 && in.reset_received) code = make_error_code(errc::aborted);
    return n;
  }
  template <class Handler>
  void async_write_some(asio::const_buffer data, Handler handler) {
    core_->writer = [c = core_.get(), data, handler] {
      const auto* from = static_cast<const std::byte*>(data.data());
      const auto room = c->out.stopped ? 0 : c->out.send_room - c->out.sending.size();
      const auto n = std::min(data.size(), room);
      c->out.sending.insert(c->out.sending.end(), from, from + n);
      const auto code = n == 0 ? make_error_code(errc::aborted) : std::error_code();
      asio::post(c->io, [handler, code, n] { handler(code, n); });
    };
    core_->check();
  }
  template <class Handler>
  void async_wait(stream::wait_type what, Handler handler) {
    const auto later = [c = core_.get(), handler](bool failed) {
      const auto code = failed ? make_error_code(errc::aborted) : std::error_code();
      asio::post(c->io, [handler, code] { handler(code); });
    };
    const auto c = core_.get();
    if (what == stream::wait_type::readable) c->readable = [later] { later(false); };
    if (what == stream::wait_type::done) c->done = [later, c] { later(c->in.reset_received); };
    if (what == stream::wait_type::delivered) {
      c->delivered = [later, c] { later(c->out.discarded); };
    }
    c->check();
  }

  void shutdown_send() { core_->out.fin = true; }
  void close() {
    if (!core_) return;
    if (!core_->out.reset) core_->out.fin = true;
    release();
  }
  void abort(std::uint64_t code) {
    core_->out.discarded = core_->out.discarded || !core_->out.sending.empty();
    core_->out.sending.clear();
    abort_after_delivery(code);
  }
  void abort_after_delivery(std::uint64_t code) {
    if (!core_) return;
    if (!core_->out.fin) core_->out.reset = code;
    release();
  }
  failure error() const {
    const bool failed = core_ && core_->in.reset_received;
    return failed ? failure{errc::aborted, "the peer reset the flow"} : failure{};
  }
  std::uint64_t app_code() const { return core_ && core_->in.reset ? *core_->in.reset : 0; }

 private:
  void release() {
    core_->released = true;
    core_->writer = core_->readable = core_->done = core_->delivered = nullptr;
    core_->in.received.clear();
    if (!core_->in.fin_received && !core_->in.reset_received) core_->in.stopping = true;
    core_.reset();
  }

  std::shared_ptr<core> core_;
};

/// A flow in memory, both ends.
class memory_flow_pair {
 public:
  memory_flow_pair(asio::io_context& io, script_random& random) {
    for (auto* lane : {&up_, &down_}) {
      lane->send_room = 1 + below(random, 6000);
      lane->receive_room = 1 + below(random, 6000);
    }
    near.emplace(io, up_, down_);
    far.emplace(io, down_, up_);
    near_core_ = near->inside();
    far_core_ = far->inside();
  }

  /// Brings something from one end to the other: up, or down.
  bool move(bool up, std::size_t n) {
    auto& lane = up ? up_ : down_;
    const auto& reader = up ? far_core_ : near_core_;
    n = std::min({n, lane.sending.size(), lane.receive_room - lane.received.size()});
    for (std::size_t i = 0; i < n; ++i) {
      if (!reader->released) lane.received.push_back(lane.sending.front());
      lane.sending.pop_front();
    }
    lane.carried += n;
    bool moved = n > 0;
    if (lane.sending.empty() && (lane.fin || lane.reset) && !lane.over()) {
      (lane.fin ? lane.fin_received : lane.reset_received) = true;
      moved = true;
    }
    if (moved) tell();
    return moved;
  }
  /// Tells a writer that its reader has let go.
  bool stop(bool up) {
    auto& lane = up ? up_ : down_;
    if (!lane.stopping || lane.over()) return false;
    lane.stopped = true;
    lane.discarded = lane.discarded || !lane.sending.empty();
    lane.sending.clear();
    tell();
    return true;
  }

  /// The link is over: what has come can be read, and then both ends fail.
  void fail() {
    for (auto* lane : {&up_, &down_}) {
      lane->discarded = lane->discarded || !lane->sending.empty();
      lane->sending.clear();
      lane->stopped = true;
      if (!lane->fin_received) lane->reset_received = true;
    }
    tell();
  }
  std::uint64_t carried(bool up) const { return (up ? up_ : down_).carried; }

  std::optional<memory_flow> near, far;

 private:
  void tell() {
    for (const auto& one : {near_core_, far_core_}) {
      if (!one->released) one->check();
    }
  }

  memory_lane up_, down_;
  std::shared_ptr<memory_flow::core> near_core_, far_core_;
};

}  // namespace rendr::test
