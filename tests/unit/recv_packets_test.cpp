// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/recv_packets.hpp"

#include <gtest/gtest.h>

#include <string>

#include "wire/frames.hpp"

namespace rendr::engine {
namespace {

constexpr std::uint64_t extra = wire::packet_extra;

// Packets as the engine gets them: inside a slab of the carrier.
struct receiver {
  slab_pool pool;
  receive_memory memory{pool};
  recv_packets packets;

  /// "fresh", "again", or the error.
  std::string insert(std::uint64_t sequence, const std::string& text) {
    const auto slab = pool.allocate(std::max<std::size_t>(text.size(), 1));
    std::copy_n(as_bytes(text).begin(), text.size(), slab.data());
    const auto got = packets.insert(memory, sequence, {slab.data(), text.size()}, slab);
    if (!got) return std::string(name(got.error()));
    return *got ? "fresh" : "again";
  }
  std::string read() {
    std::string out(as_text(packets.front()));
    packets.pop();
    return out;
  }
};

TEST(RecvPackets, WhatIsHereStaysWhenNoMoreWillCome) {
  receiver r;
  EXPECT_EQ(r.insert(0, "one"), "fresh");
  r.packets.cut();
  EXPECT_EQ(r.insert(3 + extra, "late"), "fresh");
  EXPECT_EQ(r.packets.consumed(), 4 + extra) << "what comes late counts as read";
  ASSERT_TRUE(r.packets.readable());
  EXPECT_EQ(r.read(), "one");
  EXPECT_FALSE(r.packets.readable());
  EXPECT_FALSE(r.packets.at_end());
}

TEST(RecvPackets, AreReadAsTheyCameWholeAndInAnyOrder) {
  receiver r;
  EXPECT_EQ(r.insert(3 + extra, "second"), "fresh");
  EXPECT_EQ(r.insert(0, "one"), "fresh");
  EXPECT_EQ(r.insert(9 + 2 * extra, ""), "fresh");
  EXPECT_EQ(r.read(), "second");
  EXPECT_EQ(r.read(), "one");
  ASSERT_TRUE(r.packets.readable());
  EXPECT_EQ(r.read(), "");
  EXPECT_FALSE(r.packets.readable());
  EXPECT_EQ(r.packets.consumed(), 9 + 3 * extra);
}

TEST(RecvPackets, ComeOnce) {
  receiver r;
  EXPECT_EQ(r.insert(0, "one"), "fresh");
  EXPECT_EQ(r.insert(0, "one"), "again");
  EXPECT_EQ(r.read(), "one");
  EXPECT_EQ(r.insert(0, "one"), "again") << "read or not";
  EXPECT_EQ(r.packets.packets(), 1u);
  EXPECT_EQ(r.packets.duplicates(), 2u);
}

TEST(RecvPackets, ShareNoNumbers) {
  receiver r;
  EXPECT_EQ(r.insert(0, "four"), "fresh");
  EXPECT_EQ(r.insert(3 + extra, "x"), "protocol_violation");
  EXPECT_EQ(r.insert(4 + extra, "x"), "fresh");
}

TEST(RecvPackets, ThatWereSkippedComeNoMoreAndLetCreditGoOn) {
  receiver r;
  EXPECT_EQ(r.insert(100, "kept"), "fresh");
  EXPECT_EQ(r.packets.consumed(), 0u);
  EXPECT_EQ(r.packets.skip(104 + extra), errc{});
  EXPECT_EQ(r.packets.consumed(), 100u);
  EXPECT_EQ(r.packets.skip(50), errc{}) << "the highest wins";
  EXPECT_EQ(r.packets.consumed(), 100u);
  EXPECT_EQ(r.insert(0, "late"), "again");
  EXPECT_EQ(r.read(), "kept");
  EXPECT_EQ(r.packets.consumed(), 104 + extra);
}

TEST(RecvPackets, EndWhenTheLastWasRead) {
  receiver r;
  EXPECT_EQ(r.insert(0, "one"), "fresh");
  EXPECT_EQ(r.packets.set_final(2), errc::protocol_violation) << "more has arrived";
  EXPECT_EQ(r.packets.set_final(1000), errc{});
  EXPECT_EQ(r.packets.set_final(1000), errc{});
  EXPECT_EQ(r.packets.set_final(1001), errc::protocol_violation);
  EXPECT_TRUE(r.packets.complete());
  EXPECT_FALSE(r.packets.at_end());
  EXPECT_EQ(r.insert(500, "late"), "again") << "nothing comes behind a FIN that had not come";
  EXPECT_EQ(r.insert(990, "beyond"), "protocol_violation");
  EXPECT_EQ(r.packets.skip(1001), errc::protocol_violation);
  r.read();
  EXPECT_TRUE(r.packets.at_end());
}

TEST(RecvPackets, DiscardedHoldNothingAndCountAsRead) {
  receiver r;
  EXPECT_EQ(r.insert(0, "one"), "fresh");
  r.packets.discard();
  EXPECT_EQ(r.insert(3 + extra, std::string(5000, 'x')), "fresh");
  EXPECT_FALSE(r.packets.readable());
  EXPECT_EQ(r.packets.consumed(), 5003 + 2 * extra);
  EXPECT_EQ(r.pool.in_use(), 0u);
}

TEST(RecvPackets, SmallOnesPinNoReadBuffer) {
  receiver r;
  const auto large = r.pool.allocate(100'000);
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(r.packets.insert(r.memory, i * (10 + extra), {large.data(), 10}, large));
  }
  EXPECT_TRUE(large.unique());
}

}  // namespace
}  // namespace rendr::engine
