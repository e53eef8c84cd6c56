// SPDX-License-Identifier: Apache-2.0
#include "support/tap.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "support/socket_address.hpp"

namespace rendr::test {

namespace {

constexpr ipv4 loopback{127, 0, 0, 1};
constexpr std::size_t most_held = 1 << 20;

struct pipe_end {
  int fd = -1;
  bytes held{};        // for this end, not written yet
  bool ended = false;  // nothing more comes from it
};

struct pair_of_ends {
  pipe_end near;
  pipe_end far;
  std::size_t number = 0;
};

void reset(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd);
}

}  // namespace

struct tap::state {
  explicit state(std::uint16_t target) : to(socket_address(loopback, target)) {
    auto at = socket_address(loopback, 0);
    socklen_t size = sizeof at;
    if (listening < 0 || wake < 0 || ::bind(listening, reinterpret_cast<sockaddr*>(&at), size) ||
        ::listen(listening, 16) ||
        ::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size))
      throw std::runtime_error("the tap has no port");
    port = ntohs(at.sin_port);
    thread = std::thread([this] { run(); });
  }
  ~state() {
    {
      const std::lock_guard lock(mutex);
      over = true;
    }
    notify();
    thread.join();
    for (const auto fd : kept) ::close(fd);
    for (const auto& p : pairs) {
      ::close(p.near.fd);
      ::close(p.far.fd);
    }
    ::close(listening);
    ::close(wake);
  }

  void notify() {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(wake, &one, sizeof one));
  }

  void run() {
    for (;;) {
      std::vector<pollfd> watched{{listening, POLLIN, 0}, {wake, POLLIN, 0}};
      {
        const std::lock_guard lock(mutex);
        if (over) return;
        for (const auto& p : pairs) {
          watched.push_back({p.near.fd, events_of(p.near, p.far), 0});
          watched.push_back({p.far.fd, events_of(p.far, p.near), 0});
        }
      }
      ::poll(watched.data(), watched.size(), 1'000);
      const std::lock_guard lock(mutex);
      if (watched[1].revents != 0) {
        std::uint64_t n = 0;
        static_cast<void>(!::read(wake, &n, sizeof n));
      }
      if (watched[0].revents != 0) take_connection();
      for (auto it = pairs.begin(); it != pairs.end();) {
        auto& record = recordings[it->number];
        move(it->near, it->far, record.to_server);
        move(it->far, it->near, record.to_client);
        if (it->near.ended && it->far.ended) {
          ::close(it->near.fd);
          ::close(it->far.fd);
          it = pairs.erase(it);
        } else {
          ++it;
        }
      }
    }
  }

  static short events_of(const pipe_end& end, const pipe_end& other) {
    int wanted = 0;
    if (!end.ended && other.held.size() < most_held) wanted |= POLLIN;
    if (!end.held.empty()) wanted |= POLLOUT;
    return static_cast<short>(wanted);
  }

  void take_connection() {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (seizing) {
      kept.push_back(fd);
      return;
    }
    const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(far, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      ::close(far);
      ::close(fd);
      return;
    }
    pairs.push_back({{fd}, {far}, recordings.size()});
    recordings.emplace_back();
  }

  static void move(pipe_end& from, pipe_end& to, bytes& record) {
    std::array<std::byte, 65536> chunk;
    while (!from.ended && to.held.size() < most_held) {
      const auto n = ::recv(from.fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (n <= 0) {
        from.ended = true;
        break;
      }
      const auto end = chunk.begin() + n;
      to.held.insert(to.held.end(), chunk.begin(), end);
      if (record.size() < most_held) record.insert(record.end(), chunk.begin(), end);
    }
    if (!to.held.empty()) {
      const auto n = ::send(to.fd, to.held.data(), to.held.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) to.held.erase(to.held.begin(), to.held.begin() + n);
      if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) from.ended = to.ended = true;
    }
    if (from.ended && to.held.empty()) ::shutdown(to.fd, SHUT_WR);
  }

  sockaddr_in to;
  int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::uint16_t port = 0;
  std::thread thread;

  std::mutex mutex;  // guards what follows
  bool over = false;
  bool seizing = false;
  std::deque<pair_of_ends> pairs;
  std::deque<int> kept;
  std::vector<hostile::recording> recordings;
};

tap::tap(std::uint16_t target_port) : state_(std::make_unique<state>(target_port)) {}
tap::~tap() = default;

std::uint16_t tap::port() const { return state_->port; }

std::vector<hostile::recording> tap::recorded() const {
  const std::lock_guard lock(state_->mutex);
  return state_->recordings;
}

void tap::seize() {
  const std::lock_guard lock(state_->mutex);
  state_->seizing = true;
  for (const auto& p : state_->pairs) {
    reset(p.near.fd);
    reset(p.far.fd);
  }
  state_->pairs.clear();
  state_->notify();
}

void tap::release() {
  const std::lock_guard lock(state_->mutex);
  state_->seizing = false;
  for (const auto fd : state_->kept) ::close(fd);
  state_->kept.clear();
}

std::optional<int> tap::take() {
  const std::lock_guard lock(state_->mutex);
  if (state_->kept.empty()) return std::nullopt;
  const auto fd = state_->kept.front();
  state_->kept.pop_front();
  return fd;
}

}  // namespace rendr::test
