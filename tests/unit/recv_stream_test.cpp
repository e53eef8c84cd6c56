// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/recv_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/seeded_random.hpp"

namespace rendr::engine {
namespace {

std::byte content(std::uint64_t offset) {
  return static_cast<std::byte>(offset * 7 + offset / 251);
}

// Segments as the engine gets them: bytes inside a slab of the carrier.
struct receiver {
  slab_pool pool;
  receive_memory memory{pool};
  recv_stream stream;

  result<recv_stream::arrival> insert(std::uint64_t offset, std::size_t size) {
    const auto slab = pool.allocate(size);
    for (std::size_t i = 0; i < size; ++i) slab.data()[i] = content(offset + i);
    return stream.insert(memory, offset, {slab.data(), size}, slab);
  }
};

TEST(RecvStream, BytesInOrderAreReadableAtOnce) {
  receiver r;
  const auto a = r.insert(0, 10);
  EXPECT_EQ(a->fresh, 10u);
  EXPECT_EQ(a->duplicate, 0u);
  EXPECT_TRUE(a->readable);
  EXPECT_EQ(r.stream.readable(), 10u);
}

TEST(RecvStream, AHoleHidesWhatLiesBehindIt) {
  receiver r;
  EXPECT_FALSE(r.insert(10, 10)->readable);
  EXPECT_EQ(r.stream.readable(), 0u);
  EXPECT_EQ(r.stream.highest(), 20u);
  EXPECT_TRUE(r.insert(0, 10)->readable);
  EXPECT_EQ(r.stream.readable(), 20u);
}

TEST(RecvStream, TheEndIsReachedOnlyWhenEveryByteWasRead) {
  receiver r;
  EXPECT_EQ(r.stream.set_final_size(10), errc{});
  EXPECT_FALSE(r.stream.complete());
  ASSERT_TRUE(r.insert(0, 10));
  EXPECT_TRUE(r.stream.complete());
  EXPECT_FALSE(r.stream.at_end());
  std::byte out[10];
  EXPECT_EQ(r.stream.read(out), 10u);
  EXPECT_TRUE(r.stream.at_end());
}

TEST(RecvStream, WhatIsReadableStaysWhenTheRestWillNotCome) {
  receiver r;
  ASSERT_TRUE(r.insert(0, 10));
  ASSERT_TRUE(r.insert(20, 6000));
  ASSERT_TRUE(r.insert(7000, 10));
  r.stream.cut();
  EXPECT_EQ(r.stream.readable(), 10u);
  const auto late = r.insert(10, 10);
  EXPECT_EQ(late->duplicate, 10u);
  EXPECT_FALSE(late->readable);
  std::byte out[20];
  EXPECT_EQ(r.stream.read(out), 10u);
  EXPECT_EQ(r.stream.readable(), 0u);
  EXPECT_FALSE(r.stream.at_end()) << "it is no end in order";
  EXPECT_EQ(r.pool.in_use(), 0u) << "what lay behind the hole is gone";
}

TEST(RecvStream, AnEmptyStreamEndsAtOnce) {
  receiver r;
  EXPECT_EQ(r.stream.set_final_size(0), errc{});
  EXPECT_TRUE(r.stream.complete() && r.stream.at_end());
}

TEST(RecvStream, AFinalSizeThatContradictsIsAViolation) {
  receiver r;
  ASSERT_TRUE(r.insert(0, 10));
  EXPECT_EQ(r.stream.set_final_size(9), errc::protocol_violation);
  EXPECT_EQ(r.stream.set_final_size(12), errc{});
  EXPECT_EQ(r.stream.set_final_size(12), errc{});
  EXPECT_EQ(r.stream.set_final_size(13), errc::protocol_violation);
  EXPECT_EQ(r.insert(10, 3).error(), errc::protocol_violation);
  EXPECT_TRUE(r.insert(10, 2));
}

TEST(RecvStream, WhatWasDiscardedIsCountedAndHoldsNothing) {
  receiver r;
  ASSERT_TRUE(r.insert(0, 5000));
  ASSERT_TRUE(r.insert(9000, 5000));
  r.stream.discard();
  EXPECT_EQ(r.pool.in_use(), 0u);
  ASSERT_TRUE(r.insert(5000, 4000));
  ASSERT_TRUE(r.insert(14000, 100));
  EXPECT_EQ(r.pool.in_use(), 0u);
  EXPECT_EQ(r.stream.readable(), 0u);
  EXPECT_EQ(r.stream.consumed(), 14100u) << "credit follows it";
}

// A record of 60 KiB has three frames of a flow's turn, 16 KiB, and what is left.
TEST(RecvStream, FramesOfAFullRecordStayWhereTheyWereRead) {
  slab_pool pool;
  receive_memory memory{pool};
  recv_stream s;
  const auto buffer = pool.allocate(slab_pool::classes.back());
  const bytes_view frame(buffer.data() + 100, 12 * 1024);
  ASSERT_TRUE(s.insert(memory, 0, frame, buffer));
  bytes_view piece;
  ASSERT_EQ(s.peek({&piece, 1}), 1u);
  EXPECT_EQ(piece.data(), frame.data());
}

TEST(RecvStream, ManySmallPiecesDoNotPinTheCarriersSlabs) {
  slab_pool pool;
  receive_memory memory{pool};
  recv_stream s;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto big = pool.allocate(slab_pool::classes.back());
    big.data()[0] = content(i * 2);
    ASSERT_TRUE(s.insert(memory, i * 2, {big.data(), 1}, big));
  }
  EXPECT_LE(pool.in_use(), 8192u);
}

// 8,192 pieces, each a read buffer of its own: what they hold follows the stretch they lie in.
TEST(RecvStream, PiecesWithHolesHoldTheirStretchWhateverTheirNumber) {
  for (const bool backwards : {false, true}) {
    receiver r;
    for (std::uint64_t i = 0; i < 8'192; ++i) {
      const auto at = 2 * (backwards ? 8'191 - i : i) + 1;
      ASSERT_EQ(r.insert(at, 1)->fresh, 1u);
    }
    EXPECT_EQ(r.insert(1, 8'000)->fresh, 4'000u);
    EXPECT_EQ(r.insert(8'001, 8'000)->fresh, 4'000u);
    EXPECT_EQ(r.stream.readable(), 0u);
    EXPECT_LE(r.pool.in_use(), 16'384u + 2 * 4'096u);
    EXPECT_TRUE(r.insert(0, 1)->readable);
    EXPECT_EQ(r.stream.readable(), 16'002u);
    std::array<bytes_view, 16> pieces{};
    EXPECT_LE(r.stream.peek(pieces), 5u) << "and are put together again";
  }
}

// Bytes in order between bytes out of order, one by one, and a reader who waits.
TEST(RecvStream, AnAlternationOfOrdersHoldsTheStretchTwiceAtMost) {
  receiver r;
  for (std::uint64_t at = 0; at < 65'536; at += 2) {
    ASSERT_TRUE(r.insert(at + 1, 1));
    ASSERT_TRUE(r.insert(at, 1));
  }
  EXPECT_EQ(r.stream.readable(), 65'536u);
  EXPECT_LE(r.pool.in_use(), 2 * 65'536u);
  std::array<bytes_view, 64> pieces{};
  EXPECT_LE(r.stream.peek(pieces), 3 * 16u);
}

TEST(RecvStream, LargePiecesLeaveABufferThatIsMostlyWaste) {
  constexpr auto buffer = slab_pool::classes.back();
  constexpr auto piece = buffer / 16;
  receiver r;
  // A sixteenth of their buffer each, at both sides of a hole.
  std::vector<std::uint64_t> places;
  for (std::uint64_t i = 0; i < 8; ++i) places.push_back(i * piece + (i < 4 ? 0 : 1));
  for (const auto at : places) {
    const auto slab = r.pool.allocate(buffer);
    for (std::size_t i = 0; i < piece; ++i) slab.data()[i] = content(at + i);
    ASSERT_TRUE(r.stream.insert(r.memory, at, {slab.data(), piece}, slab));
  }
  EXPECT_EQ(r.memory.kept(), 8 * piece);
  EXPECT_EQ(r.memory.pinned(), 8 * buffer);
  ASSERT_TRUE(r.memory.wasteful(0));
  r.stream.compact(r.memory);
  EXPECT_EQ(r.memory.pinned(), 0u);
  EXPECT_LE(r.pool.in_use(), 8 * piece + 2 * 4'096u);
  ASSERT_TRUE(r.insert(4 * piece, 1));
  std::vector<std::byte> out(8 * piece + 1);
  ASSERT_EQ(r.stream.read(out), out.size());
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], content(i)) << i;
  EXPECT_EQ(r.pool.in_use(), 0u);
}

struct shape {
  const char* name;
  std::uint64_t total;
  std::uint64_t largest;
};

void against_a_byte_array(const shape& s, std::uint64_t seed) {
  SCOPED_TRACE(std::string(s.name) + " seed " + std::to_string(seed));
  seeded_random random(seed);
  receiver r;
  std::vector<bool> arrived(s.total);
  std::uint64_t prefix = 0;
  std::uint64_t read = 0;
  bool final_known = false;
  for (int step = 0; read < s.total; ++step) {
    ASSERT_LT(step, 200'000);
    if (!final_known && random.chance(1, 50)) {
      final_known = true;
      ASSERT_EQ(r.stream.set_final_size(s.total), errc{});
    }
    // Mostly near the hole, so that the stream gets on; also far ahead and long behind.
    const auto near = prefix > s.largest ? prefix - s.largest / 2 : 0;
    const auto offset = random.chance(1, 3) && prefix < s.total ? prefix
                        : random.chance(1, 4)
                            ? random.below(s.total)
                            : std::min(near + random.below(s.largest * 2), s.total - 1);
    const auto size = std::min(1 + random.below(s.largest), s.total - offset);
    std::uint64_t fresh = 0;
    for (auto i = offset; i < offset + size; ++i) {
      if (!arrived[i]) ++fresh;
      arrived[i] = true;
    }
    const auto before = prefix;
    while (prefix < s.total && arrived[prefix]) ++prefix;
    const auto got = r.insert(offset, size);
    if (random.chance(1, 20)) r.stream.compact(r.memory);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->fresh, fresh);
    ASSERT_EQ(got->duplicate, size - fresh);
    ASSERT_EQ(got->readable, prefix > before);
    ASSERT_EQ(r.stream.contiguous(), prefix);
    if (random.chance(1, 3)) {
      std::vector<std::byte> out(1 + random.below(2 * s.largest));
      const auto n = r.stream.read(out);
      ASSERT_EQ(n, std::min<std::uint64_t>(out.size(), prefix - read));
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], content(read + i));
      read += n;
    } else if (random.chance(1, 3)) {
      std::array<bytes_view, 4> pieces{};
      const auto n = r.stream.peek(pieces);
      std::size_t total = 0;
      for (std::size_t p = 0; p < n; ++p) {
        for (const auto b : pieces[p]) ASSERT_EQ(b, content(read + total++));
      }
      const auto some = static_cast<std::size_t>(random.below(total + 1));
      r.stream.consume(some);
      read += some;
    }
    ASSERT_EQ(r.stream.readable(), prefix - read);
  }
  ASSERT_EQ(r.stream.set_final_size(s.total), errc{});
  EXPECT_TRUE(r.stream.at_end());
  EXPECT_EQ(r.pool.in_use(), 0u);
}

TEST(RecvStream, AgreesWithAByteArrayUnderAnyOverlap) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    against_a_byte_array({"tiny", 300, 7}, seed);
    against_a_byte_array({"small", 20'000, 700}, seed);
    if (seed <= 6) against_a_byte_array({"large", 600'000, 30'000}, seed);
  }
}

}  // namespace
}  // namespace rendr::engine
