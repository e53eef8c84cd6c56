// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_relay.hpp"

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <utility>
#include <vector>

namespace rendr::cli {

using asio::ip::tcp;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t piece_max = 256 * 1024;
constexpr auto piece_time = 2ms;   // a limited line moves what it carries in this time at once
constexpr auto queue_time = 40ms;  // and buffers so much, beside what its delay holds

/// What both connections of a direction share: the rate.
struct lane {
  relay_shape shape;
  clock::time_point free_at{};  ///< when the line has put its last byte on the wire

  std::size_t piece() const {
    if (shape.rate == 0) return piece_max;
    const auto bytes = shape.rate * static_cast<std::uint64_t>(piece_time.count()) / 1000;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(bytes, 1460, piece_max));
  }
  std::size_t queue_limit() const {
    if (shape.rate == 0) return 4 * piece_max;
    const auto span = std::chrono::duration_cast<std::chrono::microseconds>(shape.delay) +
                      std::chrono::microseconds(queue_time);
    return std::max<std::size_t>(
        static_cast<std::size_t>(shape.rate * static_cast<std::uint64_t>(span.count()) / 1'000'000),
        4 * piece());
  }
  /// When `bytes` that enter the line now leave it.
  clock::time_point leave(clock::time_point now, std::size_t bytes) {
    free_at = std::max(free_at, now);
    if (shape.rate > 0) {
      free_at += std::chrono::nanoseconds(bytes * 1'000'000'000 / shape.rate);
    }
    return free_at + shape.delay;
  }
};

}  // namespace

struct demo_relay::shared : std::enable_shared_from_this<shared> {
  class connection;

  shared(asio::any_io_executor on, std::uint16_t to, relay_shape shape)
      : loop(std::move(on)),
        target(asio::ip::address_v4::loopback(), to),
        forth{shape, {}},
        back{shape, {}},
        acceptor(loop),
        pause(loop) {}

  std::error_code listen();
  void accept_next();
  void refuse_for(duration length);
  void darken_for(duration length);
  template <class Action>
  auto on_loop(Action action);

  asio::any_io_executor loop;
  tcp::endpoint target;
  tcp::endpoint here{asio::ip::address_v4::loopback(), 0};
  lane forth;
  lane back;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::vector<std::shared_ptr<connection>> connections;
  bool dark = false;
  bool closed = false;
};

/// One accepted connection and its continuation to the target.
class demo_relay::shared::connection : public std::enable_shared_from_this<connection> {
 public:
  connection(const std::shared_ptr<shared>& owner, tcp::socket accepted)
      : owner_(owner),
        near_(std::move(accepted)),
        far_(owner->loop),
        forth_(near_, far_, owner->forth, owner->loop),
        back_(far_, near_, owner->back, owner->loop) {}

  void start() {
    far_.async_connect(owner_->target, [self = shared_from_this()](std::error_code code) {
      if (code) return self->reset();
      self->prepare(self->near_);
      self->prepare(self->far_);
      self->connected_ = true;
      self->resume();
    });
  }

  /// Goes on after a dark time, or begins.
  void resume() {
    if (!connected_ || ended_) return;
    fill(forth_);
    fill(back_);
    drain(forth_);
    drain(back_);
  }

  void reset() { end(true); }

 private:
  void end(bool reset) {
    if (std::exchange(ended_, true)) return;
    for (auto* socket : {&near_, &far_}) {
      std::error_code ignored;
      if (reset) socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
    forth_.timer.cancel();
    back_.timer.cancel();
    std::erase(owner_->connections, shared_from_this());
  }

  struct piece {
    std::vector<std::byte> bytes;
    std::size_t sent = 0;
    clock::time_point due;
  };
  struct direction {
    direction(tcp::socket& f, tcp::socket& t, lane& l, const asio::any_io_executor& loop)
        : from(f), to(t), line(l), timer(loop) {}
    tcp::socket& from;
    tcp::socket& to;
    lane& line;
    asio::steady_timer timer;
    std::deque<piece> queue;
    std::vector<std::byte> spare;
    std::size_t queued = 0;
    bool reading = false;   ///< a wait for `from` is under way
    bool draining = false;  ///< a wait for `to` or the timer is under way
    bool ended = false;     ///< `from` gave its end of stream
  };

  void prepare(tcp::socket& socket) {
    std::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay(true), ignored);
    if (owner_->forth.shape.rate > 0) {
      // The line's buffer is the one that counts, not those of two more kernels.
      socket.set_option(asio::socket_base::receive_buffer_size(128 * 1024), ignored);
      socket.set_option(asio::socket_base::send_buffer_size(128 * 1024), ignored);
    }
  }

  bool idle() const { return ended_ || owner_->dark; }

  /// Takes bytes off `from` while the line has room.
  void fill(direction& d) {
    if (idle() || d.reading || d.ended || d.queued >= d.line.queue_limit()) return;
    d.reading = true;
    d.from.async_wait(tcp::socket::wait_read,
                      [self = shared_from_this(), &d](std::error_code code) {
                        d.reading = false;
                        if (self->idle()) return;
                        if (code) return self->reset();
                        self->take(d);
                      });
  }

  void take(direction& d) {
    piece p;
    p.bytes = std::move(d.spare);
    p.bytes.resize(d.line.piece());
    std::error_code code;
    const auto n = d.from.read_some(asio::buffer(p.bytes), code);
    if (code == asio::error::would_block) return fill(d);
    if (code == asio::error::eof) {
      d.ended = true;
    } else if (code) {
      return reset();
    }
    p.bytes.resize(n);
    p.due = d.line.leave(clock::now(), n);
    d.queued += n;
    d.queue.push_back(std::move(p));  // an empty one is the end of stream
    drain(d);
    fill(d);
  }

  /// Hands over what is due.
  void drain(direction& d) {
    while (!idle() && !d.draining && !d.queue.empty()) {
      auto& p = d.queue.front();
      if (p.due > clock::now()) return wait_until(d, p.due);
      if (p.bytes.empty()) {
        std::error_code ignored;
        d.to.shutdown(tcp::socket::shutdown_send, ignored);
        d.queue.pop_front();
        if (forth_.ended && back_.ended && forth_.queue.empty() && back_.queue.empty()) end(false);
        return;
      }
      std::error_code code;
      const auto n =
          d.to.write_some(asio::buffer(p.bytes.data() + p.sent, p.bytes.size() - p.sent), code);
      if (code == asio::error::would_block) return wait_writable(d);
      if (code) return reset();
      p.sent += n;
      if (p.sent < p.bytes.size()) continue;
      d.queued -= p.bytes.size();
      d.spare = std::move(p.bytes);
      d.queue.pop_front();
      fill(d);
    }
  }

  void wait_until(direction& d, clock::time_point when) {
    d.draining = true;
    d.timer.expires_at(when);
    d.timer.async_wait([self = shared_from_this(), &d](std::error_code) {
      d.draining = false;
      self->drain(d);
    });
  }

  void wait_writable(direction& d) {
    d.draining = true;
    d.to.async_wait(tcp::socket::wait_write, [self = shared_from_this(), &d](std::error_code code) {
      d.draining = false;
      if (code && !self->idle()) return self->reset();
      self->drain(d);
    });
  }

  std::shared_ptr<shared> owner_;
  tcp::socket near_;
  tcp::socket far_;
  direction forth_;
  direction back_;
  bool connected_ = false;
  bool ended_ = false;
};

std::error_code demo_relay::shared::listen() {
  std::error_code code;
  acceptor.open(tcp::v4(), code);
  if (!code) acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor.bind(here, code);
  if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (!code) here = acceptor.local_endpoint(code);
  if (code) {
    std::error_code ignored;
    acceptor.close(ignored);
  }
  return code;
}

void demo_relay::shared::accept_next() {
  acceptor.async_accept([self = shared_from_this()](std::error_code code, tcp::socket socket) {
    if (!self->acceptor.is_open() || self->closed) return;
    if (!code) {
      auto made = std::make_shared<connection>(self, std::move(socket));
      self->connections.push_back(made);
      made->start();
    }
    self->accept_next();
  });
}

void demo_relay::shared::refuse_for(duration length) {
  std::error_code ignored;
  acceptor.close(ignored);
  pause.expires_after(length);
  pause.async_wait([self = shared_from_this()](std::error_code code) {
    if (code || self->closed) return;
    if (self->listen()) return self->refuse_for(100ms);  // somebody took the port: try again
    self->accept_next();
  });
}

void demo_relay::shared::darken_for(duration length) {
  dark = true;
  pause.expires_after(length);
  pause.async_wait([self = shared_from_this()](std::error_code code) {
    if (code || self->closed) return;
    self->dark = false;
    const auto all = self->connections;
    for (const auto& c : all) c->resume();
  });
}

template <class Action>
auto demo_relay::shared::on_loop(Action action) {
  std::packaged_task<decltype(action())()> task(std::move(action));
  auto done = task.get_future();
  asio::post(loop, std::move(task));
  return done.get();
}

demo_relay::demo_relay(asio::any_io_executor loop, std::uint16_t target, relay_shape shape)
    : state_(std::make_shared<shared>(std::move(loop), target, shape)) {}

demo_relay::~demo_relay() = default;

failure demo_relay::open() {
  const auto code = state_->listen();
  if (code) return {code, "a relay cannot listen on 127.0.0.1: " + code.message()};
  asio::post(state_->loop, [state = state_] { state->accept_next(); });
  return {};
}

std::uint16_t demo_relay::port() const noexcept { return state_->here.port(); }

unsigned demo_relay::kill(duration length) {
  return state_->on_loop([state = state_, length] {
    state->dark = false;
    state->refuse_for(length);
    const auto all = state->connections;
    for (const auto& c : all) c->reset();
    return static_cast<unsigned>(all.size());
  });
}

unsigned demo_relay::silence(duration length) {
  return state_->on_loop([state = state_, length] {
    if (!state->acceptor.is_open()) return 0U;  // killed just now: there is nothing to darken
    state->darken_for(length);
    return static_cast<unsigned>(state->connections.size());
  });
}

void demo_relay::close() {
  asio::post(state_->loop, [state = state_] {
    state->closed = true;
    state->pause.cancel();
    std::error_code ignored;
    state->acceptor.close(ignored);
    const auto all = state->connections;
    for (const auto& c : all) c->reset();
  });
}

}  // namespace rendr::cli
