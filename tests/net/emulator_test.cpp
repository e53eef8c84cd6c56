// SPDX-License-Identifier: Apache-2.0
// ctest: serial
#include "support/emulator.hpp"
#include "support/socket_address.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr double speed = 0.2;  // what a sanitizer leaves of the machine
#else
constexpr double speed = 1;
#endif
constexpr std::uint64_t mbit = 1'000'000 / 8;
constexpr std::size_t headers = 28;  // IPv4 and UDP
constexpr std::uint16_t port = 7000;
constexpr double slack_ms = 2;

double ms(clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }
double ms_of(duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

/// A socket bound in a namespace.
owned_fd bound(const netns& where, ipv4 host, std::uint16_t at, int type) {
  const netns::scope here(where);
  owned_fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto a = socket_address(host, at);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0)
      << text(host) << ": " << std::strerror(errno);
  const int large = 4 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  return fd;
}

bool ready(int fd, short what, clock::duration patience) {
  pollfd p{fd, what, 0};
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  return ::poll(&p, 1, static_cast<int>(std::max<std::int64_t>(wait, 0))) > 0;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? -1 : values[values.size() / 2];
}

class emulated_link : public net_test {
 protected:
  void SetUp() override {
    net_test::SetUp();
    if (const auto why = netns::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
  void TearDown() override {
    near = owned_fd();
    far = owned_fd();
    if (net) {
      for (std::size_t i = 0; i < links; ++i) EXPECT_EQ(net->device_drops(i), 0u);
    }
    net.reset();
    net_test::TearDown();
  }

  void begin(lane_settings both, std::size_t count = 1, std::uint64_t seed = 1) {
    near = owned_fd();
    far = owned_fd();
    links = count;
    net = std::make_unique<emulator>(count, seed);
    for (std::size_t i = 0; i < count; ++i) net->set(i, way::both, both);
    near = bound(net->client(), emulator::client_address(0), port, SOCK_DGRAM);
    far = bound(net->server(), {0, 0, 0, 0}, port, SOCK_DGRAM);
  }
  /// A datagram whose first bytes are its number.
  void send(std::uint32_t number, std::size_t size = 100) {
    std::vector<char> data(size);
    std::memcpy(data.data(), &number, sizeof number);
    const auto to = socket_address(emulator::server_address(0), port);
    ASSERT_EQ(::sendto(near.get(), data.data(), size, 0, reinterpret_cast<const sockaddr*>(&to),
                       sizeof to),
              static_cast<ssize_t>(size));
  }
  struct arrival {
    std::uint32_t number;
    clock::time_point when;
  };
  /// What arrives at `fd` until nothing does for `patience` or `most` have.
  static std::vector<arrival> receive(int fd, clock::duration patience,
                                      std::size_t most = 1u << 30) {
    std::vector<arrival> got;
    std::array<char, 65536> data{};
    while (got.size() < most && ready(fd, POLLIN, patience)) {
      while (got.size() < most && ::recv(fd, data.data(), data.size(), 0) >= 4) {
        std::uint32_t number = 0;
        std::memcpy(&number, data.data(), sizeof number);
        got.push_back({number, clock::now()});
      }
    }
    return got;
  }
  /// Sends one datagram each `interval` and notes when each arrives.
  void pace(std::uint32_t count, clock::duration interval, std::vector<clock::time_point>& sent,
            std::vector<arrival>& got) {
    auto due = clock::now();
    for (std::uint32_t i = 0; i < count; ++i) {
      sent.push_back(clock::now());
      send(i);
      due += interval;
      while (clock::now() < due) {
        const auto more = receive(far.get(), due - clock::now(), 1);
        got.insert(got.end(), more.begin(), more.end());
      }
    }
    const auto rest = receive(far.get(), 200ms, count - got.size());
    got.insert(got.end(), rest.begin(), rest.end());
  }

  std::size_t links = 0;
  std::unique_ptr<emulator> net;
  owned_fd near;
  owned_fd far;
};

TEST_F(emulated_link, delays_each_direction_by_its_own_setting) {
  begin({});
  net->change(0, way::to_server, [](lane_settings& s) { s.delay = 20ms; });
  net->change(0, way::to_client, [](lane_settings& s) { s.delay = 5ms; });
  std::vector<double> out;
  std::vector<double> back;
  for (std::uint32_t i = 0; i < 30; ++i) {
    const auto begun = clock::now();
    send(i);
    sockaddr_in from{};
    socklen_t length = sizeof from;
    std::array<char, 200> data{};
    ASSERT_TRUE(ready(far.get(), POLLIN, 2s));
    const auto half = clock::now();
    ASSERT_EQ(::recvfrom(far.get(), data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from),
                         &length),
              100);
    ASSERT_EQ(::sendto(far.get(), data.data(), 100, 0, reinterpret_cast<sockaddr*>(&from), length),
              100);
    ASSERT_EQ(receive(near.get(), 2s, 1).size(), 1u);
    out.push_back(ms(half - begun));
    back.push_back(ms(clock::now() - half));
  }
  RecordProperty("to_server_ms", std::to_string(median(out)));
  EXPECT_GE(*std::min_element(out.begin(), out.end()), 20);
  EXPECT_LE(median(out), 20 + slack_ms);
  EXPECT_GE(*std::min_element(back.begin(), back.end()), 5);
  EXPECT_LE(median(back), 5 + slack_ms);
}

TEST_F(emulated_link, jitter_spreads_the_delay_and_reorders_only_when_told) {
  for (const bool reorder : {false, true}) {
    begin({.delay = 10ms, .jitter = 8ms, .reorder = reorder});
    std::vector<clock::time_point> sent;
    std::vector<arrival> got;
    pace(400, 1ms, sent, got);
    ASSERT_EQ(got.size(), 400u);
    std::vector<double> delays;
    std::size_t overtaken = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      delays.push_back(ms(got[i].when - sent.at(got[i].number)));
      if (i > 0 && got[i].number < got[i - 1].number) ++overtaken;
    }
    EXPECT_GE(*std::min_element(delays.begin(), delays.end()), 10);
    std::sort(delays.begin(), delays.end());
    EXPECT_NEAR(delays[delays.size() * 95 / 100], 10 + 8 * 0.95, slack_ms);
    if (reorder) {
      EXPECT_NEAR(delays[delays.size() * 5 / 100], 10 + 8 * 0.05, slack_ms);
      EXPECT_NEAR(median(delays), 14, slack_ms);
      EXPECT_GT(overtaken, 50u);
    } else {
      EXPECT_EQ(overtaken, 0u);
    }
  }
}

TEST_F(emulated_link, a_rate_spaces_the_packets_and_a_collapse_slows_what_is_queued) {
  constexpr std::size_t size = 1400;
  constexpr std::uint32_t count = 200;
  constexpr double wire = (size + headers) * count;
  begin({.delay = 5ms, .rate = 10 * mbit, .queue = 1u << 20});
  for (std::uint32_t i = 0; i < count; ++i) send(i, size);
  const auto got = receive(far.get(), 500ms, count);
  ASSERT_EQ(got.size(), count);
  const auto seconds = std::chrono::duration<double>(got.back().when - got.front().when).count();
  const auto rate = wire * (count - 1) / count / seconds;
  RecordProperty("mbit", std::to_string(rate / mbit));
  EXPECT_NEAR(rate / mbit, 10, 0.3);

  const auto begun = clock::now();
  for (std::uint32_t i = 0; i < count; ++i) send(i, size);
  receive(far.get(), 500ms, count / 2);
  net->change(0, way::to_server, [](lane_settings& s) { s.rate = 2 * mbit; });
  ASSERT_EQ(receive(far.get(), 500ms, count / 2).size(), count / 2);
  const auto whole = std::chrono::duration<double>(clock::now() - begun).count();
  EXPECT_NEAR(whole, wire / 2 / (10 * mbit) + wire / 2 / (2 * mbit), 0.05);
}

TEST_F(emulated_link, loses_the_share_that_it_was_told_and_the_same_packets_for_the_same_seed) {
  std::array<std::set<std::uint32_t>, 3> arrived;
  for (std::size_t run = 0; run < arrived.size(); ++run) {
    begin({.delay = 1ms, .loss_ppm = 100'000}, 1, run == 2 ? 8 : 7);
    for (std::uint32_t i = 0; i < 4000; ++i) {
      send(i);
      if (i % 100 == 99) {
        for (const auto& a : receive(far.get(), 5ms)) arrived.at(run).insert(a.number);
      }
    }
    const auto c = net->counters(0, way::to_server);
    EXPECT_EQ(c.entered, 4000u);
    EXPECT_EQ(c.forwarded + c.lost, c.entered);
    EXPECT_EQ(arrived.at(run).size(), c.forwarded);
    EXPECT_NEAR(static_cast<double>(c.lost) / 4000, 0.1, 0.02);
  }
  EXPECT_EQ(arrived[0], arrived[1]);
  EXPECT_NE(arrived[0], arrived[2]);
}

TEST_F(emulated_link, a_full_queue_drops_the_newest) {
  begin({.delay = 1ms, .rate = mbit, .queue = 10'280});
  for (std::uint32_t i = 0; i < 50; ++i) send(i, 1000);
  const auto got = receive(far.get(), 300ms);
  const auto c = net->counters(0, way::to_server);
  EXPECT_EQ(c.queue_high, 10'280u);
  EXPECT_EQ(c.overflowed + got.size(), 50u);
  EXPECT_GE(got.size(), 10u);
  EXPECT_LE(got.size(), 11u);
}

TEST_F(emulated_link, one_direction_goes_dark_and_comes_back) {
  begin({.delay = 30ms});
  send(1);
  ASSERT_EQ(receive(far.get(), 2s, 1).size(), 1u);
  send(2);
  while (net->counters(0, way::to_server).entered < 2) std::this_thread::yield();
  net->up(0, way::to_server, false);
  send(3);
  const auto got = receive(far.get(), 200ms);
  ASSERT_EQ(got.size(), 1u) << "what was on the wire still arrives, nothing else";
  EXPECT_EQ(got[0].number, 2u);
  EXPECT_EQ(net->counters(0, way::to_server).darkened, 1u);
  const auto to = socket_address(emulator::client_address(0), port);
  ASSERT_EQ(::sendto(far.get(), "back", 4, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
            4);
  EXPECT_EQ(receive(near.get(), 2s, 1).size(), 1u) << "the other direction is not dark";
  net->up(0, way::to_server, true);
  send(4);
  EXPECT_EQ(receive(far.get(), 2s, 1).size(), 1u);
}

TEST_F(emulated_link, what_is_corrupted_fails_its_checksum) {
  begin({.delay = 1ms, .corrupt_ppm = 200'000});
  for (std::uint32_t i = 0; i < 500; ++i) send(i);
  const auto got = receive(far.get(), 100ms);
  const auto c = net->counters(0, way::to_server);
  EXPECT_EQ(c.forwarded, 500u);
  EXPECT_GT(c.corrupted, 50u);
  EXPECT_EQ(got.size(), 500 - c.corrupted);
}

TEST_F(emulated_link, a_smaller_mtu_on_the_way_swallows_large_packets) {
  begin({.delay = 1ms, .mtu = 1000});
  send(1, 1000 - headers);
  send(2, 1001 - headers);
  const auto got = receive(far.get(), 100ms);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].number, 1u);
  EXPECT_EQ(net->counters(0, way::to_server).too_large, 1u);
}

TEST_F(emulated_link, the_source_address_chooses_the_link) {
  begin({.delay = 1ms}, 3);
  net->up(0, way::both, false);
  const auto host = socket_address(emulator::host_address(), port);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto from = bound(net->client(), emulator::client_address(i), 0, SOCK_DGRAM);
    const auto before = net->counters(i, way::to_server).entered;
    const std::uint32_t number = 5;
    ASSERT_EQ(::sendto(from.get(), &number, sizeof number, 0,
                       reinterpret_cast<const sockaddr*>(&host), sizeof host),
              4);
    EXPECT_EQ(receive(far.get(), 100ms, 1).size(), i == 0 ? 0u : 1u) << i;
    EXPECT_EQ(net->counters(i, way::to_server).entered, before + 1) << i;
  }
}

/// Moves bytes from one socket to the other for `span`; bytes per second at the receiver.
double bulk(int sender, int receiver, clock::duration span) {
  std::vector<char> chunk(262'144);
  std::uint64_t bytes = 0;
  const auto begun = clock::now();
  auto first = begun;
  while (clock::now() < begun + span) {
    std::array<pollfd, 2> p{{{sender, POLLOUT, 0}, {receiver, POLLIN, 0}}};
    if (::poll(p.data(), p.size(), 1000) <= 0) break;
    if ((p[0].revents & POLLOUT) != 0) ::send(sender, chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if ((p[1].revents & POLLIN) == 0) continue;
    for (ssize_t n = 0; (n = ::recv(receiver, chunk.data(), chunk.size(), 0)) > 0;) {
      if (clock::now() < begun + span / 3) {
        first = clock::now();
      } else {
        bytes += static_cast<std::uint64_t>(n);
      }
    }
  }
  return static_cast<double>(bytes) / std::chrono::duration<double>(clock::now() - first).count();
}

TEST_F(emulated_link, carries_a_hundred_megabits_of_tcp) {
  const auto rate = static_cast<std::uint64_t>(120 * speed) * mbit;
  begin({.delay = 5ms, .rate = rate, .queue = 512 * 1024});
  const auto door = bound(net->server(), {0, 0, 0, 0}, port, SOCK_STREAM);
  ASSERT_EQ(::listen(door.get(), 1), 0);
  const auto sender = bound(net->client(), emulator::client_address(0), 0, SOCK_STREAM);
  ASSERT_EQ(::setsockopt(sender.get(), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5), 0);
  const auto to = socket_address(emulator::server_address(0), port);
  ASSERT_EQ(::connect(sender.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  ASSERT_TRUE(ready(door.get(), POLLIN, 5s));
  const owned_fd receiver(::accept4(door.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const auto goodput = bulk(sender.get(), receiver.get(), 2s);
  RecordProperty("mbit", std::to_string(goodput / mbit));
  RecordProperty("latest_ms", std::to_string(ms_of(net->counters(0, way::both).latest)));
  EXPECT_GE(goodput, 100 * speed * mbit);
  EXPECT_LE(goodput, static_cast<double>(rate));
}

TEST_F(emulated_link, nothing_is_left_behind_and_the_host_sees_none_of_it) {
  const auto interfaces = [] {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& i : std::filesystem::directory_iterator("/sys/class/net"))
      ++n;
    return n;
  };
  const auto before = interfaces();
  for (int i = 0; i < 5; ++i) {
    begin({}, 4);
    EXPECT_EQ(interfaces(), before);
  }
  EXPECT_THROW(emulator(0), std::system_error);
  EXPECT_EQ(interfaces(), before);
}

}  // namespace
}  // namespace rendr::test
