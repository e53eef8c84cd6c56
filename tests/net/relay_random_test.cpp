// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=300
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "net/cli_plain_socket.hpp"
#include "net/relays_in_process.hpp"
#include "relay/server.hpp"
#include "relay/socket_calls.hpp"
#include "support/relay_script.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t largest_write = 400'000;

/// A program's socket, which does not block. It keeps what its kernel knew when it was let go.
struct live_socket {
  explicit live_socket(plain_socket from) : fd(from.release()) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  live_socket(live_socket&& other) noexcept
      : fd(std::exchange(other.fd, -1)), given(other.given), finished(other.finished) {}
  live_socket& operator=(live_socket&&) = delete;
  ~live_socket() {
    if (fd >= 0) ::close(fd);
  }

  io_result read(std::span<std::byte> out) const {
    auto result = result_of(::recv(fd, out.data(), out.size(), 0));
    // The kernel tells a reset once; where a write heard it, reads show an end of stream.
    if (write_met_reset && result.size == 0 && !result.blocked) result.failed = true;
    return result;
  }
  io_result write(std::span<const std::byte> data) {
    const auto result = result_of(::send(fd, data.data(), data.size(), MSG_NOSIGNAL));
    if (result.failed && errno == ECONNRESET) write_met_reset = true;
    given += result.size;
    return result;
  }
  void shutdown() {
    finished = true;
    ::shutdown(fd, SHUT_WR);
  }
  bool close_resets() const {
    int unread = 0;
    return ::ioctl(fd, FIONREAD, &unread) == 0 && unread > 0;
  }
  void close() {
    note();
    ::close(std::exchange(fd, -1));
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  bool settled() const { return relay::unacknowledged(fd) == 0; }
  void note() {
    const auto missing = left();
    all_taken = missing == 0;
    taken = given - std::min<std::uint64_t>(missing, given);
  }

  int fd;
  std::uint64_t given = 0;
  bool finished = false;
  bool write_met_reset = false;
  std::uint64_t taken = 0;  ///< acknowledged by the other machine when it was let go
  bool all_taken = false;   ///< and that was all, the end of stream included

 private:
  static io_result result_of(ssize_t n) {
    if (n >= 0) return {static_cast<std::size_t>(n), false, false};
    return {0, errno == EAGAIN, errno != EAGAIN};
  }
  std::uint64_t left() const {
    int bytes = 0;
    return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? static_cast<std::uint64_t>(bytes) : 0;
  }
};

using program = scripted_program<live_socket>;

/// What is sure of the kernel that took what `one` wrote. Who closes before it has read the other's
/// end may be sent more, and its kernel then drops what it still has.
taken taken_by(const program& one) {
  const bool read_out = one.end == seen_end::end_of_stream && one.ended != own_end::reset;
  if (one.ended == own_end::none || read_out) {
    return {one.wrote, one.wrote, one.finished, one.finished, false};
  }
  const bool end_taken = one.socket.finished && one.socket.all_taken;
  return {one.socket.taken, one.wrote, end_taken, one.finished || one.socket.finished, false};
}

std::string run(std::uint64_t seed, const forwarding& client_side, plain_listener& target) {
  script_random random(seed);
  program near(0, live_socket(client_side.connect()), make_script(random, largest_write));
  program far(1, live_socket(target.accept()), make_script(random, largest_write));
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while (!(near.done() && far.done()) && std::chrono::steady_clock::now() < limit) {
    const bool near_first = below(random, 2) == 0;
    auto& first = near_first ? near : far;
    auto& second = near_first ? far : near;
    const bool moved = first.turn(second.stuck());
    if (second.turn(first.stuck()) || moved) continue;
    // Both wait for the relays.
    pollfd waits[2] = {{near.socket.fd, POLLIN, 0}, {far.socket.fd, POLLIN, 0}};
    ::poll(waits, 2, 2);
  }
  std::string text;
  if (const auto up = judge(near, taken_by(near), far); !up.empty()) text += "up: " + up;
  if (const auto down = judge(far, taken_by(far), near); !down.empty()) text += " down: " + down;
  return text;
}

std::uint64_t number_of(const char* variable, std::uint64_t fallback) {
  const char* wanted = std::getenv(variable);
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : fallback;
}

struct relay_random : testing::Test {
  plain_listener target;
  std::uint16_t port = free_port();
  serving server{port, {{"", "127.0.0.1", target.port()}}};
  forwarding client_side{port};
};

TEST_F(relay_random, programs_behind_relays_see_what_a_direct_connection_shows) {
  const auto first = number_of("RENDR_RELAY_FIRST_SEED", 1);
  const auto count = number_of("RENDR_RELAY_SEEDS", 500);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    ASSERT_EQ(run(seed, client_side, target), "") << "seed " << seed;
  }
}

TEST_F(relay_random, seed_16_writes_and_resets_before_the_relay_has_seen_its_connection) {
  EXPECT_EQ(run(16, client_side, target), "");
}

TEST_F(relay_random, seed_26_hears_of_a_reset_by_a_write_and_reads_on) {
  EXPECT_EQ(run(26, client_side, target), "");
}

}  // namespace
}  // namespace rendr::test
