// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// Names and wildcards in forward and serve, without the programs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
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
          const std::string& reaches, std::uint16_t port = 0) {
    listen_options where;
    where.host = listens;
    where.insecure = true;
    const auto bound = at.listen(where);
    EXPECT_FALSE(bound.code) << bound.detail;
    server_options serving;
    serving.targets = {{"", reaches, port != 0 ? port : target.port()}};
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

/// 127.0.0.NUMBER
sockaddr_in loopback(std::uint8_t number, std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(0x7f000000U + number);
  return at;
}

plain_socket listening_at(const sockaddr_in& at, int backlog) {
  plain_socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(made.handle(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(::listen(made.handle(), backlog), 0);
  return made;
}

/// What /etc/hosts says to this thread and to those that it starts; false: that takes root.
bool hosts_say(const std::string& lines) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) return false;
  char name[] = "/tmp/rendr-hosts-XXXXXX";
  const int fd = ::mkostemp(name, O_CLOEXEC);
  std::ofstream(name) << lines;
  const bool there = fd >= 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                     ::mount(name, "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
  ::close(fd);
  ::unlink(name);
  return there;
}

TEST(cli_names, a_target_whose_first_address_is_silent_is_reached_by_its_second) {
  if (!hosts_say("127.0.0.1 localhost\n127.0.0.8 two.test\n127.0.0.9 two.test\n"))
    GTEST_SKIP() << "mounting takes root";
  const auto port = free_port();
  const auto full = loopback(8, port);
  const auto silent = listening_at(full, 0);  // whose queue is full answers nothing
  const plain_socket filling(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(filling.handle(), reinterpret_cast<const sockaddr*>(&full), sizeof full), 0);
  const auto good = listening_at(loopback(9, port), 16);
  by_name w("127.0.0.1", "127.0.0.1", "127.0.0.1", "two.test", port);
  auto near = plain_socket::connect(w.over->port());
  ASSERT_TRUE(near.send("x"));
  ASSERT_TRUE(good.readable()) << "the silent address had all of the time to connect";
  plain_socket far(::accept4(good.handle(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(far.receive(1), "x");
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
