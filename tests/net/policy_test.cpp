// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=180
// What policies do on real sockets: a root for each flow, moves for quality, cost and fate.
#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <functional>
#include <future>
#include <optional>

#include "support/relay_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

class policies : public relayed_test {
 protected:
  /// One path through each of the first relays, named p1, p2, ..., with these properties.
  void dial_relays(std::size_t paths, std::string root,
                   const std::function<void(std::size_t, path_spec&)>& shape = {}) {
    link_options options;
    options.on_event = seen.observer();
    options.root = std::move(root);
    for (std::size_t i = 0; i < paths; ++i) {
      options.paths.push_back(path_to(relays.at(i)->port(), "p" + std::to_string(i + 1)));
      options.paths.back().evidence = path_evidence::first_hop;  // the relay's kernel acknowledges
      if (shape) shape(i, options.paths.back());
    }
    dial({}, std::move(options));
    for (std::size_t i = 1; i <= paths; ++i)
      ASSERT_TRUE(seen.wait_attached("p" + std::to_string(i)));
  }

  /// A flow, both ends; under `root` when it has a name.
  std::pair<stream, stream> open_under(const std::string& root) {
    open_options options;
    options.root = root;
    auto here = line->open_stream(options);
    return {std::move(here), door->accept().accept()};
  }

  /// Goes round until the selector moved; nullopt after `limit`.
  std::optional<events::migration> round_trips_until_moved(std::chrono::seconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!seen.newest_move() && std::chrono::steady_clock::now() < end) round_trip();
    return seen.newest_move();
  }

  std::uint64_t payload(runtime& of, const std::string& path) {
    const auto status = of.status();
    for (const auto& one : status.links.at(0).paths) {
      if (one.name == path) return one.payload_sent;
    }
    return 0;
  }
};

/// Reads to the end; `at` is told how much there is after each piece.
std::string read_all(stream& from, const std::function<void(std::size_t)>& at = {}) {
  std::string got;
  std::error_code code;
  while (!code) {
    const auto size = got.size();
    got.resize(size + (128 << 10));
    got.resize(size + from.read_some(asio::buffer(got.data() + size, 128 << 10), code));
    if (at) at(got.size());
  }
  EXPECT_EQ(code, asio::error::eof);
  return got;
}

std::future<void> write_all(stream& to, const std::string& text) {
  return std::async(std::launch::async, [&to, &text] {
    asio::write(to, asio::buffer(text));
    to.shutdown_send();
  });
}

TEST_F(policies, two_flows_of_a_link_go_each_under_its_own_root) {
  dial_relays(2, "selector(p1, p2)");
  for (const auto& [graph, root] : {std::pair("p1", ""), std::pair("p2", "own")}) {
    const auto refused = line->set_root(graph, root);
    ASSERT_FALSE(refused.code) << refused.detail;
  }
  auto [plain, plain_far] = open_under("");
  auto [own, own_far] = open_under("own");
  const auto up = pattern(8u << 20);
  const auto down = pattern(4u << 20, 77);
  auto plain_up = write_all(plain, up);
  auto own_up = write_all(own, up);
  auto own_down = write_all(own_far, down);
  auto plain_got = std::async(std::launch::async, [&far = plain_far] { return read_all(far); });
  auto own_got = std::async(std::launch::async, [&far = own_far] { return read_all(far); });
  EXPECT_TRUE(read_all(own) == down);
  EXPECT_TRUE(plain_got.get() == up);
  EXPECT_TRUE(own_got.get() == up);
  for (auto* writer : {&plain_up, &own_up, &own_down}) writer->get();
  EXPECT_GE(payload(*client, "p1"), up.size());
  EXPECT_GE(payload(*client, "p2"), up.size());
  EXPECT_GE(payload(*server, "p2"), down.size()) << "the acceptor places by the same root";
  EXPECT_LT(payload(*server, "p1"), down.size() / 10) << "but what a busy machine made late";
  EXPECT_EQ(line->status().roots.at("own"), "p2");
}

TEST_F(policies, a_root_is_replaced_twenty_times_while_its_flow_runs) {
  dial_relays(2, "selector(p1, p2)");
  for (auto& relay : relays) relay->delay(2ms);
  ASSERT_FALSE(line->set_root("p2", "own").code);
  auto [plain, plain_far] = open_under("");
  auto [own, own_far] = open_under("own");
  const auto text = pattern(21u << 20);
  auto plain_up = write_all(plain, text);
  auto own_up = write_all(own, text);
  auto plain_got = std::async(std::launch::async, [&far = plain_far] { return read_all(far); });
  const std::array graphs{"race(p1, p2)", "p1", "bond(p1, p2)", "selector(p2, p1)", "p2"};
  std::size_t replaced = 0;
  const auto replace = [&](std::size_t got) {
    while (replaced < 20 && got >= (replaced + 1) << 20) {
      const auto why = line->set_root(graphs[replaced++ % graphs.size()], "own");
      EXPECT_FALSE(why.code) << why.detail;
    }
  };
  EXPECT_TRUE(read_all(own_far, replace) == text);
  EXPECT_EQ(replaced, 20u);
  EXPECT_TRUE(plain_got.get() == text);
  plain_up.get();
  own_up.get();
}

TEST_F(policies, a_selector_leaves_a_path_that_became_slow_and_says_on_what_it_rested) {
  dial_relays(2, "best: selector(p1, p2, dwell=500ms, cooldown=60s)");
  relays[0]->delay(5ms);
  relays[1]->delay(10ms);
  open_echo();
  for (int i = 0; i < 50; ++i) round_trip();
  EXPECT_FALSE(seen.newest_move()) << "the primary is the quicker one";
  relays[0]->delay(60ms);
  const auto stepped = std::chrono::steady_clock::now();
  const auto move = round_trips_until_moved(20s);
  const auto took = std::chrono::steady_clock::now() - stepped;
  ASSERT_TRUE(move);
  EXPECT_EQ(move->node, "best");
  EXPECT_EQ(move->from, "p1");
  EXPECT_EQ(move->to, "p2");
  EXPECT_EQ(move->why, cause::quality);
  EXPECT_EQ(move->reason, "another child is quicker");
  EXPECT_TRUE(move->evidence.starts_with("p2 ")) << "the one taken first: " << move->evidence;
  EXPECT_NE(move->evidence.find(", p1 "), std::string::npos) << move->evidence;
  EXPECT_NE(move->evidence.find(", for "), std::string::npos) << move->evidence;
  EXPECT_GE(took, 500ms) << "the dwell";
  std::printf(
      "moved after %lld ms: %s\n",
      static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()),
      move->evidence.c_str());
  const auto chosen = line->status().selections.at(0);
  EXPECT_EQ(chosen.child, "p2");
  EXPECT_EQ(chosen.evidence, move->evidence);
  const auto before = payload(*client, "p2");
  round_trip();
  EXPECT_GE(payload(*client, "p2"), before + 1024);
}

TEST_F(policies, a_selector_prefers_the_cheaper_of_two_good_paths) {
  dial_relays(2, "selector(p1, p2, dwell=500ms)",
              [](std::size_t i, path_spec& path) { path.cost = i == 0 ? 100 : 0; });
  for (auto& relay : relays) relay->delay(5ms);
  open_echo();
  const auto move = round_trips_until_moved(20s);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->to, "p2");
  EXPECT_EQ(move->why, cause::quality);
  EXPECT_EQ(move->reason, "another child is cheaper and good enough");
  EXPECT_NE(move->evidence.find("cost 100"), std::string::npos) << move->evidence;
}

TEST_F(policies, a_race_with_late_copies_nothing_in_time_and_at_once_what_is_not) {
  relays[0]->delay(5ms);
  relays[1]->delay(10ms);
  dial_relays(2, "race(p1, p2, late=50ms)");
  open_echo();
  for (int i = 0; i < 50; ++i) round_trip();
  // The one that was measured first carries; on a quiet machine that is p1.
  const std::size_t used = payload(*client, "p1") > payload(*client, "p2") ? 0 : 1;
  const auto other = used == 0 ? "p2" : "p1";
  const auto quiet = payload(*client, other);
  EXPECT_LT(quiet, 10u * 1024) << "but what a busy machine made late";
  relays.at(used)->blackhole();
  const auto start = std::chrono::steady_clock::now();
  round_trip();
  const auto gap = std::chrono::steady_clock::now() - start;
  EXPECT_LT(gap, 1s);
  EXPECT_GE(payload(*client, other), quiet + 1024);
  std::printf(
      "round trip into the dark %lld ms, %llu bytes copied before\n",
      static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(gap).count()),
      static_cast<unsigned long long>(quiet));
  relays.at(used)->lighten();
}

TEST_F(policies, a_transfer_moves_to_the_child_for_bulk_and_a_small_flow_does_not) {
  relays[0]->limit(6u << 20);
  dial_relays(2, "quick: selector(p1, p2, bulk=p2)");
  relays[1]->delay(10ms);
  open_echo();
  round_trip();
  auto [bulk, bulk_far] = open_under("");
  const auto text = pattern(48u << 20);
  auto up = write_all(bulk, text);
  auto got = std::async(std::launch::async, [&far = bulk_far] { return read_all(far); });
  const auto move = seen.wait_move();
  ASSERT_TRUE(move);
  EXPECT_EQ(move->node, "quick");
  EXPECT_EQ(move->to, "p2");
  EXPECT_EQ(move->why, cause::quality) << move->reason;
  std::printf("%s: %s\n", move->reason.c_str(), move->evidence.c_str());
  const auto begun = payload(*client, "p2");
  // The busier the machine, the later it saturates the path.
  const auto left = text.size() - std::min<std::uint64_t>(text.size(), payload(*client, "p1"));
  for (int i = 0; i < 20; ++i) round_trip();
  EXPECT_EQ(line->status().selections.at(0).child, "p1") << "where the small flow stays";
  EXPECT_TRUE(got.get() == text);
  up.get();
  EXPECT_GT(payload(*client, "p2"), begun + left / 2);
}

TEST_F(policies, a_flow_leaves_all_paths_of_one_fate_at_once) {
  for (auto& relay : relays) relay->delay(5ms);  // from the first round trip on
  dial_relays(3, "selector(p1, p2, p3)", [](std::size_t i, path_spec& path) {
    if (i < 2) path.fate = "mast";
  });
  open_echo();
  for (int i = 0; i < 20; ++i) round_trip();
  for (std::size_t i : {0u, 1u}) relays.at(i)->blackhole();
  const auto start = std::chrono::steady_clock::now();
  round_trip();
  const auto gap = std::chrono::steady_clock::now() - start;
  const auto move = seen.wait_move();  // a copy may have been quicker than the verdict
  ASSERT_TRUE(move);
  EXPECT_EQ(move->from, "p1");
  EXPECT_EQ(move->to, "p3") << "p2 hangs on the same mast: " << move->evidence;
  EXPECT_LT(gap, 2s);
  for (std::size_t i : {0u, 1u}) relays.at(i)->lighten();
}

}  // namespace
}  // namespace rendr::test
