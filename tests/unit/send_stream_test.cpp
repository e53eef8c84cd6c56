// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/send_stream.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/seeded_random.hpp"

namespace rendr::engine {
namespace {

constexpr std::size_t no_limit = std::size_t{1} << 30;

std::byte content(std::uint64_t offset) {
  return static_cast<std::byte>(offset * 7 + offset / 251);
}

std::size_t write(send_stream& s, slab_pool& pool, std::size_t size, std::size_t limit) {
  bytes data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = content(s.written() + i);
  return s.write(pool, data, limit);
}

void expect_content(const send_stream& s, range r) {
  auto at = r.begin;
  s.pieces(r, [&](bytes_view piece, const slab_ref& slab) {
    ASSERT_TRUE(slab);
    ASSERT_GE(piece.data(), slab.data());
    ASSERT_LE(piece.data() + piece.size(), slab.data() + slab.capacity());
    for (const auto b : piece) ASSERT_EQ(b, content(at++));
  });
  ASSERT_EQ(at, std::max(r.begin, std::min(r.end, s.written())));
}

TEST(SendStream, TakesNoMoreThanTheRoomThatIsLeft) {
  slab_pool pool;
  send_stream s;
  EXPECT_EQ(write(s, pool, 700, 1000), 700u);
  EXPECT_EQ(write(s, pool, 700, 1000), 300u);
  EXPECT_EQ(write(s, pool, 1, 1000), 0u);
  s.acknowledge({0, 100});
  EXPECT_EQ(write(s, pool, 700, 1000), 100u);
  expect_content(s, {100, 1100});
}

TEST(SendStream, TheEndIsOneVirtualByteBehindTheLast) {
  slab_pool pool;
  send_stream s;
  write(s, pool, 10, no_limit);
  EXPECT_EQ(s.end(), 10u);
  s.finish();
  EXPECT_EQ(s.end(), 11u);
  s.acknowledge({0, 10});
  EXPECT_FALSE(s.all_acknowledged());
  EXPECT_EQ(s.open_part({0, 11}).ranges(), (std::vector<range>{{10, 11}}));
  expect_content(s, {10, 11});
  s.acknowledge({10, 11});
  EXPECT_TRUE(s.all_acknowledged());
  EXPECT_EQ(s.buffered(), 0u);
}

TEST(SendStream, AnAcknowledgementBeyondTheEndIsCutAtIt) {
  slab_pool pool;
  send_stream s;
  write(s, pool, 10, no_limit);
  s.acknowledge({0, 1000});
  EXPECT_EQ(s.acknowledged(), 10u);
  write(s, pool, 5, no_limit);
  EXPECT_FALSE(s.all_acknowledged());
  expect_content(s, {10, 15});
}

TEST(SendStream, WhatIsAcknowledgedOrDiscardedHoldsNoMemory) {
  slab_pool pool;
  send_stream s;
  write(s, pool, 300'000, no_limit);
  EXPECT_GE(pool.in_use(), 300'000u);
  s.acknowledge({0, 299'999});
  EXPECT_LE(pool.in_use(), 131'072u);
  s.acknowledge({299'999, 300'000});
  EXPECT_EQ(pool.in_use(), 0u);
  write(s, pool, 5000, no_limit);
  s.discard();
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_TRUE(s.all_acknowledged());
}

TEST(SendStream, SmallWritesShareSlabs) {
  slab_pool pool;
  send_stream s;
  for (int i = 0; i < 10'000; ++i) write(s, pool, 1, no_limit);
  EXPECT_LE(pool.in_use(), 65'536u);
  expect_content(s, {0, 10'000});
}

TEST(SendStream, AgreesWithAByteArrayUnderAnyAcknowledgements) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    seeded_random random(seed);
    const auto largest = seed % 2 == 0 ? 50u : 40'000u;
    slab_pool pool;
    send_stream s;
    std::vector<bool> acked;
    for (int step = 0; step < 1500; ++step) {
      if (random.chance(1, 3)) {
        const auto size = static_cast<std::size_t>(random.below(largest));
        const auto room = 20 * largest - std::min<std::size_t>(s.buffered(), 20 * largest);
        ASSERT_EQ(write(s, pool, size, 20 * largest), std::min<std::size_t>(size, room));
        acked.resize(s.written());
      } else if (!acked.empty()) {
        const auto back = std::min<std::uint64_t>(acked.size(), s.buffered() + largest);
        const auto begin = acked.size() - 1 - random.below(back);
        const range r{begin,
                      std::min<std::uint64_t>(begin + 1 + random.below(largest), acked.size())};
        range_set open;
        for (auto i = r.begin; i < r.end; ++i) {
          if (!acked[i]) open.add({i, i + 1});
        }
        ASSERT_EQ(s.open_part(r), open);
        for (const auto& part : open.ranges()) expect_content(s, part);
        if (random.chance(2, 3)) {
          s.acknowledge(r);
          for (auto i = r.begin; i < r.end; ++i) acked[i] = true;
        }
      }
      std::uint64_t prefix = s.acknowledged();
      ASSERT_TRUE(prefix == acked.size() || !acked[prefix]);
      ASSERT_TRUE(prefix == 0 || acked[prefix - 1]);
      ASSERT_EQ(s.buffered(), acked.size() - prefix);
    }
    s.acknowledge({0, s.written()});
    ASSERT_EQ(pool.in_use(), 0u);
  }
}

}  // namespace
}  // namespace rendr::engine
