// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// Names and wildcards in forward and serve, without the programs.
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>

#include "net/cli_plain_socket.hpp"
#include "relay/forwarder.hpp"
#include "relay/server.hpp"
#include "rendr/listener.hpp"
#include "rendr/runtime.hpp"

namespace rendr::relay {
namespace {

using namespace std::chrono_literals;
using test::free_port;
using test::plain_listener;
using test::plain_socket;

/// A server and a client that find everything by these hosts.
struct by_name {
  by_name(const std::string& listens, const std::string& dials, const std::string& forwards,
          const std::string& reaches) {
    listen_options where;
    where.host = listens;
    where.insecure = true;
    const auto bound = at.listen(where);
    EXPECT_FALSE(bound.code) << bound.detail;
    server_options serving;
    serving.targets = {{"", reaches, target.port()}};
    server(at, std::move(serving)).start();
    forwarder_options chosen;
    chosen.host = forwards;
    path_spec path;
    path.host = dials;
    path.port = at.port();
    chosen.link.paths = {path};
    chosen.link.insecure = true;
    over.emplace(client_side, std::move(chosen));
    const auto why = over->start();
    EXPECT_FALSE(why.code) << why.detail;
  }
  std::string echo() {
    auto near = plain_socket::connect(over->port());
    if (!near.send("x")) return "not sent";
    auto far = target.accept();
    return far.receive(1);
  }
  plain_listener target;
  runtime server_side;
  listener at{server_side};
  runtime client_side;
  std::optional<forwarder> over;
};

TEST(cli_names, a_name_is_good_for_listeners_paths_and_targets) {
  // The target listens on one family alone; where localhost has two, one of them is refused.
  by_name w("localhost", "localhost", "localhost", "localhost");
  EXPECT_EQ(w.echo(), "x");
  EXPECT_EQ(w.echo(), "x");
}

TEST(cli_names, the_wildcard_of_ipv6_takes_ipv4_in_forward_and_in_serve) {
  by_name w("::", "127.0.0.1", "::", "127.0.0.1");
  EXPECT_EQ(w.echo(), "x");
}

TEST(cli_names, a_star_is_every_address) {
  by_name w("*", "127.0.0.1", "*", "127.0.0.1");
  EXPECT_EQ(w.echo(), "x");
}

TEST(cli_names, a_listener_waits_for_an_address_that_is_not_there) {
  runtime instance;
  listener at(instance);
  std::promise<std::string> told;
  listen_options where;
  where.host = "192.0.2.1";
  where.port = free_port();
  where.insecure = true;
  where.on_change = [&](bool good, const std::string& sentence) {
    if (!good) told.set_value(sentence);
  };
  const auto why = at.listen(where);
  EXPECT_FALSE(why.code) << why.detail;
  EXPECT_TRUE(at.addresses().empty());
  EXPECT_NE(told.get_future().get().find("waiting for it"), std::string::npos);
}

}  // namespace
}  // namespace rendr::relay
