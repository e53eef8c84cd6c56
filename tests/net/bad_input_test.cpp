// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=120
// What is wrong at the door or on the way in ends that one thing with a clear error, in bounded
// time.
#include <sys/socket.h>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using steady = std::chrono::steady_clock;

class bad_input : public linked_test {
 protected:
  tcp::endpoint door_address() { return {asio::ip::address_v4::loopback(), door->port()}; }
  /// Reads until the other side is done with us; how long that took.
  static steady::duration until_closed(tcp::socket& socket) {
    const auto start = steady::now();
    std::string waste;
    std::error_code code;
    asio::read(socket, asio::dynamic_buffer(waste), code);
    return steady::now() - start;
  }
  /// One path by a transport of the embedder's.
  static link_options over(std::string transport, duration deadline) {
    link_options options;
    options.paths = {path_to(7)};
    options.paths[0].transport = std::move(transport);
    options.dial_deadline = deadline;
    return options;
  }
  void link_still_works() {
    open();
    asio::write(near, asio::buffer("fine", 4));
    std::string text(4, '\0');
    asio::read(far, asio::buffer(text));
    EXPECT_EQ(text, "fine");
  }
};

TEST_F(bad_input, callers_that_speak_something_else_are_hung_up_on) {
  connect();
  const std::string tls_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const auto& text :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), tls_hello + std::string(600, '\x55'),
        pattern(100'000), std::string(64, '\0')}) {
    asio::io_context context;
    tcp::socket socket(context);
    socket.connect(door_address());
    std::error_code ignored;
    asio::write(socket, asio::buffer(text), ignored);
    EXPECT_LT(until_closed(socket), 3s);
  }
  link_still_works();
}

TEST_F(bad_input, silent_and_dripping_callers_are_hung_up_on_after_the_handshake_time) {
  connect();
  asio::io_context context;
  tcp::socket silent(context);
  tcp::socket dripping(context);
  silent.connect(door_address());
  dripping.connect(door_address());
  asio::io_context pace;
  std::atomic<bool> closed{false};
  std::thread drip([&] {
    // What a hello begins with (form, version, no token), one byte a second.
    asio::steady_timer second(pace);
    std::error_code code;
    for (int i = 0; !closed && !code; ++i) {
      const char byte = i < 2 ? '\1' : '\0';
      asio::write(dripping, asio::buffer(&byte, 1), code);
      second.expires_after(1s);
      second.wait();
    }
  });
  EXPECT_LT(until_closed(silent), 13s);
  EXPECT_LT(until_closed(dripping), 13s);
  closed = true;
  drip.join();
  link_still_works();
}

TEST_F(bad_input, a_flood_of_strangers_holds_no_more_descriptors_than_the_door_has_places) {
  constexpr std::size_t places = 16;
  constexpr std::size_t many = 200;
  runtime_options options;
  options.handshakes = places;
  serve(std::move(options));
  dial({door->port()});
  asio::io_context context;
  // They stay, whatever the server does. With the first one come the descriptors of the context.
  std::vector<tcp::socket> strangers;
  strangers.emplace_back(context);
  const auto before = open_descriptors();
  const auto knock = [&](std::string_view words) {
    for (std::size_t i = 0; i < many; ++i) {
      strangers.emplace_back(context).connect(door_address());
      asio::write(strangers.back(), asio::buffer(words));
    }
  };
  const auto wait_until_counted = [&](std::size_t n) {
    const auto limit = steady::now() + 20s;
    const auto counted = [&] {
      const auto status = server->status();
      return status.handshakes + status.handshakes_evicted + status.handshakes_failed;
    };
    while (counted() < n && steady::now() < limit) std::this_thread::yield();
    EXPECT_GE(counted(), n);  // an attach of the link itself may be among them
  };
  knock("\1");
  wait_until_counted(many);
  EXPECT_LE(open_descriptors(), before + many + places) << "evicted, and held all the same";
  const std::string_view another_version = "\1\x63";
  knock(another_version);
  wait_until_counted(2 * many);
  EXPECT_GT(server->status().handshakes_failed, places);
  EXPECT_LE(open_descriptors(), before + 2 * many + 2 * places) << "refused, and held longer";
  link_still_works();
}

TEST_F(bad_input, a_server_that_speaks_http_is_no_peer) {
  asio::io_context context;
  tcp::acceptor other(context, {asio::ip::address_v4::loopback(), 0});
  std::thread http([&] {
    std::error_code code;
    while (!code) {
      tcp::socket socket(context);
      other.accept(socket, code);
      if (code) break;
      std::error_code ignored;
      asio::write(socket, asio::buffer(std::string("HTTP/1.1 400 Bad Request\r\n\r\n")), ignored);
    }
  });
  client = std::make_unique<runtime>();
  link attempt(*client);
  link_options options;
  options.paths = {path_to(other.local_endpoint().port())};
  options.dial_deadline = 1s;
  const auto start = steady::now();
  const auto failed = attempt.connect(options);
  EXPECT_EQ(failed.code, errc::no_path) << failed.detail;
  EXPECT_LT(steady::now() - start, 20s);
  ::shutdown(other.native_handle(), SHUT_RDWR);
  http.join();
}

TEST_F(bad_input, a_port_in_use_is_told_with_the_address) {
  serve();
  runtime second;
  listener other(second);
  const auto failed = other.listen(on_loopback(door->port()));
  EXPECT_EQ(failed.code, std::errc::address_in_use);
  EXPECT_NE(failed.detail.find("127.0.0.1:" + std::to_string(door->port())), std::string::npos)
      << failed.detail;
}

TEST_F(bad_input, an_unresolvable_host_is_told_in_the_death_record) {
  client = std::make_unique<runtime>();
  link attempt(*client);
  link_options options;
  options.paths = {path_to(7)};
  options.paths[0].host = "no-such-host.invalid";
  options.insecure = true;
  options.dial_deadline = 1s;
  const auto failed = attempt.connect(options);
  EXPECT_EQ(failed.code, errc::no_path);
  EXPECT_NE(failed.detail.find("no-such-host.invalid"), std::string::npos) << failed.detail;
}

TEST_F(bad_input, configurations_are_refused_before_anything_begins) {
  client = std::make_unique<runtime>();
  link attempt(*client);
  link_options options;
  EXPECT_EQ(attempt.start(options).code, errc::invalid_argument) << "no path";
  options.paths = {path_to(7, "a"), path_to(8, "a")};
  EXPECT_EQ(attempt.start(options).code, errc::invalid_argument) << "one name twice";
  options.paths = {path_to(7)};
  options.paths[0].transport = "carrier-pigeon";
  EXPECT_EQ(attempt.start(options).code, errc::invalid_argument) << "unknown transport";
  options.paths = {path_to(7)};
  options.root = "race(p1, p2)";
  EXPECT_EQ(attempt.start(options).code, errc::invalid_argument) << "a leaf that is not there";
  options.root.clear();
  options.paths[0].host = "192.0.2.1";
  const auto failed = attempt.start(options);
  EXPECT_EQ(failed.code, errc::permission_denied);
  EXPECT_NE(failed.detail.find("insecure"), std::string::npos) << failed.detail;
  EXPECT_FALSE(attempt.is_open());
  secret_key shared;
  shared.span()[0] = std::byte{1};
  options.credentials.psk = shared;
  options.paths[0].plaintext = true;
  const auto clear = attempt.start(options);
  EXPECT_EQ(clear.code, errc::permission_denied);
  EXPECT_NE(clear.detail.find("plaintext"), std::string::npos) << clear.detail;
  listener open_door(*client);
  listen_options everywhere;
  everywhere.host = "*";
  EXPECT_EQ(open_door.listen(everywhere).code, errc::permission_denied);
}

TEST_F(bad_input, factories_that_throw_lie_or_give_nothing_are_contained) {
  client = std::make_unique<runtime>();
  std::atomic<int> calls{0};
  ASSERT_FALSE(client
                   ->add_transport("odd",
                                   [&](const path_spec&, duration) -> connection {
                                     switch (calls++ % 3) {
                                       case 0:
                                         throw std::runtime_error("thrown on purpose");
                                       case 1:
                                         return {12345, {}, {}, false};
                                       default:
                                         return {};
                                     }
                                   })
                   .code);
  link attempt(*client);
  const auto failed = attempt.connect(over("odd", 1500ms));
  EXPECT_TRUE(failed.code) << "with the reason of the last dial";
  EXPECT_FALSE(failed.detail.empty());
  EXPECT_GE(calls.load(), 3);
}

TEST_F(bad_input, a_connection_that_the_embedder_made_carries_a_link) {
  serve();
  client = std::make_unique<runtime>();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ASSERT_FALSE(client->add_transport("mine", one_connection(ends[0])).code);
  ASSERT_FALSE(door->adopt(ends[1]).code);
  line = std::make_unique<link>(*client);
  const auto failed = line->connect(over("mine", 5s));
  ASSERT_FALSE(failed.code) << failed.detail;
  link_still_works();
}

// Whoever sends a datagram may write any source into it: none carries a link before its address is
// verified, which nothing here does.
TEST_F(bad_input, a_datagram_socket_carries_no_link) {
  serve();
  client = std::make_unique<runtime>();
  const auto datagram_socket = [] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); };
  const auto adopted = door->adopt(datagram_socket());
  EXPECT_EQ(adopted.code, errc::invalid_argument);
  EXPECT_EQ(adopted.detail, "the descriptor is not a stream socket");
  EXPECT_EQ(server->status().handshakes, 0u);
  ASSERT_FALSE(client
                   ->add_transport("datagrams",
                                   [&](const path_spec&, duration) -> connection {
                                     return {datagram_socket(), {}, {}, false};
                                   })
                   .code);
  link attempt(*client);
  const auto failed = attempt.connect(over("datagrams", 100ms));
  EXPECT_TRUE(failed.code);
  EXPECT_NE(failed.detail.find("not a stream socket"), std::string::npos) << failed.detail;
}

TEST_F(bad_input, silent_connections_do_not_keep_a_link_out_of_two_loops) {
  runtime_options two;
  two.loops = 2;
  two.handshakes = 8;
  serve(two);
  asio::io_context context;
  std::vector<tcp::socket> silent;
  for (int i = 0; i < 40; ++i) silent.emplace_back(context).connect(door_address());
  dial({door->port(), door->port()});
  link_still_works();
}

TEST_F(bad_input, paths_find_the_loop_of_their_link_among_two) {
  runtime_options two;
  two.loops = 2;
  serve(two);
  std::vector<std::unique_ptr<link>> links;
  client = std::make_unique<runtime>();
  for (int i = 0; i < 4; ++i) {
    links.push_back(std::make_unique<link>(*client));
    link_options options;
    options.paths = {path_to(door->port()), path_to(door->port()), path_to(door->port())};
    options.dial_deadline = 5s;
    const auto failed = links.back()->connect(options);
    ASSERT_FALSE(failed.code) << failed.detail;
    near = links.back()->open_stream();
    far = door->accept().accept();
    asio::write(near, asio::buffer("here", 4));
    std::string text(4, '\0');
    asio::read(far, asio::buffer(text));
    EXPECT_EQ(text, "here");
  }
  const auto attached = [&] {
    std::size_t n = 0;
    for (const auto& one : links)
      for (const auto& path : one->status().paths)
        if (path.phase == path_phase::active || path.phase == path_phase::standby) ++n;
    return n;
  };
  const auto limit = steady::now() + 5s;
  while (attached() < 12 && steady::now() < limit) std::this_thread::yield();
  EXPECT_EQ(attached(), 12u);
}

}  // namespace
}  // namespace rendr::test
