// SPDX-License-Identifier: Apache-2.0
#include "relay/socket_end.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "relay/asio_code.hpp"
#include "relay/draining_socket.hpp"
#include "relay/socket_calls.hpp"

namespace rendr::relay {

using asio::ip::tcp;

namespace {

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void apply(int fd, const keepalive& probes) {
  if (probes.on) set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (!probes.on) return;
  if (probes.idle) set(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(probes.idle->count()));
  if (probes.interval) {
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(probes.interval->count()));
  }
  if (probes.count) set(fd, IPPROTO_TCP, TCP_KEEPCNT, *probes.count);
}

}  // namespace

void prepare_application(int fd, const keepalive& probes) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
  // A process that is killed ends nothing in order: the kernel's FIN would say that it did.
  reset_on_close(fd);
  apply(fd, probes);
}

socket_end::socket_end(tcp::socket socket, std::error_code failure)
    : socket_(std::move(socket)), failure_(portable(failure)) {}

socket_end::~socket_end() = default;

void socket_end::wait_readable(waiter done) {
  socket_.async_wait(tcp::socket::wait_read, std::move(done));
}

void socket_end::wait_writable(waiter done) {
  socket_.async_wait(tcp::socket::wait_write, std::move(done));
}

void socket_end::wait_aborted(waiter done) {
  socket_.async_wait(tcp::socket::wait_error, [this, done = std::move(done)](std::error_code code) {
    if (code) return;  // closed meanwhile: `this` may be gone
    if (connection_over(socket_.native_handle())) {
      return done(make_error_code(std::errc::connection_reset));
    }
    watch_later(done);
  });
}

// Urgent data wakes the watch too, for as long as nobody reads them.
void socket_end::watch_later(waiter done) {
  if (!watch_timer_) watch_timer_ = std::make_unique<asio::steady_timer>(socket_.get_executor());
  watch_timer_->expires_after(std::chrono::milliseconds(250));
  watch_timer_->async_wait([this, done = std::move(done)](std::error_code code) mutable {
    if (!code && socket_.is_open()) wait_aborted(std::move(done));
  });
}

std::size_t socket_end::read(std::span<std::byte> out, std::error_code& code) {
  const auto n = receive(socket_.native_handle(), out, code);
  if (n > 0) return n;
  // A write that failed took the error, and the kernel shows an end of stream in its place. It is
  // one behind the other side's FIN alone, and EPIPE tells that it had come.
  if (!code && failure_ && failure_ != std::errc::broken_pipe) code = failure_;
  return 0;
}

std::size_t socket_end::write(std::span<const std::byte> data, std::error_code& code) {
  const auto n = send(socket_.native_handle(), data, code);
  if (code && code != std::errc::operation_would_block && !failure_) failure_ = code;
  return n;
}

void socket_end::finish_writing() {
  std::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  end_in_order();
}

void socket_end::end_in_order() {
  if (std::exchange(in_order_, true)) return;
  in_order_on_close(socket_.native_handle());
}

void socket_end::close() {
  std::error_code ignored;
  if (watch_timer_) watch_timer_->cancel();
  if (!socket_.is_open()) return;
  end_in_order();
  // What is on its way the kernel delivers; what the other side's window holds back may take long.
  if (unsent(socket_.native_handle()) == 0) {
    socket_.close(ignored);
    return;
  }
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  socket_.cancel(ignored);
  close_when_drained(std::move(socket_), socket_ending::in_order);
}

void socket_end::reset() {
  if (watch_timer_) watch_timer_->cancel();
  if (!socket_.is_open()) return;
  if (unacknowledged(socket_.native_handle()) == 0) return reset_socket(socket_);
  std::error_code ignored;
  socket_.cancel(ignored);
  close_when_drained(std::move(socket_), socket_ending::reset);
}

void socket_end::drop() {
  if (watch_timer_) watch_timer_->cancel();
  if (socket_.is_open()) reset_socket(socket_);
}

void reset_socket(tcp::socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace rendr::relay
