// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// What a listener listens on while addresses and devices come, go and come back.
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/net_fixture.hpp"
#include "support/netns.hpp"
#include "transport/tcp/standing.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using namespace transport;
using asio::ip::tcp;

class standing_listener_test : public net_test {
 protected:
  bool open(listen_place place, std::vector<tcp::endpoint> addresses) {
    standing_listener::handlers to;
    to.on_accept = [this](unique_fd fd) { accepted = std::move(fd); };
    to.forbids = [this](const tcp::endpoint& address) -> step_failure {
      if (address.address() != forbidden) return {};
      return {std::make_error_code(std::errc::permission_denied), "forbidden"};
    };
    to.tell = [this](bool good, const std::string& sentence) {
      (good ? told_good : told_bad).push_back(sentence);
    };
    resolved found;
    found.addresses = std::move(addresses);
    standing = standing_listener::open(context.get_executor(), std::move(place), found,
                                       std::move(to), why);
    return standing != nullptr;
  }
  bool open(const std::string& host, std::string device = {}) {
    listen_place place{host, 0, {}, 16};
    place.options.device = std::move(device);
    return open(place, {{asio::ip::make_address(host), std::uint16_t{0}}});
  }
  bool run_until(const std::function<bool()>& done) {
    asio::steady_timer limit(context, 20s);
    const auto late = std::make_shared<bool>(false);
    limit.async_wait([late](const std::error_code& code) { *late = !code; });
    while (!done() && !*late) {
      context.restart();
      context.run_one();
    }
    return !*late;
  }
  bool takes(const char* address) {
    accepted.reset();
    tcp::socket socket(context);
    std::error_code code;
    socket.connect({asio::ip::make_address(address), standing->port()}, code);
    return !code && run_until([&] { return static_cast<bool>(accepted); });
  }
  void TearDown() override {
    standing.reset();
    accepted.reset();
    context.restart();
    context.poll();
    net_test::TearDown();
  }

  asio::io_context context;
  asio::steady_timer keeps_reactor{context};  // its descriptors are there before the test begins
  std::unique_ptr<standing_listener> standing;
  unique_fd accepted;
  step_failure why;
  std::optional<asio::ip::address> forbidden;
  std::vector<std::string> told_good;
  std::vector<std::string> told_bad;
};

TEST_F(standing_listener_test, an_address_that_comes_later_is_bound_then) {
  if (const auto why_not = netns::unavailable(); !why_not.empty()) GTEST_SKIP() << why_not;
  const netns net;
  const netns::scope here(net);
  const auto device = net.tun("t0", {192, 0, 2, 1}, {192, 0, 2, 2}, 1500);
  ASSERT_TRUE(open("192.0.2.7")) << why.detail;
  EXPECT_TRUE(standing->local().empty());
  ASSERT_EQ(told_bad.size(), 1u);
  EXPECT_NE(told_bad[0].find("waiting for it"), std::string::npos) << told_bad[0];
  net.add_address("t0", {192, 0, 2, 7});
  ASSERT_TRUE(run_until([&] { return !told_good.empty(); }));
  EXPECT_TRUE(takes("192.0.2.7"));
  EXPECT_EQ(told_bad.size(), 1u);
}

TEST_F(standing_listener_test, a_device_that_comes_later_or_is_made_anew_is_bound_to_again) {
  if (const auto why_not = netns::unavailable(); !why_not.empty()) GTEST_SKIP() << why_not;
  const netns net;
  const netns::scope here(net);
  ASSERT_TRUE(open("0.0.0.0", "ppp7")) << why.detail;
  EXPECT_EQ(told_bad.size(), 1u);
  std::uint16_t port = 0;
  for (std::size_t life = 1; life <= 3; ++life) {
    const auto device = net.tun("ppp7", {192, 0, 2, 1}, {192, 0, 2, 2}, 1500);
    ASSERT_TRUE(run_until([&] { return told_good.size() == life; })) << life;
    EXPECT_NE(told_good.back().find("through ppp7"), std::string::npos) << told_good.back();
    ASSERT_EQ(standing->local().size(), 1u);
    if (port == 0) port = standing->port();
    EXPECT_EQ(standing->local()[0].port(), port) << "the port stays";
  }
}

TEST_F(standing_listener_test, what_cannot_be_bound_is_told_while_another_can) {
  ASSERT_TRUE(
      open({"two.test", 0, {}, 16}, {{asio::ip::make_address("192.0.2.1"), std::uint16_t{0}},
                                     {asio::ip::make_address("127.0.0.1"), std::uint16_t{0}}}))
      << why.detail;
  EXPECT_EQ(standing->local().size(), 1u);
  EXPECT_EQ(told_bad.size(), 1u);
  EXPECT_TRUE(takes("127.0.0.1"));
}

TEST_F(standing_listener_test, an_address_in_use_is_a_failure) {
  ASSERT_TRUE(open("127.0.0.1"));
  const auto first = std::move(standing);
  EXPECT_FALSE(open({"127.0.0.1", first->port(), {}, 16},
                    {{asio::ip::make_address("127.0.0.1"), std::uint16_t{0}}}));
  EXPECT_EQ(why.code, std::errc::address_in_use);
}

TEST_F(standing_listener_test, one_forbidden_address_forbids_the_name) {
  forbidden = asio::ip::make_address("0.0.0.0");
  EXPECT_FALSE(open(
      {"two.test", 0, {}, 16},
      {{asio::ip::make_address("127.0.0.1"), std::uint16_t{0}}, {*forbidden, std::uint16_t{0}}}));
  EXPECT_EQ(why.code, std::errc::permission_denied);
}

TEST_F(standing_listener_test, the_wildcard_of_ipv6_takes_both_families) {
  ASSERT_TRUE(open("::")) << why.detail;
  EXPECT_TRUE(takes("127.0.0.1"));
  listen_place beside{"::", standing->port(), {}, 16};
  const auto both = std::move(standing);
  EXPECT_FALSE(open(beside, {{asio::ip::make_address("::"), std::uint16_t{0}}}));
}

TEST_F(standing_listener_test,
       the_wildcard_of_ipv6_tells_that_another_program_has_its_port_in_ipv4) {
  tcp::acceptor other(context, {asio::ip::address_v4::any(), 0});
  const auto port = other.local_endpoint().port();
  ASSERT_TRUE(open(listen_place{"::", port, {}, 16}, {{asio::ip::address_v6::any(), port}}));
  EXPECT_TRUE(takes("::1"));
  EXPECT_EQ(told_bad, std::vector{"[::]:" + std::to_string(port) +
                                  " takes IPv6 alone: in IPv4 its port is in use already"});
}

TEST_F(standing_listener_test, who_is_held_accepts_later) {
  ASSERT_TRUE(open("127.0.0.1"));
  standing->hold(true);
  tcp::socket socket(context);
  socket.connect({asio::ip::make_address("127.0.0.1"), standing->port()});
  context.restart();
  context.poll();
  EXPECT_FALSE(accepted);
  standing->hold(false);
  EXPECT_TRUE(run_until([&] { return static_cast<bool>(accepted); }));
}

TEST_F(standing_listener_test,
       a_name_without_an_answer_is_waited_for_and_one_that_is_not_there_not) {
  standing_listener::handlers to;
  to.on_accept = [](const unique_fd&) {};
  resolved late;
  late.code = asio::error::host_not_found_try_again;
  EXPECT_TRUE(
      standing_listener::open(context.get_executor(), {"localhost", 0, {}, 16}, late, to, why));
  late.code = asio::error::host_not_found;
  EXPECT_FALSE(
      standing_listener::open(context.get_executor(), {"localhost", 0, {}, 16}, late, to, why));
}

TEST_F(standing_listener_test, an_answer_that_comes_late_and_is_forbidden_is_told_once) {
  standing_listener::handlers to;
  to.on_accept = [](const unique_fd&) {};
  to.forbids = [](const tcp::endpoint& address) -> step_failure {
    return {std::make_error_code(std::errc::permission_denied), to_text(address)};
  };
  to.tell = [this](bool, const std::string& sentence) { told_bad.push_back(sentence); };
  resolved late;
  late.code = asio::error::host_not_found_try_again;
  standing =
      standing_listener::open(context.get_executor(), {"localhost", 0, {}, 16}, late, to, why);
  ASSERT_TRUE(standing);
  ASSERT_TRUE(run_until([&] { return told_bad.size() > 1; })) << "the missing answer alone";
  context.restart();
  context.run_for(1700ms);  // it is asked again
  const std::set<std::string> different(told_bad.begin(), told_bad.end());
  EXPECT_EQ(told_bad.size(), different.size());
}

}  // namespace
}  // namespace rendr::test
