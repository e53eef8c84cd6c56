// layer: bench
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/record/record_writer.hpp"
#include "process.hpp"
#include "wire/handshake.hpp"

/// Those who knock at a listening port without a key: each part is the body of a process.
namespace rendr::bench {

/// What an eavesdropper took down of one connection, for other processes to read.
struct recording {
  std::array<std::byte, 1024> bytes{};
  std::atomic<std::size_t> size{0};
};

enum class attack : std::uint8_t {
  one_address,     ///< half an ATTACH of no link, all from 127.1.0.0
  many_addresses,  ///< the same, each from an address of its own
  forged,  ///< ATTACHes of a living link, replayed and forged in turn, each from its address
};

struct order {
  attack kind{};
  std::uint16_t port = 0;
  std::uint32_t strangers = 0;
  std::chrono::steady_clock::duration time{0};  ///< spread over it; 0: as fast as it goes
};

inline void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

inline sockaddr_in loopback(std::uint32_t below_127, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl((127u << 24) + below_127);
  return out;
}

inline int connect_from(const sockaddr_in& from, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd >= 0, "socket (RLIMIT_NOFILE has to allow 10,100)");
  const auto to = loopback(1, port);
  check(::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0, "bind");
  check(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
  return fd;
}

inline int listen_anywhere(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd >= 0, "socket");
  auto at = loopback(1, 0);
  socklen_t size = sizeof at;
  check(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0, "bind");
  check(::listen(fd, 4096) == 0, "listen");
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0, "getsockname");
  port = ntohs(at.sin_port);
  return fd;
}

/// What the n-th stranger says first.
inline rendr::bytes first_words(attack kind, std::uint32_t n, const recording& heard) {
  rendr::wire::prologue first{rendr::wire::form::attach, rendr::wire::version, {}};
  rendr::wire::attach message;
  if (kind == attack::forged) {
    const auto* begin = heard.bytes.data();
    if (n % 2 == 0) return {begin, begin + heard.size.load()};
    std::memcpy(first.token.data(), begin + 2, first.token.size());
    message.path = 1000 + n;
    message.guarded = rendr::wire::guard::sealed;
    std::memcpy(message.fresh.data(), &n, sizeof n);
    std::memcpy(message.mac.data(), &n, sizeof n);
  }
  rendr::bytes out;
  rendr::engine::append_handshake(out, 0, rendr::wire::encode(message), &first);
  if (kind != attack::forged) out.resize(out.size() / 2);
  return out;
}

/// Obeys one order after the other, and tells by `done` the seconds that the connections took; they
/// stay open until the next word by `release`.
inline void strangers(channel& orders, channel& done, channel& release, const recording& heard) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (;;) {
    const auto now = orders.receive<order>();
    std::vector<int> open;
    open.reserve(now.strangers);
    const auto start = std::chrono::steady_clock::now();
    for (std::uint32_t i = 0; i < now.strangers; ++i) {
      if (now.time.count() > 0) std::this_thread::sleep_until(start + i * now.time / now.strangers);
      const auto number = (1u << 16) + (now.kind == attack::one_address ? 0 : i);
      open.push_back(connect_from(loopback(number, 0), now.port));
      const auto said = first_words(now.kind, i, heard);
      check(::send(open.back(), said.data(), said.size(), MSG_NOSIGNAL) > 0, "send");
    }
    done.send(seconds_since(start));
    release.receive<char>();
    for (const int fd : open) ::close(fd);
    done.send(0.0);
  }
}

/// The least that any acceptor does: accepts, reads what is there, keeps the newest 256.
inline void bare_door(channel& port, std::atomic<std::uint64_t>& taken) {
  std::uint16_t number = 0;
  const int door = listen_anywhere(number);
  port.send(number);
  std::deque<int> kept;
  for (;;) {
    const int fd = ::accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::array<std::byte, 2048> said;
    if (::recv(fd, said.data(), said.size(), 0) <= 0) {
      ::close(fd);
      continue;
    }
    kept.push_back(fd);
    if (kept.size() > 256) {
      ::close(kept.front());
      kept.pop_front();
    }
    ++taken;
  }
}

/// Carries one connection to `to` and takes down what its dialer says first.
inline void eavesdropper(channel& port, std::uint16_t to, recording& heard) {
  std::uint16_t number = 0;
  const int door = listen_anywhere(number);
  port.send(number);
  const int near = ::accept(door, nullptr, nullptr);
  check(near >= 0, "accept");
  const int far = connect_from(loopback(1, 0), to);
  std::array<pollfd, 2> ends{{{near, POLLIN, 0}, {far, POLLIN, 0}}};
  std::vector<std::byte> buffer(64 * 1024);
  for (;;) {
    ::poll(ends.data(), ends.size(), -1);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].revents == 0) continue;
      const auto n = ::recv(ends[i].fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) return;
      const auto size = static_cast<std::size_t>(n);
      if (i == 0 && heard.size == 0) {
        check(size <= heard.bytes.size(), "more was said than one ATTACH");
        std::memcpy(heard.bytes.data(), buffer.data(), size);
        heard.size = size;
      }
      check(::send(ends[1 - i].fd, buffer.data(), size, MSG_NOSIGNAL) == n, "send");
    }
  }
}

}  // namespace rendr::bench
