// SPDX-License-Identifier: Apache-2.0
// ctest: serial
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <thread>

#include "support/emulated_nat.hpp"
#include "support/net_fixture.hpp"
#include "support/nft.hpp"
#include "support/socket_address.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

bool readable(int fd, std::chrono::milliseconds patience) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, static_cast<int>(patience.count())) > 0;
}

template <class Condition>
bool becomes(Condition condition, clock::duration patience = 10s) {
  const auto end = clock::now() + patience;
  while (!condition()) {
    if (clock::now() >= end) return false;
    ::poll(nullptr, 0, 10);
  }
  return true;
}

class translated : public net_test {
 protected:
  struct connection {
    owned_fd near;
    owned_fd far;
    std::uint16_t own_port = 0;
    std::uint16_t seen_port = 0;  ///< by the server
  };

  void SetUp() override {
    net_test::SetUp();
    if (const auto why = nft::unavailable(); !why.empty()) GTEST_SKIP() << why;
    net = std::make_unique<emulator>(2);
    for (const std::size_t link : {0u, 1u}) net->set(link, way::both, {.delay = 2ms});
    nat = std::make_unique<emulated_nat>(*net);
    const netns::scope there(net->server());
    door = owned_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto at = socket_address(emulator::server_address(0), 7000);
    ASSERT_EQ(::bind(door.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(door.get(), 8), 0);
  }
  void TearDown() override {
    door = owned_fd();
    nat.reset();
    net.reset();
    net_test::TearDown();
  }

  connection connect() {
    connection c;
    {
      const netns::scope there(net->client());
      c.near = owned_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    }
    const auto to = socket_address(emulator::server_address(0), 7000);
    EXPECT_EQ(::connect(c.near.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    sockaddr_in name{};
    socklen_t size = sizeof name;
    c.far = owned_fd(::accept(door.get(), reinterpret_cast<sockaddr*>(&name), &size));
    c.seen_port = ntohs(name.sin_port);
    size = sizeof name;
    ::getsockname(c.near.get(), reinterpret_cast<sockaddr*>(&name), &size);
    c.own_port = ntohs(name.sin_port);
    return c;
  }
  static bool carries(const owned_fd& from, const owned_fd& to,
                      std::chrono::milliseconds patience = 5s) {
    char byte = 'x';
    return ::send(from.get(), &byte, 1, MSG_NOSIGNAL) == 1 && readable(to.get(), patience) &&
           ::recv(to.get(), &byte, 1, 0) == 1;
  }
  static bool works(const connection& c) {
    return carries(c.near, c.far) && carries(c.far, c.near);
  }

  /// Nothing goes through any more, either way, and the translator is why.
  void expect_dead(const connection& c) {
    const auto before = nat->strays();
    EXPECT_FALSE(carries(c.near, c.far, 300ms));
    EXPECT_GT(nat->strays(), before) << "what the client sends";
    const auto between = nat->strays();
    EXPECT_FALSE(carries(c.far, c.near, 300ms));
    EXPECT_GT(nat->strays(), between) << "what the server sends";
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(c.near.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
    EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED) << "and nobody was told";
    EXPECT_GT(info.tcpi_unacked, 0u);
  }

  std::unique_ptr<emulator> net;
  std::unique_ptr<emulated_nat> nat;
  owned_fd door;
};

TEST_F(translated, a_connection_shows_another_port_and_goes_on_while_its_mapping_lives) {
  const auto c = connect();
  EXPECT_GE(c.seen_port, emulated_nat::lowest_port);
  EXPECT_LE(c.seen_port, emulated_nat::highest_port);
  EXPECT_NE(c.seen_port, c.own_port);
  EXPECT_TRUE(works(c));
  EXPECT_EQ(nat->mappings(), 1u);
  EXPECT_EQ(nat->strays(), 0u);
}

TEST_F(translated, a_flushed_mapping_leaves_its_connection_dead_without_a_word_and_new_ones_work) {
  const auto c = connect();
  ASSERT_TRUE(works(c));
  nat->flush();
  EXPECT_EQ(nat->mappings(), 0u);
  expect_dead(c);
  EXPECT_TRUE(works(connect()));
}

TEST_F(translated, a_mapping_expires_when_its_connection_is_idle_and_not_before) {
  nat->lifetime(1s);
  const auto c = connect();
  const auto end = clock::now() + 2s;
  while (clock::now() < end) {
    ASSERT_TRUE(works(c)) << "traffic keeps it";
    ::poll(nullptr, 0, 100);
  }
  ASSERT_TRUE(becomes([this] { return nat->mappings() == 0; }));
  expect_dead(c);
}

TEST_F(translated, nothing_comes_in_that_was_not_asked_for) {
  owned_fd inside;
  {
    const netns::scope there(net->client());
    inside = owned_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }
  const auto at = socket_address(emulator::client_address(0), 7001);
  ASSERT_EQ(::bind(inside.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  owned_fd outside;
  {
    const netns::scope there(net->server());
    outside = owned_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }
  ASSERT_EQ(::sendto(outside.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&at), sizeof at),
            1);
  ASSERT_TRUE(becomes([this] { return nat->strays() == 1; }));
  EXPECT_FALSE(readable(inside.get(), 0ms));
}

TEST_F(translated, a_link_outlives_the_mappings_of_its_paths) {
  std::unique_ptr<runtime> server;
  std::unique_ptr<listener> gate;
  {
    const netns::scope there(net->server());
    server = std::make_unique<runtime>();
    gate = std::make_unique<listener>(*server);
    listen_options options;
    options.host = "0.0.0.0";
    options.insecure = true;
    ASSERT_FALSE(gate->listen(options).code);
  }
  std::unique_ptr<runtime> client;
  link line;
  {
    const netns::scope there(net->client());
    client = std::make_unique<runtime>();
    line = link(*client);
    link_options options;
    options.insecure = true;
    for (const std::size_t i : {0u, 1u}) {
      auto path = path_to(gate->port(), "p" + std::to_string(i + 1));
      path.host = text(emulator::server_address(i));
      path.bind = text(emulator::client_address(i));
      options.paths.push_back(std::move(path));
    }
    ASSERT_FALSE(line.connect(std::move(options)).code);
  }
  ASSERT_TRUE(becomes([this] { return nat->mappings() == 2; }));
  auto near = line.open_stream();
  auto far = gate->accept().accept();
  std::string got(4096, '\0');
  for (std::size_t round = 0; round < 3; ++round) {
    const auto sent = pattern(got.size(), round * got.size());
    asio::write(near, asio::buffer(sent));
    asio::read(far, asio::buffer(got));
    EXPECT_TRUE(got == sent) << "round " << round;
    if (round == 0) nat->flush();
  }
  EXPECT_GT(nat->strays(), 0u);
  EXPECT_GE(nat->mappings(), 1u) << "dialled anew";
  near.close();
  far.close();
  line.abort();
  line = link();
  gate.reset();
  client.reset();
  server.reset();
}

}  // namespace
}  // namespace rendr::test
