// SPDX-License-Identifier: Apache-2.0
#include "relay/socket_end.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace rendr::relay {

using asio::ip::tcp;

socket_end::socket_end(tcp::socket socket) : socket_(std::move(socket)) {
  std::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
}

socket_end::~socket_end() = default;

void socket_end::wait_readable(waiter done) {
  socket_.async_wait(tcp::socket::wait_read, std::move(done));
}

void socket_end::wait_writable(waiter done) {
  socket_.async_wait(tcp::socket::wait_write, std::move(done));
}

void socket_end::wait_aborted(waiter done) {
  socket_.async_wait(tcp::socket::wait_error, [this, done = std::move(done)](std::error_code code) {
    if (code) return done(code);  // closed meanwhile: `this` may be gone
    int pending = 0;
    socklen_t size = sizeof pending;
    if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &pending, &size) != 0) {
      pending = errno;
    }
    // Both directions ended in order: the descriptor reports a hang-up too, which is no abort.
    if (pending != 0) done({pending, std::system_category()});
  });
}

std::size_t socket_end::read(std::span<std::byte> out, std::error_code& code) {
  while (true) {
    const auto n = ::recv(socket_.native_handle(), out.data(), out.size(), MSG_DONTWAIT);
    if (n >= 0) {
      code.clear();
      return static_cast<std::size_t>(n);
    }
    if (errno == EINTR) continue;
    code = errno == EAGAIN ? make_error_code(std::errc::operation_would_block)
                           : std::error_code(errno, std::system_category());
    return 0;
  }
}

std::size_t socket_end::write(std::span<const std::byte> data, std::error_code& code) {
  while (true) {
    const auto n =
        ::send(socket_.native_handle(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      code.clear();
      return static_cast<std::size_t>(n);
    }
    if (errno == EINTR) continue;
    code = errno == EAGAIN ? make_error_code(std::errc::operation_would_block)
                           : std::error_code(errno, std::system_category());
    return 0;
  }
}

void socket_end::finish_writing() {
  std::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void socket_end::close() {
  std::error_code ignored;
  socket_.close(ignored);
}

void socket_end::reset() { reset_socket(socket_); }

void reset_socket(tcp::socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace rendr::relay
