// SPDX-License-Identifier: Apache-2.0
// A hello that the server forgot before it was confirmed: said again, until the link is there.
#include "base/drbg.hpp"
#include "engine/door/handshake.hpp"
#include "engine/record/record_writer.hpp"
#include "sim/gates.hpp"
#include "wire/handshake.hpp"

namespace rendr::sim {
namespace {

// Between the answer to a hello and its confirmation passes a round trip of 200 ms.
scenario slow_line(std::uint64_t seed) {
  scenario s;
  s.seed = seed_or(seed);
  s.paths = {path("a", 200ms, 50 * mbit)};
  s.handshakes = 4;
  return s;
}

// Those who say HELLO, each from an address of its own, and nothing more.
class strangers {
 public:
  explicit strangers(world& w) : w_(w) {}

  void come() {
    path_options p;
    p.name = "s" + std::to_string(lines_.size());
    p.lanes.delay = 1ms;
    auto& l = *lines_.emplace_back(std::make_unique<line>(w_.queue, random(7), p, tcp_options{}));
    l.on_accept = [this](line& from, tcp_socket& s) { w_.server().accepted(from, s); };
    auto& socket = l.dial();
    EXPECT_TRUE(w_.run_until([&] { return socket.established(); }, 1s));
    byte_array<32> seed{};
    seed[0] = static_cast<std::byte>(lines_.size());
    seed[1] = static_cast<std::byte>(lines_.size() >> 8);
    drbg random{secret<32>(seed)};
    const engine::dialer_hello hello({{std::byte{9}}, 0, 0, wire::grace_forever_ms}, {}, random);
    bytes said;
    const wire::prologue first{wire::form::hello, wire::version, {}};
    engine::append_handshake(said, 0, wire::encode(hello.message({0})), &first);
    const bytes_view piece(said);
    EXPECT_EQ(socket.write({&piece, 1}), said.size());
    w_.run(2ms);
    socket.close();
  }
  void come(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) come();
  }

 private:
  world& w_;
  std::vector<std::unique_ptr<line>> lines_;
};

link_id id_at_client(world& w, engine::link_ref link) {
  const auto status = w.client().ep().status(w.now(), link);
  return status ? status->id : link_id{};
}

TEST(forgotten_hello, is_said_again_and_what_was_written_arrives_once) {
  world w(slow_line(71));
  strangers others(w);
  const auto link = w.connect();
  ASSERT_TRUE(w.run_until([&] { return w.link_up(link); }, 2s));
  const auto first = id_at_client(w, link);
  auto& flow = w.open({.up = traffic::bulk(1 * mib), .down = traffic::bulk(1 * mib)});
  others.come(4);  // the table is full of them before the confirmation comes
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 20s));
  EXPECT_NE(id_at_client(w, link), first) << "the server never forgot the hello";
  EXPECT_EQ(w.server().ep().status(w.now()).links.size(), 1u);
  EXPECT_GE(w.server().ep().status(w.now()).handshakes_failed, 2u) << "confirmation and attach";
  EXPECT_EQ(w.link_code(link), errc{});
  EXPECT_EQ(w.finish(), "");
}

TEST(forgotten_hello, of_an_honest_client_gets_in_beside_a_table_full_of_strangers) {
  world w(slow_line(72));
  strangers others(w);
  others.come(4);
  const auto link = w.connect();
  auto& flow = w.open({.up = traffic::paced(kib, 10ms, 100), .down = traffic::echo()}, link);
  std::set<link_id> ids;
  const auto watch = [&] {
    if (w.link_up(link)) ids.insert(id_at_client(w, link));
  };
  // A hello lives for 4 of theirs: 120 ms, which is too short; then for 400 ms.
  for (const auto until = w.now() + 6s; w.now() < until; w.run(26ms)) {
    others.come();
    watch();
  }
  ids.erase(link_id{});
  EXPECT_GE(ids.size(), 2u) << "forgotten again and again";
  EXPECT_EQ(w.server().ep().status(w.now()).links.size(), 0u);
  for (const auto until = w.now() + 6s; w.now() < until; w.run(96ms)) others.come();
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 20s));
  EXPECT_EQ(w.link_code(link), errc{});
  EXPECT_EQ(w.finish(), "");
}

TEST(forgotten_hello, is_said_again_until_the_time_to_connect_is_over) {
  auto s = slow_line(73);
  s.dial_deadline = 3s;
  world w(s);
  strangers others(w);
  const auto link = w.connect();
  while (w.now() < instant{} + 2900ms) {
    others.come();
    w.run(20ms);
  }
  EXPECT_EQ(w.link_code(link), errc{});
  EXPECT_TRUE(w.run_until(
      [&] {
        others.come();
        w.run(20ms);
        return w.link_code(link) != errc{};
      },
      2s));
  EXPECT_NE(w.link_code(link), errc::peer_lost);
  EXPECT_LE(w.now(), instant{} + 3800ms);
  EXPECT_EQ(w.finish(), "");
}

TEST(forgotten_hello, of_a_server_that_was_restarted_is_said_to_the_new_one) {
  for (const bool same_key : {true, false}) {
    world w(slow_line(74));
    const auto link = w.connect();
    ASSERT_TRUE(w.run_until([&] { return w.link_up(link); }, 2s));
    w.restart_server(same_key);
    w.run(5s);
    EXPECT_EQ(w.link_code(link), errc{});
    ASSERT_EQ(w.server().ep().status(w.now()).links.size(), 1u) << same_key;
    auto& flow = w.open({.up = traffic::bulk(1 * mib), .down = traffic::bulk(1 * mib)});
    EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 10s));
    EXPECT_EQ(w.finish(), "");
  }
}

// The server that was there before may have given the flow to its application.
TEST(forgotten_hello, brings_no_flow_to_a_second_server) {
  world w(slow_line(75));
  const auto link = w.connect();
  ASSERT_TRUE(w.run_until([&] { return w.link_up(link); }, 2s));
  flow_plan plan{.up = traffic::bulk(1 * mib)};
  plan.may_fail = errc::peer_lost;
  auto& flow = w.open(plan);
  // The confirmation and the first bytes arrive; nothing of the answer does.
  auto& line = w.path("a");
  line.blackhole(true, direction::to_client);
  const auto served = [&] {
    const auto links = w.server().ep().status(w.now()).links;
    return !links.empty() && !links[0].flows.empty();
  };
  ASSERT_TRUE(w.run_until(served, 1s));
  w.run(100ms);
  w.restart_server(true);
  line.kill();
  line.blackhole(false);
  EXPECT_GT(line.darkened(), 0u) << "the first server never answered";
  w.run(5s);
  EXPECT_EQ(w.link_code(link), errc::peer_lost);
  EXPECT_EQ(flow.client().error, errc::peer_lost);
  EXPECT_EQ(w.server().ep().status(w.now()).links.size(), 0u);
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
