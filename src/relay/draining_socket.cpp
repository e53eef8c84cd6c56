// SPDX-License-Identifier: Apache-2.0
#include "relay/draining_socket.hpp"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "relay/socket_calls.hpp"

namespace rendr::relay {

namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr clock::duration first_look = 1ms;
constexpr clock::duration last_look = 250ms;
constexpr clock::duration patience = 30s;  // the linger of a link, for who is to be reset

/// The kernel tells nobody that a send queue became empty: a timer looks, ever more rarely while
/// nothing moves.
class draining_socket : public std::enable_shared_from_this<draining_socket> {
 public:
  draining_socket(tcp::socket socket, socket_ending how)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), how_(how) {
    // Whatever ends this early, a loop that goes for instance: no reset becomes an end of stream.
    if (how_ == socket_ending::reset) reset_on_close(socket_.native_handle());
  }

  void start() {
    left_ = unacknowledged(socket_.native_handle());
    moved_ = clock::now();
    wait_input();
    look_later();
  }

 private:
  void wait_input() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](std::error_code error) {
      if (!error && discard_input(self->socket_.native_handle())) self->wait_input();
    });
  }

  void look_later() {
    timer_.expires_after(pause_);
    timer_.async_wait([self = shared_from_this()](std::error_code error) {
      if (!error) self->look();
    });
  }

  void look() {
    const auto left = unacknowledged(socket_.native_handle());
    if (left < left_) {
      moved_ = clock::now();
      pause_ = first_look;
    } else {
      pause_ = std::min(2 * pause_, last_look);
    }
    left_ = left;
    const bool given_up = how_ == socket_ending::reset && clock::now() - moved_ >= patience;
    if (left > 0 && !given_up) return look_later();
    std::error_code ignored;
    socket_.close(ignored);
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  const socket_ending how_;
  std::size_t left_ = 0;
  clock::time_point moved_{};
  clock::duration pause_ = first_look;
};

}  // namespace

void close_when_drained(tcp::socket socket, socket_ending how) {
  std::make_shared<draining_socket>(std::move(socket), how)->start();
}

}  // namespace rendr::relay
