// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "base/seeded_random.hpp"
#include "lab/peers/ends.hpp"
#include "support/emulator.hpp"
#include "support/socket_address.hpp"

namespace rendr::test {
namespace {

constexpr std::size_t content_size = 1'048'583;  // a prime

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

owned_fd stream_socket(const job& what) {
  const int protocol = what.by == carrier::mptcp ? IPPROTO_MPTCP : IPPROTO_TCP;
  owned_fd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol), "socket"));
  const int on = what.nagle ? 0 : 1;
  checked(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  checked(::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, what.congestion.data(),
                       static_cast<socklen_t>(what.congestion.size())),
          "TCP_CONGESTION");
  return fd;
}

const sockaddr* generic(const sockaddr_in& a) { return reinterpret_cast<const sockaddr*>(&a); }

constexpr ipv4 loopback{127, 0, 0, 1};

/// How many subflows the kernel counts; at least the first.
void look_at_subflows(const job& what, int fd, trace& near) {
  if (what.by != carrier::mptcp) return;
  mptcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &length) != 0) {
    throw std::runtime_error("the connection fell back to TCP");
  }
  near.set_links(1u + info.mptcpi_subflows);
}

/// Waits for the next turn of a pace.
class metronome {
 public:
  explicit metronome(duration every)
      : timer_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd")) {
    itimerspec at{};
    at.it_interval.tv_nsec = static_cast<long>(every.count());
    at.it_value.tv_nsec = static_cast<long>(every.count());
    checked(::timerfd_settime(timer_.get(), 0, &at, nullptr), "timerfd_settime");
  }
  /// How many turns are due.
  std::uint64_t wait() {
    std::uint64_t turns = 0;
    checked(static_cast<int>(::read(timer_.get(), &turns, sizeof turns)), "timerfd");
    return turns;
  }

 private:
  owned_fd timer_;
};

}  // namespace

std::span<const std::byte> content() {
  static const auto bytes = [] {
    std::vector<std::byte> made(content_size);
    seeded_random random(0x5eed);
    for (auto& b : made) b = static_cast<std::byte>(random.next() >> 56);
    return made;
  }();
  return bytes;
}

void checked_sink::take(std::span<const std::byte> piece) {
  const auto all = content();
  const auto size = piece.size();
  while (!piece.empty()) {
    const auto part = piece.first(std::min(piece.size(), all.size() - at_));
    if (std::memcmp(part.data(), all.data() + at_, part.size()) != 0) {
      throw std::runtime_error("what arrived is not what was sent");
    }
    at_ = (at_ + part.size()) % all.size();
    piece = piece.subspan(part.size());
  }
  far_.moved(size);
}

void send_plain(const job& what, std::uint16_t port, trace& near) {
  const auto fd = stream_socket(what);
  if (!what.loopback) {
    const auto from = socket_address(emulator::client_address(what.first), 0);
    checked(::bind(fd.get(), generic(from), sizeof from), "bind");
  }
  const auto to =
      socket_address(what.loopback ? loopback : emulator::server_address(what.first), port);
  checked(::connect(fd.get(), generic(to), sizeof to), "connect");
  near.set_ready();
  std::size_t at = 0;
  std::uint64_t sent = 0;
  std::uint64_t next_look = 0;
  const auto all = content();
  const auto send = [&](std::size_t size) {
    while (size > 0) {
      const auto n =
          ::send(fd.get(), all.data() + at, std::min(size, all.size() - at), MSG_NOSIGNAL);
      checked(static_cast<int>(n), "send");
      const auto taken = static_cast<std::size_t>(n);
      at = (at + taken) % all.size();
      size -= taken;
      near.moved(taken);
      sent += taken;
    }
    if (sent < next_look) return;
    look_at_subflows(what, fd.get(), near);
    next_look = sent + 32 * what.how.size;
  };
  if (what.how.every == duration(0)) {
    for (;;) send(what.how.size);
  }
  metronome turns(what.how.every);
  for (;;) {
    for (auto due = turns.wait(); due > 0; --due) send(what.how.size);
  }
}

void receive_plain(const job& what, trace& far) {
  const auto door = stream_socket(what);
  const auto here = socket_address(what.loopback ? loopback : ipv4{}, 0);
  checked(::bind(door.get(), generic(here), sizeof here), "bind");
  checked(::listen(door.get(), 1), "listen");
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  checked(::getsockname(door.get(), reinterpret_cast<sockaddr*>(&bound), &length), "getsockname");
  far.set_port(ntohs(bound.sin_port));
  const owned_fd fd(checked(::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  checked_sink sink(far);
  std::vector<std::byte> piece(256 * 1024);
  for (;;) {
    const auto n = ::recv(fd.get(), piece.data(), piece.size(), 0);
    checked(static_cast<int>(n), "recv");
    if (n == 0) throw std::runtime_error("end of stream");
    sink.take(std::span(piece).first(static_cast<std::size_t>(n)));
  }
}

void send_all(const job& what, std::uint16_t port, trace& near) {
  if (what.by == carrier::rendr) {
    send_rendr(what, port, near);
  } else {
    send_plain(what, port, near);
  }
}

void receive_all(const job& what, trace& far) {
  if (what.by == carrier::rendr) {
    receive_rendr(what, far);
  } else {
    receive_plain(what, far);
  }
}

}  // namespace rendr::test
