// SPDX-License-Identifier: Apache-2.0
// When the links of a server or of a source are as many as they may be.
#include <gtest/gtest.h>

#include "support/servers_and_clients.hpp"

namespace rendr::engine::test {
namespace {

/// Room for eight links, two of a source.
struct stage : servers_and_clients {
  stage() {
    auto config = server_config();
    config.links = 8;
    serve(config);
  }
  client& from(const std::string& host) {
    remote = host + ":5000";
    auto& c = start(client_config(static_cast<std::uint8_t>(1 + clients.size())));
    advance(1s);
    return c;
  }
  bool up(client& c) { return c.ep->status(now, c.link)->up; }
};

TEST(LinkQuota, OfASourceTheLinkThatIsDarkForLongestGivesWay) {
  stage s;
  auto& elsewhere = s.from("192.0.2.9");
  s.kill(elsewhere, true);
  s.advance(1s);
  auto& a = s.from("192.0.2.1");
  auto& b = s.from("192.0.2.1");
  s.kill(b, true);
  s.advance(1s);
  s.kill(a, true);
  s.advance(1s);
  ASSERT_EQ(s.living(), 3u);
  EXPECT_TRUE(s.up(s.from("192.0.2.1")));
  const auto downs = stage::all<event::link_down>(s.servers[0]->events);
  ASSERT_EQ(downs.size(), 1u);
  EXPECT_EQ(downs[0].link, link_ref{3}) << "b, not a that was seen later, nor another source's";
  EXPECT_EQ(downs[0].code, errc::limit_reached);
}

TEST(LinkQuota, ALivingLinkNeverGivesWay) {
  stage s;
  auto& a = s.from("192.0.2.1");
  auto& b = s.from("192.0.2.1");
  EXPECT_FALSE(s.up(s.from("192.0.2.1")));
  s.advance(30s);
  EXPECT_TRUE(s.up(a));
  EXPECT_TRUE(s.up(b));
  EXPECT_EQ(s.ended(), 0u);
}

TEST(LinkQuota, WhenAllAreFullAnySourcesDarkLinkGivesWay) {
  stage s;
  for (int host = 1; host <= 4; ++host) {
    s.from("192.0.2." + std::to_string(host));
    s.from("192.0.2." + std::to_string(host));
  }
  ASSERT_EQ(s.living(), 8u);
  s.kill(*s.clients[5], true);
  s.advance(1s);
  EXPECT_TRUE(s.up(s.from("192.0.2.77")));
  EXPECT_EQ(s.ended(), 1u);
  EXPECT_EQ(s.living(), 8u);
}

// What it proves comes with its next message.
TEST(LinkQuota, AHelloAloneMovesNobody) {
  stage s;
  auto& a = s.from("192.0.2.1");
  s.from("192.0.2.1");
  s.kill(a, true);
  s.advance(1s);
  s.tamper = [](bytes& data) { data.clear(); };  // no HELLO_ACK arrives
  auto& c = s.from("192.0.2.1");
  s.advance(5s);
  EXPECT_EQ(s.ended(), 0u);
  s.tamper = {};
  s.advance(20s);
  EXPECT_TRUE(s.up(c));
  EXPECT_EQ(s.ended(), 1u);
}

}  // namespace
}  // namespace rendr::engine::test
