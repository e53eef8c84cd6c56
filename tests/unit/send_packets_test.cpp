// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/send_packets.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/seeded_random.hpp"
#include "engine/flow/placement.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t extra = wire::packet_extra;

struct sender {
  slab_pool pool;
  send_packets packets;
  std::uint64_t end = 0;

  void add(std::size_t size) {
    const std::string text(size, static_cast<char>('a' + packets.added() % 26));
    packets.add(pool, as_bytes(text), end);
    end += send_packets::weight_of(size);
  }
  void send(range r, instant now) {
    packets.each(r, [&](send_packets::packet& p) { packets.sent(p, now); });
  }
  std::uint64_t expired(instant now) {
    std::uint64_t n = 0;
    packets.each({0, end}, [&](const send_packets::packet& p) { n += packets.expired(p, now); });
    return n;
  }
};

TEST(SendPackets, KeepWhatTheyWereGiven) {
  sender s;
  for (const std::size_t size : {3u, 0u, 5u}) s.add(size);
  std::vector<std::string> got;
  s.packets.each({0, s.end},
                 [&](const send_packets::packet& p) { got.emplace_back(as_text(p.payload.data)); });
  EXPECT_EQ(got, (std::vector<std::string>{"aaa", "", "ccccc"}));
  EXPECT_EQ(s.end, 8 + 3 * extra);
}

TEST(SendPackets, AreCutBetweenOneAndTheNext) {
  sender s;
  for (int i = 0; i < 4; ++i) s.add(68);  // 100 numbers each
  EXPECT_EQ(s.packets.whole(0, 250), (range{0, 200}));
  EXPECT_EQ(s.packets.whole(0, 300), (range{0, 300}));
  EXPECT_EQ(s.packets.whole(150, 100), (range{100, 200})) << "the one that has the number";
  EXPECT_EQ(s.packets.whole(100, 10), (range{100, 200})) << "one at least";
  EXPECT_EQ(s.packets.whole(200, 5000), (range{200, 400}));
  EXPECT_EQ(s.packets.whole(400, 1), (range{400, 401})) << "the number of the FIN";
}

TEST(SendPackets, CountWhatNoRecordCarried) {
  sender s;
  s.add(68);
  s.add(168);
  EXPECT_EQ(s.packets.unsent(), 300u);
  EXPECT_EQ(s.packets.largest(), 200u);
  s.send({0, 100}, instant{} + 1s);
  s.send({0, 100}, instant{} + 2s);
  EXPECT_EQ(s.packets.unsent(), 200u);
  s.packets.discard();
  EXPECT_EQ(s.packets.unsent(), 0u);
  EXPECT_EQ(s.packets.largest(), 0u);
  EXPECT_EQ(s.packets.added(), 2u);
  EXPECT_EQ(s.pool.in_use(), 0u);
}

TEST(SendPackets, ExpireOnlyWhenOldAndNotAmongTheNewest) {
  sender s;
  const auto first = instant{} + 1s;
  for (int i = 0; i < 10; ++i) s.add(0);
  EXPECT_EQ(s.expired(first + 1h), 0u) << "never sent";
  s.send({0, s.end}, first);
  EXPECT_EQ(s.expired(first + 1h), 0u) << "the newest";
  const auto before = s.end;
  for (std::size_t i = 0; i + 3 < defaults::packets_retained; ++i) s.add(0);
  s.send({before, s.end}, first + 1ms);
  EXPECT_EQ(s.expired(first + defaults::packet_retention - 1ns), 0u) << "young";
  EXPECT_EQ(s.expired(first + defaults::packet_retention), 7u);
  s.send({0, before}, first + 1h);
  EXPECT_EQ(s.expired(first + 1h), 7u) << "sent again they are no younger";
}

TEST(SendPackets, AreForgottenFromTheLowestOn) {
  sender s;
  for (int i = 0; i < 3; ++i) s.add(68);
  s.packets.release(150);
  EXPECT_EQ(s.packets.whole(100, 1), (range{100, 200}));
  EXPECT_EQ(s.packets.added(), 3u);
  s.packets.release(300);
  EXPECT_TRUE(s.packets.empty());
  EXPECT_EQ(s.pool.in_use(), 0u);
}

// Whatever policies place them, packets are pulled whole, and lost and pulled again, none is
// missing.
TEST(SendPackets, ArePlacedWholeByEveryPolicy) {
  const std::vector<policy::leaf_info> leaves{{"a", 1, {}}, {"b", 1, {}}, {"c", 1, {}}};
  policy::child_facts good;
  good.state = policy::health::usable;
  good.measured = true;
  good.srtt = good.min_rtt = 20ms;
  good.rate = 1'000'000;
  for (const auto* text : {"selector(a, b, c)", "race(a, b, c)", "bond(a, b, c)",
                           "bond(a, race(b, c))", "race(a, bond(b, c), late=20ms)"}) {
    seeded_random random(7);
    auto parsed = policy::parse_graph(text, leaves);
    ASSERT_TRUE(parsed) << text;
    root_target root(std::move(*parsed), 1);
    std::vector<policy::child_facts> facts(leaves.size(), good);
    facts[1].srtt = facts[1].min_rtt = 60ms;
    root.update({}, facts);
    placement place(root);
    sender s;
    for (int i = 0; i < 500; ++i) s.add(random.below(3000));
    place.offer({0, s.end});
    range_set acked;
    for (int step = 0; step < 20'000 && acked.size() < s.end; ++step) {
      const auto leaf = root.places(static_cast<std::uint32_t>(random.below(3))).front();
      duration retry = duration::max();
      const auto now = instant{} + step * 1ms;
      const auto r = place.pull(root, leaf, 1 + random.below(5000), now, retry, &s.packets);
      if (r.empty()) continue;
      ASSERT_EQ(s.packets.whole(r.begin, r.size()), r) << text;
      if (random.below(3) == 0) {
        place.lost(root, leaf, r);
      } else {
        place.acknowledged(r);
        acked.add(r);
      }
    }
    EXPECT_EQ(acked.size(), s.end) << text;
  }
}

}  // namespace
}  // namespace rendr::engine
