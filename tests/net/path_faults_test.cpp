// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=120
#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <future>

#include "support/relay_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

class path_faults : public relayed_test {
 protected:
  void dial_relays(link_options options = {}) {
    options.on_event = seen.observer();
    dial({relays[0]->port(), relays[1]->port(), relays[2]->port()}, std::move(options));
    for (const auto* name : {"p1", "p2", "p3"}) ASSERT_TRUE(seen.wait_attached(name));
  }
};

TEST_F(path_faults, an_echo_goes_on_while_each_of_three_paths_is_killed) {
  dial_relays();
  open_echo();
  std::size_t at = 0;
  std::chrono::milliseconds worst{0};
  for (int round = 0; round < 3; ++round) {
    auto& relay = *relays[static_cast<std::size_t>(round)];
    for (int i = 0; i < 20; ++i) {
      if (i == 10) {
        ASSERT_GE(relay.kill(), 1u) << "the fault must happen";
      }
      worst = std::max(worst, round_trip(pattern(1024, at)));
      at += 1024;
    }
  }
  RecordProperty("worst_ms", std::to_string(worst.count()));
  std::printf("worst round trip %lld ms\n", static_cast<long long>(worst.count()));
  EXPECT_LT(worst, 1500ms);
  EXPECT_TRUE(seen.wait_phase("p1", path_phase::dead));
}

TEST_F(path_faults, bulk_arrives_whole_while_the_paths_in_use_are_killed) {
  dial_relays();
  open();
  const auto text = pattern(48u << 20);
  auto writer = std::async(std::launch::async, [&] {
    asio::write(near, asio::buffer(text));
    near.shutdown_send();
  });
  std::string got;
  std::error_code code;
  std::size_t killed = 0;
  std::vector<std::size_t> cuts = {12u << 20, 24u << 20, 36u << 20};
  while (!code) {
    const auto at = got.size();
    got.resize(at + (256 << 10));
    got.resize(at + far.read_some(asio::buffer(got.data() + at, 256 << 10), code));
    if (!cuts.empty() && got.size() >= cuts.front()) {
      cuts.erase(cuts.begin());
      const auto status = line->status();
      for (std::size_t i = 0; i < status.paths.size(); ++i)
        if (status.paths[i].carries_data) killed += relays[i]->kill();
    }
  }
  EXPECT_EQ(code, asio::error::eof);
  EXPECT_GE(killed, 3u);
  EXPECT_TRUE(got == text);
  writer.get();
}

TEST_F(path_faults, a_silent_path_is_left_for_a_living_one) {
  link_options options;
  dial_relays(std::move(options));
  open_echo();
  for (auto& relay : relays) relay->delay(5ms);
  for (int i = 0; i < 20; ++i) round_trip();
  relays[0]->blackhole();
  const auto gap = round_trip();
  std::printf("first round trip after the silence %lld ms\n", static_cast<long long>(gap.count()));
  EXPECT_LT(gap, 2s);
  EXPECT_TRUE(seen.wait_phase("p1", path_phase::suspect));
  relays[0]->lighten();
}

TEST_F(path_faults, everything_dark_and_then_light_again_loses_nothing) {
  dial_relays();
  open_echo();
  round_trip();
  for (auto& relay : relays) {
    relay->refuse();
    relay->kill();
  }
  ASSERT_TRUE(seen.wait_phase("p1", path_phase::dead));
  auto later = std::async(std::launch::async, [&] { return round_trip(pattern(4096)); });
  EXPECT_EQ(later.wait_for(300ms), std::future_status::timeout) << "no path lives";
  relays[2]->admit();
  later.get();
}

TEST_F(path_faults, explicit_migration_moves_the_flow) {
  dial_relays();
  open_echo();
  round_trip();
  const auto failed = line->migrate("p3");
  ASSERT_FALSE(failed.code) << failed.detail;
  ASSERT_TRUE(seen.wait_for<events::migration>());
  const auto before = relays[2]->forwarded();
  round_trip(pattern(256 << 10));
  // What its new connection has no window for may go by the path that was left, for a moment.
  EXPECT_GT(relays[2]->forwarded(), before + (128 << 10));
}

TEST_F(path_faults, a_link_without_a_path_ends_after_its_grace) {
  link_options options;
  options.grace = 500ms;
  dial_relays(std::move(options));
  open();
  for (auto& relay : relays) {
    relay->refuse();
    relay->kill();
  }
  std::error_code code;
  char byte = 0;
  near.read_some(asio::buffer(&byte, 1), code);
  EXPECT_EQ(code, errc::no_path);
  EXPECT_EQ(line->wait(link::wait_type::down), errc::no_path);
}

TEST_F(path_faults, a_restarted_server_is_noticed) {
  dial_relays();
  open();
  const auto port = door->port();
  const auto old = line->status().peer;
  far.close();
  door.reset();
  for (auto& relay : relays) {  // it says no goodbye
    relay->refuse();
    relay->kill();
  }
  server.reset();
  server = std::make_unique<runtime>();
  door = std::make_unique<listener>(*server);
  ASSERT_FALSE(door->listen(on_loopback(port)).code);
  EXPECT_NE(server->instance(), old);
  for (auto& relay : relays) relay->admit();
  EXPECT_TRUE(seen.wait_for<events::peer_restarted>());
  EXPECT_TRUE(line->is_open()) << "an unproven answer ends no link";
  line->abort();
}

}  // namespace
}  // namespace rendr::test
