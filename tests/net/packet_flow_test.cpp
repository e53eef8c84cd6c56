// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/use_future.hpp>
#include <cstring>
#include <thread>

#include "support/fault_relay.hpp"
#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

class packets_over_tcp : public linked_test {
 protected:
  void open_packets() {
    ours = line->open_packet();
    auto asked = door->accept();
    EXPECT_EQ(asked.kind(), flow_kind::packet);
    theirs = asked.accept_packet();
  }
  static std::string receive(packet_flow& from) {
    std::string room(packet_flow::max_size, '\0');
    room.resize(from.receive(asio::buffer(room)));
    return room;
  }
  static void send(packet_flow& to, const std::string& text) {
    EXPECT_EQ(to.send(asio::buffer(text)), text.size());
  }
  void TearDown() override {
    ours.close();
    theirs.close();
    linked_test::TearDown();
  }

  packet_flow ours;
  packet_flow theirs;
};

TEST_F(packets_over_tcp, keep_their_boundaries_both_ways_and_end_at_the_fin) {
  connect();
  open_packets();
  const auto most = pattern(packet_flow::max_size);
  for (const auto& text : {std::string("one"), std::string(), most}) send(ours, text);
  send(theirs, "back");
  EXPECT_EQ(receive(theirs), "one");
  EXPECT_EQ(receive(theirs), "");
  EXPECT_TRUE(receive(theirs) == most);
  EXPECT_EQ(receive(ours), "back");
  ours.shutdown_send();
  std::error_code code;
  std::array<char, 8> room{};
  EXPECT_EQ(theirs.receive(asio::buffer(room), code), 0u);
  EXPECT_EQ(code, asio::error::eof);
  send(theirs, "after it");
  EXPECT_EQ(receive(ours), "after it");
  EXPECT_EQ(ours.status().packets_sent, 3u);
  EXPECT_EQ(ours.status().kind, flow_kind::packet);
}

TEST_F(packets_over_tcp, are_gathered_and_scattered_whole) {
  connect();
  open_packets();
  const std::array<asio::const_buffer, 3> pieces{asio::buffer("abc", 3), asio::buffer("", 0),
                                                 asio::buffer("defg", 4)};
  EXPECT_EQ(ours.send(pieces), 7u);
  std::array<char, 2> first{};
  std::array<char, 9> second{};
  const std::array<asio::mutable_buffer, 2> into{asio::buffer(first), asio::buffer(second)};
  EXPECT_EQ(theirs.receive(into), 7u);
  EXPECT_EQ(std::string(first.data(), 2) + std::string(second.data(), 5), "abcdefg");
  std::error_code code;
  EXPECT_EQ(ours.send(std::vector<asio::const_buffer>(17, asio::buffer("x", 1)), code), 0u);
  EXPECT_EQ(code, std::errc::invalid_argument);
}

TEST_F(packets_over_tcp, that_do_not_fit_are_refused_and_stay) {
  connect();
  open_packets();
  std::error_code code;
  const auto too_much = pattern(packet_flow::max_size + 1);
  EXPECT_EQ(ours.send(asio::buffer(too_much), code), 0u);
  EXPECT_EQ(code, errc::message_too_large);
  send(ours, "twelve bytes");
  std::array<char, 5> small{};
  EXPECT_EQ(theirs.receive(asio::buffer(small), code), 0u);
  EXPECT_EQ(code, errc::message_too_large);
  EXPECT_EQ(receive(theirs), "twelve bytes");
}

TEST_F(packets_over_tcp, are_waited_for_and_a_wait_can_end) {
  connect();
  open_packets();
  std::array<char, 100> room{};
  auto waiting = theirs.async_receive(asio::buffer(room), asio::use_future);
  theirs.cancel();
  EXPECT_THROW(waiting.get(), std::system_error);
  auto coming = theirs.async_receive(asio::buffer(room), asio::use_future);
  EXPECT_EQ(ours.async_send(asio::buffer("late", 4), asio::use_future).get(), 4u);
  EXPECT_EQ(coming.get(), 4u);
  ours.async_wait(packet_flow::wait_type::delivered, asio::use_future).get();
  theirs.expires_after(1ms);
  std::error_code code;
  theirs.receive(asio::buffer(room), code);
  EXPECT_EQ(code, errc::timed_out);
}

TEST_F(packets_over_tcp, that_came_are_read_behind_the_end_of_their_link) {
  serve();
  link_options options;
  options.grace = 200ms;
  dial({door->port()}, std::move(options));
  open_packets();
  send(ours, "one");
  send(ours, "two");
  std::error_code code;
  ours.wait(packet_flow::wait_type::delivered, code);
  EXPECT_FALSE(code);
  line->abort();
  theirs.wait(packet_flow::wait_type::done, code);
  EXPECT_EQ(receive(theirs), "one");
  EXPECT_EQ(receive(theirs), "two");
  std::array<char, 8> room{};
  theirs.receive(asio::buffer(room), code);
  EXPECT_TRUE(code);
  EXPECT_NE(code, asio::error::eof) << "the peer did not say that this was all";
}

// A queue that nobody reads fills, and what is sent then waits.
TEST_F(packets_over_tcp, wait_for_their_reader) {
  connect();
  open_packets();
  ours.expires_after(300ms);
  std::error_code code;
  std::uint64_t sent = 0;
  while (!code && sent < 100'000) {
    const auto text = pattern(1000, sent);
    ours.send(asio::buffer(text), code);
    if (!code) ++sent;
  }
  EXPECT_EQ(code, errc::timed_out);
  EXPECT_GT(sent, 200u);
  ours.expires_never();
  for (std::uint64_t i = 0; i < sent; ++i) ASSERT_TRUE(receive(theirs) == pattern(1000, i)) << i;
}

TEST_F(packets_over_tcp, are_no_stream) {
  connect();
  ours = line->open_packet();
  auto asked = door->accept();
  EXPECT_FALSE(asked.accept().is_open());
  std::array<char, 8> room{};
  std::error_code code;
  ours.receive(asio::buffer(room), code);
  EXPECT_EQ(code, errc::rejected);
  EXPECT_EQ(ours.app_code(), static_cast<std::uint64_t>(errc::mode_mismatch));
  near = line->open_stream();
  EXPECT_FALSE(door->accept().accept_packet().is_open());
  near.read_some(asio::buffer(room), code);
  EXPECT_EQ(code, errc::rejected);
}

// Two relayed paths, a migration and a kill, with fewer packets under way than are retained: each
// comes back once.
TEST_F(packets_over_tcp, survive_a_migration_and_a_killed_path) {
  serve();
  std::array<std::unique_ptr<fault_relay>, 2> relays;
  for (auto& relay : relays) relay = std::make_unique<fault_relay>(door->port());
  dial({relays[0]->port(), relays[1]->port()});
  open_packets();
  std::thread echo([this] {
    std::error_code code;
    std::string room(2000, '\0');
    while (true) {
      const auto n = theirs.receive(asio::buffer(room), code);
      if (code) break;
      theirs.send(asio::buffer(room.data(), n), code);
      if (code) break;
    }
    theirs.shutdown_send();
  });
  constexpr std::uint64_t total = 3000;
  constexpr std::uint64_t under_way = 100;
  std::vector<int> seen(total);
  std::uint64_t back = 0;
  std::string where;
  std::size_t killed = 0;
  const auto carrying = [&] {
    for (const auto& path : line->status().paths) {
      if (path.carries_data) return path.name;
    }
    return std::string();
  };
  for (std::uint64_t sent = 0; back < total;) {
    if (sent < total && sent - back < under_way) {
      auto packet = pattern(1000, sent);
      std::memcpy(packet.data(), &sent, sizeof(sent));
      send(ours, packet);
      ++sent;
      if (sent == total / 3) {
        where = carrying() == "p1" ? "p2" : "p1";
        // The other path may still be on its way.
        const auto until = std::chrono::steady_clock::now() + 10s;
        while (line->migrate(where).code && std::chrono::steady_clock::now() < until)
          std::this_thread::yield();
        EXPECT_EQ(carrying(), where);
      }
      if (sent == 2 * total / 3) {
        auto& relay = *relays[where == "p1" ? 0 : 1];
        relay.refuse();
        killed = relay.kill();
      }
      continue;
    }
    const auto packet = receive(ours);
    ASSERT_EQ(packet.size(), 1000u);
    std::uint64_t number = 0;
    std::memcpy(&number, packet.data(), sizeof(number));
    ASSERT_LT(number, total);
    EXPECT_EQ(packet.substr(8), pattern(1000, number).substr(8));
    EXPECT_EQ(++seen[number], 1) << number;
    ++back;
  }
  EXPECT_GE(killed, 1u);
  EXPECT_EQ(ours.status().packets_given_up, 0u);
  ours.shutdown_send();
  echo.join();
  ours.close();
  theirs.close();
  client->shutdown();
  server->shutdown();
  for (auto& relay : relays) relay.reset();
}

}  // namespace
}  // namespace rendr::test
