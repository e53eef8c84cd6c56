// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "lab/soak/traffic.hpp"

namespace rendr::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class tcp_channel final : public channel {
 public:
  explicit tcp_channel(owned_fd connected) : fd_(std::move(connected)) {
    const timeval patience{channel_patience.count(), 0};
    for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO}) {
      if (::setsockopt(fd_.get(), SOL_SOCKET, which, &patience, sizeof patience) != 0) {
        fail("patience");
      }
    }
  }
  std::size_t read_some(std::span<std::byte> to) override {
    const auto n = ::recv(fd_.get(), to.data(), to.size(), 0);
    if (n < 0) fail("read");
    return static_cast<std::size_t>(n);
  }
  void write(std::span<const std::byte> all) override {
    while (!all.empty()) {
      const auto n = ::send(fd_.get(), all.data(), all.size(), MSG_NOSIGNAL);
      if (n < 0) fail("write");
      all = all.subspan(static_cast<std::size_t>(n));
    }
  }
  void finish() override { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  owned_fd fd_;
};

class stream_channel final : public channel {
 public:
  explicit stream_channel(stream flow) : flow_(std::move(flow)) {}
  ~stream_channel() override { flow_.close(); }
  std::size_t read_some(std::span<std::byte> to) override {
    flow_.expires_after(channel_patience);
    std::error_code code;
    const auto n = flow_.read_some(asio::buffer(to.data(), to.size()), code);
    if (code == asio::error::eof) return 0;
    if (code) throw std::system_error(code, "read");
    return n;
  }
  void write(std::span<const std::byte> all) override {
    while (!all.empty()) {
      flow_.expires_after(channel_patience);
      std::error_code code;
      const auto n = flow_.write_some(asio::buffer(all.data(), all.size()), code);
      if (code) throw std::system_error(code, "write");
      all = all.subspan(n);
    }
  }
  void finish() override {
    if (const auto code = flow_.shutdown_send()) throw std::system_error(code, "shutdown");
  }

 private:
  stream flow_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

owned_fd tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return owned_fd(fd);
}

}  // namespace

std::unique_ptr<channel> channel_over(owned_fd connected) {
  return std::make_unique<tcp_channel>(std::move(connected));
}
std::unique_ptr<channel> channel_over(stream flow) {
  return std::make_unique<stream_channel>(std::move(flow));
}

owned_fd connect_to(std::uint16_t port) {
  auto fd = tcp_socket();
  const auto address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("connect");
  }
  return fd;
}

owned_fd listen_on(std::uint16_t port) {
  auto fd = tcp_socket();
  const auto address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 1024) != 0) {
    fail("listen");
  }
  return fd;
}

}  // namespace rendr::test
