// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=120
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "net/cli_plain_socket.hpp"
#include "net/relays_in_process.hpp"
#include "relay/server.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

/// A client and a target, with the relays between them.
struct relay_ends : testing::Test {
  relay_ends() { join(); }
  void join() {
    client = client_side.connect();
    far = target.accept();
  }

  plain_listener target;
  std::uint16_t server_port = free_port();
  serving server{server_port, {{"", "127.0.0.1", target.port()}}};
  forwarding client_side{server_port};
  plain_socket client;
  plain_socket far;
};

void set_no_delay(const plain_socket& socket) {
  const int on = 1;
  ::setsockopt(socket.handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

TEST_F(relay_ends, an_answer_is_read_before_the_reset_that_follows_it) {
  for (int i = 0; i < 50; ++i) {
    if (i > 0) join();
    ASSERT_TRUE(client.send(std::string(20'000, 'u')));
    ASSERT_TRUE(far.readable());
    ASSERT_TRUE(far.send("an early answer"));
    far.close();  // with unread input: the kernel sends a reset
    EXPECT_EQ(client.receive_all(), "an early answer");
    EXPECT_EQ(client.error(), ECONNRESET);
  }
}

TEST_F(relay_ends, a_target_may_answer_and_reset_before_its_connection_was_looked_at) {
  for (int i = 0; i < 100; ++i) {
    if (i > 0) join();
    ASSERT_TRUE(far.send("busy"));
    ASSERT_TRUE(far.settle());
    far.reset();
    EXPECT_EQ(client.receive_all(), "busy");
    EXPECT_EQ(client.error(), ECONNRESET);
  }
}

TEST(relay_to_a_proxy_target, is_answered_and_reset_before_the_header_came) {
  plain_listener target;
  const auto port = free_port();
  const serving server(port, {{"", "127.0.0.1", target.port(), relay::proxy_protocol::v2}});
  const forwarding client_side(port);
  std::thread busy([&] {
    for (int i = 0; i < 500; ++i) {
      auto far = target.accept();
      EXPECT_TRUE(far.send("busy"));
      far.reset();
    }
  });
  for (int round = 0; round < 10; ++round) {
    std::vector<plain_socket> clients;  // at once, so that the relay looks at each a little late
    for (int i = 0; i < 50; ++i) clients.push_back(client_side.connect());
    for (auto& client : clients) {
      EXPECT_EQ(client.receive_all(), "busy");
      EXPECT_EQ(client.error(), ECONNRESET);
    }
  }
  busy.join();
}

TEST_F(relay_ends, what_a_client_wrote_before_its_reset_reaches_the_target) {
  for (int i = 0; i < 50; ++i) {
    if (i > 0) join();
    ASSERT_TRUE(client.send("the last words"));
    ASSERT_TRUE(client.settle());
    client.reset();
    EXPECT_EQ(far.receive_all(), "the last words");
    EXPECT_EQ(far.error(), ECONNRESET);
  }
}

TEST_F(relay_ends, a_reset_waits_for_a_reader_that_pauses) {
  // More than the reader's kernel takes at once, less than all the buffers on the way.
  const std::string answer(1 << 20, 'a');
  std::thread sender([&] {
    EXPECT_TRUE(far.send(answer));
    EXPECT_TRUE(far.settle());
    far.reset();
  });
  EXPECT_EQ(client.receive(1), "a");
  sender.join();
  EXPECT_EQ(client.receive_all().size(), answer.size() - 1);
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_F(relay_ends, a_reset_of_who_is_not_read_any_more_delivers_what_it_sent) {
  // The client does not read: the relay stops reading the target, whose reset it must still see.
  const std::string answer(256 * 1024, 'a');
  ASSERT_TRUE(far.send(answer));
  ASSERT_TRUE(far.settle());
  far.reset();
  EXPECT_EQ(client.receive_all().size(), answer.size());
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_F(relay_ends, a_target_that_closed_resets_who_goes_on_writing) {
  ASSERT_TRUE(far.send("answer"));
  far.close();
  EXPECT_EQ(client.receive_all(), "answer");
  EXPECT_EQ(client.error(), 0);
  // As over a direct connection: the first bytes meet a reset, later ones an error.
  std::string block(64 * 1024, 'x');
  bool failed = false;
  for (int i = 0; i < 4096 && !failed; ++i) failed = !client.send(block);
  EXPECT_TRUE(failed);
  EXPECT_TRUE(client.error() == EPIPE || client.error() == ECONNRESET) << client.error();
}

TEST_F(relay_ends, a_reset_is_seen_by_who_has_read_the_end_of_stream_and_only_waits) {
  far.finish_sending();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(client.error(), 0);
  far.reset();
  pollfd wait{client.handle(), 0, 0};
  ASSERT_EQ(::poll(&wait, 1, 20'000), 1);
  EXPECT_TRUE(wait.revents & POLLERR);
}

TEST_F(relay_ends, both_directions_are_delivered_when_both_programs_close_at_once) {
  const std::string block(300'000, 'b');
  ASSERT_TRUE(client.send("up"));
  client.finish_sending();
  ASSERT_TRUE(far.send(block));
  far.finish_sending();
  EXPECT_EQ(client.receive_all().size(), block.size());
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(far.receive_all(), "up");
  EXPECT_EQ(far.error(), 0);
}

// While the link lives it would wait for him.
TEST(relay_end_of_link, ends_a_connection_whose_reader_takes_nothing) {
  plain_listener target;
  const auto port = free_port();
  const serving server(port, {{"", "127.0.0.1", target.port()}});
  auto client_side = std::make_unique<forwarding>(port);
  auto client = client_side->connect();
  const auto far = target.accept();
  const std::string block(64 << 10, 'x');
  pollfd out{client.handle(), POLLOUT, 0};
  while (::poll(&out, 1, 1000) == 1) {
    ASSERT_GE(::send(client.handle(), block.data(), block.size(), MSG_DONTWAIT), 0);
  }
  client_side.reset();
  pollfd end{far.handle(), 0, 0};  // a reset shows by itself
  ASSERT_EQ(::poll(&end, 1, 60'000), 1);
  EXPECT_NE(end.revents & POLLERR, 0);
}

TEST_F(relay_ends, urgent_bytes_keep_their_place_in_the_stream) {
  const auto passes = [](plain_socket& from, plain_socket& to) {
    set_no_delay(from);
    ASSERT_TRUE(from.send("a"));
    EXPECT_EQ(to.receive(1), "a");
    ASSERT_EQ(::send(from.handle(), "b", 1, MSG_OOB), 1);
    EXPECT_EQ(to.receive(1), "b");
    ASSERT_TRUE(from.send("c"));
    EXPECT_EQ(to.receive(1), "c");
    // In one segment with others, of which it is the last.
    ASSERT_EQ(::send(from.handle(), "defg", 4, MSG_OOB), 4);
    ASSERT_TRUE(from.send("h"));
    EXPECT_EQ(to.receive(5), "defgh");
  };
  passes(client, far);
  passes(far, client);
}

TEST_F(relay_ends, a_reset_behind_an_urgent_byte_that_nobody_reads_is_seen) {
  std::thread sender([&] {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 256 && client.send(block); ++i) {
      ::send(client.handle(), "!", 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  });
  EXPECT_EQ(far.receive(1), "x");
  far.reset();
  sender.join();
  EXPECT_TRUE(client.error() == ECONNRESET || client.error() == EPIPE) << client.error();
}

/// The keepalive timer of the established connections whose `local` or remote port is this one, in
/// hundredths of a second; nullopt: none of them has one.
std::optional<long> keepalive_timer(std::uint16_t port, bool local) {
  std::ifstream table("/proc/self/net/tcp");
  std::string line;
  std::optional<long> found;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number, here, there, state, queues, timer;
    words >> number >> here >> there >> state >> queues >> timer;
    const auto& address = local ? here : there;
    const auto colon = address.find(':');
    if (state != "01" || colon == std::string::npos) continue;
    if (std::stoul(address.substr(colon + 1), nullptr, 16) != port) continue;
    if (timer.substr(0, 2) == "02") found = std::stol(timer.substr(3), nullptr, 16);
  }
  return found;
}

/// Waits until nothing is unacknowledged: the kernel shows one timer of a socket at a time.
std::optional<long> await_keepalive(std::uint16_t port, bool local) {
  for (int i = 0; i < 5'000; ++i) {
    if (const auto timer = keepalive_timer(port, local)) return timer;
    ::poll(nullptr, 0, 1);
  }
  return std::nullopt;
}

struct keepalive_of_applications : testing::Test {
  /// The timers towards the client and the target of an idle connection.
  void connect(const relay::keepalive& probes) {
    server.emplace(server_port, std::vector<relay::target>{{"", "127.0.0.1", target.port()}},
                   runtime_options(), probes);
    client_side.emplace(server_port, "", 10s, probes);
    client = client_side->connect();
    far = target.accept();
    ASSERT_TRUE(client.send("x"));
    ASSERT_EQ(far.receive(1), "x");
    ASSERT_TRUE(far.send("y"));
    ASSERT_EQ(client.receive(1), "y");
  }
  plain_listener target;
  std::uint16_t server_port = free_port();
  std::optional<serving> server;
  std::optional<forwarding> client_side;
  plain_socket client;
  plain_socket far;
};

TEST_F(keepalive_of_applications, is_on_at_both_ends) {
  connect({});
  EXPECT_TRUE(await_keepalive(client_side->over->port(), true)) << "towards the client";
  EXPECT_TRUE(await_keepalive(target.port(), false)) << "towards the target";
}

TEST_F(keepalive_of_applications, comes_when_it_was_told_to) {
  connect({true, 77s, 5s, 3});
  const auto near_timer = await_keepalive(client_side->over->port(), true);
  const auto far_timer = await_keepalive(target.port(), false);
  ASSERT_TRUE(near_timer && far_timer);
  EXPECT_LE(*near_timer, 7'700);
  EXPECT_LE(*far_timer, 7'700);
}

TEST_F(keepalive_of_applications, is_off_when_it_was_told_to) {
  relay::keepalive off;
  off.on = false;
  connect(off);
  ASSERT_TRUE(client.settle() && far.settle());
  EXPECT_FALSE(keepalive_timer(client_side->over->port(), true));
  EXPECT_FALSE(keepalive_timer(target.port(), false));
}

}  // namespace
}  // namespace rendr::test
