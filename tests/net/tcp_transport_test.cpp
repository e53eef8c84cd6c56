// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
#include <sys/socket.h>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rendr/error.hpp"
#include "support/net_fixture.hpp"
#include "support/netns.hpp"
#include "transport/memory/pipe.hpp"
#include "transport/resolver.hpp"
#include "transport/tcp/dial.hpp"
#include "transport/tcp/listen.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using namespace transport;
using asio::ip::tcp;

/// One loop, a listener on it, and what a dial gave.
class tcp_transport : public net_test {
 protected:
  std::uint16_t listen() {
    step_failure why;
    acceptor = listen_tcp(
        context.get_executor(), {asio::ip::address_v4::loopback(), 0}, {}, 16,
        [this](unique_fd fd) { accepted = adopt_tcp(context.get_executor(), std::move(fd)); }, why);
    EXPECT_FALSE(why.code) << why.detail;
    return acceptor->local().port();
  }
  opened dial_to(tcp_target target, duration timeout = 5s) {
    std::optional<opened> answer;
    const auto under_way = dial_tcp(context.get_executor(), *names, std::move(target), timeout,
                                    [&](opened result, std::optional<tcp::endpoint> address) {
                                      answer = std::move(result);
                                      worked = address;
                                    });
    run_until([&] { return answer.has_value(); });
    return std::move(*answer);
  }
  // What names stand for here.
  void asks_nobody() {
    names = std::make_unique<resolver>(
        context.get_executor(), std::make_shared<lookups>([](const std::string&) {
          return resolved{asio::error::host_not_found_try_again, "no answer", {}};
        }));
  }
  void name_means(std::vector<tcp::endpoint> addresses) {
    names = std::make_unique<resolver>(
        context.get_executor(),
        std::make_shared<lookups>([addresses = std::move(addresses)](const std::string&) {
          return resolved{{}, {}, addresses};
        }));
  }
  void run_until(const std::function<bool()>& done) {
    asio::steady_timer limit(context, 10s);
    // The cancelled wait is told after this function returned.
    const auto late = std::make_shared<bool>(false);
    limit.async_wait([late](const std::error_code& code) { *late = !code; });
    while (!done() && !*late) {
      context.restart();
      context.run_one();
    }
    EXPECT_FALSE(*late);
  }
  void TearDown() override {
    acceptor.reset();
    accepted = {};
    context.restart();
    context.poll();
    net_test::TearDown();
  }

  asio::io_context context;
  asio::steady_timer keeps_reactor{context};  // its descriptors are there before the test begins
  std::unique_ptr<resolver> names = std::make_unique<resolver>(context.get_executor());
  std::unique_ptr<tcp_acceptor> acceptor;
  opened accepted;
  std::optional<tcp::endpoint> worked;
};

TEST_F(tcp_transport, evidence_counts_what_the_other_kernel_acknowledged) {
  auto near = dial_to({"127.0.0.1", listen(), {}, {}, false});
  ASSERT_TRUE(near.io) << near.detail;
  run_until([&] { return accepted.io != nullptr; });
  EXPECT_EQ(near.traits.evidence, evidence_kind::end_to_end);
  EXPECT_TRUE(near.traits.loopback);
  EXPECT_EQ(near.traits.remote, accepted.traits.local);
  EXPECT_EQ(near.io->evidence()->delivered, 0u) << "a SYN is no byte";
  const auto text = pattern(10'000);
  const bytes_view piece = as_bytes(text);
  for (auto* io : {near.io.get(), accepted.io.get()}) {
    ASSERT_EQ(io->write(std::span(&piece, 1)).size, text.size());
    asio::steady_timer tick(context);
    while (io->evidence()->delivered < text.size()) {
      tick.expires_after(1ms);
      tick.wait();
    }
    const auto evidence = *io->evidence();
    EXPECT_EQ(evidence.delivered, text.size());
    EXPECT_EQ(evidence.unsent, 0u);
    EXPECT_EQ(evidence.unacked, 0u);
    EXPECT_GT(evidence.rtt, 0ns);
    EXPECT_LT(evidence.last_ack_age, 1s);
    EXPECT_FALSE(evidence.recovering);
  }
  near.io->close();
}

TEST_F(tcp_transport, unread_bytes_show_as_unsent_or_unacknowledged) {
  auto near = dial_to({"127.0.0.1", listen(), {}, {}, false});
  ASSERT_TRUE(near.io);
  near.io->limit_unsent(16 * 1024);
  const auto text = pattern(1 << 20);
  const bytes_view piece = as_bytes(text);
  std::size_t written = 0;
  while (true) {
    const auto result = near.io->write(std::span(&piece, 1));
    if (result.status != io_status::ok) break;
    written += result.size;
    if (result.size < piece.size()) break;
  }
  const auto evidence = *near.io->evidence();
  EXPECT_LE(evidence.delivered + evidence.unacked + evidence.unsent, written);
  EXPECT_LE(evidence.unsent, 512u * 1024) << "the limit holds, within what one call may add";
  near.io->close();
}

TEST_F(tcp_transport, a_name_with_a_dead_first_family_is_reached_by_the_other) {
  // localhost is ::1 and 127.0.0.1; only the latter listens.
  auto near = dial_to({"localhost", listen(), {}, {}, false});
  ASSERT_TRUE(near.io) << near.detail;
  EXPECT_TRUE(worked->address().is_v4());
  near.io->close();
}

TEST_F(tcp_transport, the_address_that_worked_is_tried_while_the_name_is_unknown) {
  asks_nobody();
  const tcp::endpoint good(asio::ip::address_v4::loopback(), listen());
  const auto ranks = std::make_shared<address_ranks>();
  ranks->known({good});
  auto near = dial_to({"gone.test", good.port(), {}, ranks, false});
  ASSERT_TRUE(near.io) << near.detail;
  near.io->close();
}

TEST_F(tcp_transport, after_an_address_that_did_not_serve_comes_the_next) {
  const tcp::endpoint good(asio::ip::address_v4::loopback(), listen());
  const tcp::endpoint bad(asio::ip::make_address("127.0.0.3"), good.port());
  step_failure why;
  int knocks = 0;
  const auto other = listen_tcp(
      context.get_executor(), bad, {}, 16, [&](const unique_fd&) { ++knocks; }, why);
  ASSERT_TRUE(other) << why.detail;
  name_means({bad, good});
  const auto ranks = std::make_shared<address_ranks>();
  bool first = true;
  for (const auto& expected : {bad, good, bad, good}) {
    auto near = dial_to({"two.test", good.port(), {}, ranks, false, 1h});
    ASSERT_TRUE(near.io) << near.detail;
    EXPECT_EQ(*worked, expected) << "connecting alone proves nothing";
    EXPECT_EQ(near.traits.more_addresses, first) << "the other was not tried yet";
    first = false;
    near.io->close();
  }
  ranks->good(good);
  auto near = dial_to({"two.test", good.port(), {}, ranks, false});
  EXPECT_EQ(*worked, good) << "the last good one first";
  near.io->close();
  context.restart();
  context.poll();
  EXPECT_EQ(knocks, 2) << "who is second waits for its turn, also when the name was known";
}

// While one connects to the address that serves, the next does not begin with another one.
TEST_F(tcp_transport, who_connects_at_the_same_time_begins_with_the_address_that_serves) {
  const auto port = listen();
  const tcp::endpoint serves(asio::ip::address_v4::loopback(), port);
  const tcp::endpoint other(asio::ip::make_address_v4("127.0.0.2"), port);
  name_means({other, serves});
  tcp_target target;
  target.host = "a.name";
  target.port = port;
  target.connected_is_good = true;
  target.ranks = std::make_shared<address_ranks>();
  target.ranks->known({other, serves});
  target.ranks->good(serves);
  std::vector<connected> made;
  std::vector<std::unique_ptr<transport::dial>> under_way;
  for (int i = 0; i < 8; ++i) {
    under_way.push_back(connect_tcp(context.get_executor(), *names, target, 5s,
                                    [&](connected one) { made.push_back(std::move(one)); }));
  }
  EXPECT_EQ(target.ranks->order().front(), serves);
  run_until([&] { return made.size() == under_way.size(); });
  for (const auto& one : made) EXPECT_EQ(one.address, serves) << one.detail;
  EXPECT_EQ(target.ranks->order().front(), serves);
  target.ranks->good(serves);
  acceptor.reset();
  under_way.push_back(connect_tcp(context.get_executor(), *names, target, 5s,
                                  [&](connected one) { made.push_back(std::move(one)); }));
  run_until([&] { return made.size() == under_way.size(); });
  EXPECT_TRUE(made.back().code);
  EXPECT_FALSE(target.ranks->more()) << "what failed is told";
}

TEST_F(tcp_transport, a_silent_address_is_passed_by) {
  if (const auto why_not = netns::unavailable(); !why_not.empty()) GTEST_SKIP() << why_not;
  const netns net;
  const netns::scope here(net);
  const auto hole = net.tun("hole0", {192, 0, 2, 1}, {192, 0, 2, 99}, 1500);  // nobody reads it
  const tcp::endpoint good(asio::ip::address_v4::loopback(), listen());
  name_means({{asio::ip::make_address("192.0.2.99"), good.port()}, good});
  auto near = dial_to({"two.test", good.port(), {}, {}, true}, 1h);
  ASSERT_TRUE(near.io) << near.detail;
  EXPECT_EQ(*worked, good);
  near.io->close();
}

TEST_F(tcp_transport, a_changed_answer_is_followed) {
  const auto port = listen();
  const auto ranks = std::make_shared<address_ranks>();
  ranks->known({{asio::ip::make_address("127.0.0.9"), port}});
  name_means({{asio::ip::address_v4::loopback(), port}});
  auto near = dial_to({"moved.test", port, {}, ranks, false});
  ASSERT_TRUE(near.io) << near.detail;
  near.io->close();
  EXPECT_EQ(ranks->order().size(), 1u);
}

TEST_F(tcp_transport, of_a_thousand_addresses_some_are_tried) {
  std::vector<tcp::endpoint> many;
  for (unsigned i = 1; i <= 1000; ++i)
    many.emplace_back(asio::ip::address_v4(0x7f010000 + i), std::uint16_t{0});
  name_means(many);
  auto refused = dial_to({"many.test", 1, {}, {}, false});
  EXPECT_FALSE(refused.io);
  EXPECT_EQ(refused.code, std::errc::connection_refused);
  EXPECT_LT(refused.detail.size(), 600u);
  name_means({});
  EXPECT_FALSE(dial_to({"none.test", 1, {}, {}, false}).io);
}

TEST_F(tcp_transport, failures_say_where_and_why) {
  const auto port = listen();
  acceptor.reset();
  auto refused = dial_to({"127.0.0.1", port, {}, {}, false});
  EXPECT_EQ(refused.code, std::errc::connection_refused);
  EXPECT_NE(refused.detail.find("127.0.0.1:" + std::to_string(port)), std::string::npos);
  EXPECT_EQ(dial_to({"192.0.2.1", 7, {}, {}, false}).code, errc::permission_denied);
  auto no_device = dial_to({"127.0.0.1", port, {"", "nodev0", {}, ""}, {}, false});
  EXPECT_NE(no_device.detail.find("nodev0"), std::string::npos) << no_device.detail;
  auto no_cc = dial_to({"127.0.0.1", port, {"", "", {}, "nosuchcc"}, {}, false});
  EXPECT_NE(no_cc.detail.find("nosuchcc"), std::string::npos) << no_cc.detail;
  auto wrong_family = dial_to({"127.0.0.1", port, {"::1", "", {}, ""}, {}, false});
  EXPECT_NE(wrong_family.detail.find("famil"), std::string::npos) << wrong_family.detail;
}

TEST_F(tcp_transport, a_path_leaves_from_the_address_it_is_bound_to) {
  auto near = dial_to({"127.0.0.1", listen(), {"127.0.0.9", "", {}, ""}, {}, false});
  ASSERT_TRUE(near.io) << near.detail;
  EXPECT_EQ(near.traits.local.substr(0, 10), "127.0.0.9:");
  near.io->close();
}

TEST_F(tcp_transport, the_memory_pipe_carries_bounds_and_ends) {
  const auto [one, other] = memory_ends(context.get_executor(), 100);
  const auto text = pattern(150);
  const bytes_view piece = as_bytes(text);
  EXPECT_EQ(one->write(std::span(&piece, 1)).size, 100u);
  EXPECT_EQ(one->write(std::span(&piece, 1)).status, io_status::would_block);
  std::array<std::byte, 200> got;
  EXPECT_EQ(other->read(got).size, 100u);
  EXPECT_EQ(other->read(got).status, io_status::would_block);
  one->close();
  EXPECT_EQ(other->read(got).status, io_status::eof);
  EXPECT_EQ(other->write(std::span(&piece, 1)).status, io_status::failed);
}

}  // namespace
}  // namespace rendr::test
