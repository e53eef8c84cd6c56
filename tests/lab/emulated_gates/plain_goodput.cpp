// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "lab/emulated_gates/session.hpp"
#include "support/socket_address.hpp"

namespace rendr::test {
namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

const sockaddr* generic(const sockaddr_in& a) { return reinterpret_cast<const sockaddr*>(&a); }

owned_fd tcp_socket(const netns& where, ipv4 bound, const std::string& congestion) {
  const netns::scope here(where);
  owned_fd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const auto a = socket_address(bound, 0);
  checked(::bind(fd.get(), generic(a), sizeof a), "bind");
  checked(::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, congestion.data(),
                       static_cast<socklen_t>(congestion.size())),
          congestion.c_str());
  return fd;
}

bool ready(int fd, short what) {
  pollfd one{fd, what, 0};
  return ::poll(&one, 1, 20) > 0;
}

}  // namespace

double plain_goodput(const emulator& net, std::size_t link, const std::string& congestion,
                     lab_clock::duration warm_up, lab_clock::duration span) {
  const auto door = tcp_socket(net.server(), emulator::server_address(link), congestion);
  checked(::listen(door.get(), 1), "listen");
  sockaddr_in to{};
  socklen_t size = sizeof to;
  checked(::getsockname(door.get(), reinterpret_cast<sockaddr*>(&to), &size), "getsockname");
  const auto near = tcp_socket(net.client(), emulator::client_address(link), congestion);
  checked(::connect(near.get(), generic(to), sizeof to), "connect");
  const owned_fd far(checked(::accept(door.get(), nullptr, nullptr), "accept"));
  std::atomic<bool> over = false;
  std::thread writer([&over, fd = near.get()] {
    const std::vector<char> piece(256 * 1024, 'x');
    while (!over) {
      if (ready(fd, POLLOUT)) {
        static_cast<void>(::send(fd, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
      }
    }
  });
  std::vector<char> piece(256 * 1024);
  const auto from = lab_clock::now() + warm_up;
  auto now = lab_clock::now();
  std::uint64_t bytes = 0;
  while (now < from + span) {
    const auto n = ready(far.get(), POLLIN) ? ::recv(far.get(), piece.data(), piece.size(), 0) : 0;
    now = lab_clock::now();
    if (n > 0 && now >= from && now < from + span) bytes += static_cast<std::uint64_t>(n);
  }
  over = true;
  writer.join();
  return static_cast<double>(bytes) / std::chrono::duration<double>(span).count();
}

}  // namespace rendr::test
