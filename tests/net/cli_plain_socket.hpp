// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace rendr::test {

/// A blocking TCP socket of a program that knows nothing of rendr. Calls give up after 60 s.
class plain_socket {
 public:
  plain_socket() = default;
  explicit plain_socket(int fd) : fd_(fd) {
    const timeval limit{60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  plain_socket(plain_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  plain_socket& operator=(plain_socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~plain_socket() { close(); }

  static plain_socket connect(std::uint16_t port) {
    plain_socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto to = loopback(port);
    if (::connect(made.fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error("connect failed");
    }
    return made;
  }

  /// All of `data` was taken. False: see `error()`.
  bool send(std::string_view data) {
    while (!data.empty()) {
      const auto n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n < 0) return keep_error();
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// Up to `size` bytes; empty at the end of stream (error() is 0) or on an error.
  std::string receive_some(std::size_t size) {
    std::string data(size, '\0');
    const auto n = ::recv(fd_, data.data(), data.size(), 0);
    error_ = n < 0 ? errno : 0;
    data.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return data;
  }
  /// Everything until the end of stream or an error.
  std::string receive_all() {
    std::string all;
    for (auto part = receive_some(65536); !part.empty(); part = receive_some(65536)) all += part;
    return all;
  }
  std::string receive(std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const auto part = receive_some(size - all.size());
      if (part.empty()) break;
      all += part;
    }
    return all;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  /// Sends a TCP RST.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// What was sent so far has reached the other side's machine; waits for it, 60 s at most.
  bool settle() const {
    for (int i = 0; i < 60'000; ++i) {
      int left = 0;
      if (::ioctl(fd_, SIOCOUTQ, &left) != 0 || left == 0) return true;
      ::poll(nullptr, 0, 1);  // the kernel tells nobody
    }
    return false;
  }
  /// Something can be read, or an end was seen; waits for it, 60 s at most.
  bool readable() const {
    pollfd one{fd_, POLLIN, 0};
    return ::poll(&one, 1, 60'000) == 1;
  }
  int handle() const { return fd_; }
  /// The caller closes it.
  int release() { return std::exchange(fd_, -1); }
  std::uint16_t local_port() const {
    sockaddr_in here{};
    socklen_t size = sizeof here;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size);
    return ntohs(here.sin_port);
  }
  /// errno of the last call, 0 when it worked.
  int error() const { return error_; }

 protected:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  bool keep_error() {
    error_ = errno;
    return false;
  }
  int fd_ = -1;
  int error_ = 0;
};

/// A listening one, on any free port of 127.0.0.1.
class plain_listener : plain_socket {
 public:
  plain_listener() : plain_socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto at = loopback(0);
    socklen_t size = sizeof at;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd_, 512) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      throw std::runtime_error("listen failed");
    }
    port_ = ntohs(at.sin_port);
  }
  std::uint16_t port() const { return port_; }
  /// Nothing has this port of 127.0.0.1.
  static bool is_free(std::uint16_t port) {
    const plain_socket probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto at = loopback(port);
    return ::bind(probe.handle(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  plain_socket accept() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) throw std::runtime_error("accept failed");
    return plain_socket(fd);
  }

 private:
  std::uint16_t port_ = 0;
};

/// A port that nothing listens on. It lies below those that the kernel gives away, so that no
/// connection or listener of a test that runs beside this one gets it meanwhile.
inline std::uint16_t free_port() {
  constexpr unsigned first = 10'000;
  constexpr unsigned many = 20'000;
  static std::atomic<unsigned> next = static_cast<unsigned>(::getpid()) * 61;  // apart from others
  for (unsigned i = 0; i < many; ++i) {
    const auto port = static_cast<std::uint16_t>(first + next++ % many);
    if (plain_listener::is_free(port)) return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace rendr::test
