// SPDX-License-Identifier: Apache-2.0
#include "relay/socket_calls.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace rendr::relay {

namespace {

std::size_t queued(int fd, unsigned long which) {
  int bytes = 0;
  return ::ioctl(fd, which, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace

std::size_t receive(int fd, std::span<std::byte> out, std::error_code& code) noexcept {
  return repeat(code, [&] { return ::recv(fd, out.data(), out.size(), MSG_DONTWAIT); });
}

std::size_t send(int fd, std::span<const std::byte> data, std::error_code& code) noexcept {
  return repeat(code,
                [&] { return ::send(fd, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
}

bool discard_input(int fd) noexcept {
  constexpr std::size_t step = 256 * 1024;
  for (int i = 0; i < 4; ++i) {
    std::error_code code;
    // TCP drops the bytes without copying them (tcp(7), MSG_TRUNC).
    const auto n =
        repeat(code, [&] { return ::recv(fd, nullptr, step, MSG_DONTWAIT | MSG_TRUNC); });
    if (code) return code == std::errc::operation_would_block;
    if (n == 0) return false;
  }
  return true;
}

bool connection_over(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE;
}

std::size_t unacknowledged(int fd) noexcept {
  return connection_over(fd) ? 0 : queued(fd, SIOCOUTQ);
}

std::size_t unsent(int fd) noexcept { return queued(fd, SIOCOUTQNSD); }

void reset_on_close(int fd) noexcept {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void in_order_on_close(int fd) noexcept {
  const linger later{0, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &later, sizeof later);
}

}  // namespace rendr::relay
