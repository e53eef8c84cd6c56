// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=120
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "net/cli_plain_socket.hpp"
#include "net/relays_in_process.hpp"
#include "relay/forwarder.hpp"
#include "relay/server.hpp"
#include "rendr/listener.hpp"
#include "rendr/runtime.hpp"

namespace rendr::relay {
namespace {

using namespace std::chrono_literals;
using test::forwarding;
using test::free_port;
using test::plain_listener;
using test::plain_socket;
using test::serving;

/// A client and the target's end of its connection.
struct cli_forward : testing::Test {
  plain_listener target;
  std::uint16_t server_port = free_port();
  serving server{server_port,
                 {{"", "127.0.0.1", target.port()}, {"gone", "127.0.0.1", free_port()}}};
  forwarding client_side{server_port};
  plain_socket client = client_side.connect();
  plain_socket far = target.accept();
};

TEST_F(cli_forward, carries_bytes_both_ways) {
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(far.receive(5), "hello");
  ASSERT_TRUE(far.send("world"));
  EXPECT_EQ(client.receive(5), "world");
}

TEST_F(cli_forward, an_end_of_stream_leaves_the_other_direction_open) {
  ASSERT_TRUE(client.send("question"));
  client.finish_sending();
  EXPECT_EQ(far.receive_all(), "question");
  EXPECT_EQ(far.error(), 0);
  ASSERT_TRUE(far.send("answer"));
  far.close();
  EXPECT_EQ(client.receive_all(), "answer");
  EXPECT_EQ(client.error(), 0) << "an end of stream is no reset";
}

TEST_F(cli_forward, a_reset_of_the_client_is_a_reset_at_the_target) {
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(far.receive(1), "x");
  client.reset();
  EXPECT_EQ(far.receive_all(), "");
  EXPECT_EQ(far.error(), ECONNRESET);
}

TEST_F(cli_forward, a_reset_of_the_target_is_a_reset_at_the_client) {
  far.reset();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_F(cli_forward, a_reset_is_seen_while_nobody_reads) {
  // The target does not read: every buffer on the way fills up, then the client aborts.
  std::thread sender([this] {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 64 && client.send(block); ++i) {
    }
  });
  EXPECT_EQ(far.receive(1), "x");
  far.reset();
  sender.join();
  EXPECT_TRUE(client.error() == ECONNRESET || client.error() == EPIPE) << client.error();
}

TEST_F(cli_forward, megabytes_arrive_whole_under_backpressure) {
  std::string sent(24 << 20, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761U >> 24);
  std::thread sender([&] {
    EXPECT_TRUE(client.send(sent));
    client.finish_sending();
  });
  const auto got = far.receive_all();
  sender.join();
  EXPECT_TRUE(got == sent);
}

TEST_F(cli_forward, many_connections_share_one_link) {
  constexpr std::size_t count = 200;
  std::vector<std::future<std::string>> answers;
  auto echo = std::async(std::launch::async, [this] {
    std::vector<plain_socket> open;
    for (std::size_t i = 0; i < count; ++i) {
      open.push_back(target.accept());
    }
    for (auto& socket : open) socket.send(socket.receive_all());
  });
  std::vector<plain_socket> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(client_side.connect());
    ASSERT_TRUE(clients.back().send("number " + std::to_string(i)));
    clients.back().finish_sending();
  }
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(clients[i].receive_all(), "number " + std::to_string(i));
  }
  echo.get();
  EXPECT_EQ(server.instance.status().links.size(), 1u);
}

TEST_F(cli_forward, a_target_that_refuses_is_a_reset_and_never_an_end_of_stream) {
  forwarding other(server_port, "gone");
  auto refused = other.connect();
  EXPECT_EQ(refused.receive_all(), "");
  EXPECT_EQ(refused.error(), ECONNRESET);
}

TEST_F(cli_forward, an_unknown_target_is_a_reset) {
  forwarding other(server_port, "nobody");
  auto refused = other.connect();
  EXPECT_EQ(refused.receive_all(), "");
  EXPECT_EQ(refused.error(), ECONNRESET);
}

TEST(cli_forward_alone, listens_before_its_link_is_up_and_connections_wait) {
  plain_listener target;
  const auto port = free_port();
  forwarding client_side(port);
  auto client = client_side.connect();
  ASSERT_TRUE(client.send("early"));
  serving server(port, {{"", "127.0.0.1", target.port()}});
  auto far = target.accept();
  EXPECT_EQ(far.receive(5), "early");
}

TEST(cli_forward_alone, a_connection_is_reset_when_no_server_answers_in_time) {
  forwarding client_side(free_port(), "", 300ms);
  auto client = client_side.connect();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 250ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 9s);
}

TEST(cli_forward_alone, new_connections_reach_a_restarted_server) {
  plain_listener target;
  const auto port = free_port();
  auto server =
      std::make_unique<serving>(port, std::vector<relay::target>{{"", "127.0.0.1", target.port()}});
  forwarding client_side(port);
  auto old = client_side.connect();
  auto old_far = target.accept();
  ASSERT_TRUE(old.send("x"));
  ASSERT_EQ(old_far.receive(1), "x");

  server.reset();
  server =
      std::make_unique<serving>(port, std::vector<relay::target>{{"", "127.0.0.1", target.port()}});
  ASSERT_EQ(client_side.link_lost.get_future().wait_for(20s), std::future_status::ready);
  auto fresh = client_side.connect();
  ASSERT_TRUE(fresh.send("again"));
  auto far = target.accept();
  EXPECT_EQ(far.receive(5), "again");
}

TEST(cli_forward_alone, a_port_in_use_is_named) {
  plain_listener taken;
  runtime instance;
  forwarder_options chosen;
  chosen.host = "127.0.0.1";
  chosen.port = taken.port();
  path_spec path;
  path.host = "127.0.0.1";
  path.port = 1;
  chosen.link.paths.push_back(path);
  forwarder over(instance, std::move(chosen));
  const auto why = over.start();
  EXPECT_EQ(why.code, std::errc::address_in_use);
  EXPECT_NE(why.detail.find(std::to_string(taken.port())), std::string::npos);
}

}  // namespace
}  // namespace rendr::relay
