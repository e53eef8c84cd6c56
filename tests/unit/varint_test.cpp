// SPDX-License-Identifier: Apache-2.0
#include "wire/varint.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "support/golden.hpp"
#include "wire/cursor.hpp"

namespace rendr::wire {
namespace {

using golden::from_hex;
using golden::to_hex;

bytes encoded(std::uint64_t value) {
  bytes out(max_varint_size);
  out.resize(write_varint(value, out));
  return out;
}

/// The value that the whole of `hex` is the varint of.
std::optional<std::uint64_t> decoded(std::string_view hex) {
  const auto in = from_hex(hex);
  std::uint64_t value = 0;
  const auto size = read_varint(in, value);
  if (size == 0) return std::nullopt;
  EXPECT_EQ(size, in.size());
  return value;
}

TEST(Varint, HasTheBytesOfRfc9000) {
  EXPECT_EQ(to_hex(encoded(37)), "25");
  EXPECT_EQ(to_hex(encoded(15293)), "7bbd");
  EXPECT_EQ(to_hex(encoded(494878333)), "9d7f3e7d");
  EXPECT_EQ(to_hex(encoded(151288809941952652u)), "c2197c5eff14e88c");
}

TEST(Varint, ChangesItsSizeAtTheEdges) {
  for (const unsigned bits : {6u, 14u, 30u}) {
    const auto edge = std::uint64_t{1} << bits;
    EXPECT_EQ(2 * varint_size(edge - 1), varint_size(edge)) << bits;
  }
  EXPECT_EQ(varint_size(0), 1u);
  EXPECT_EQ(varint_size(max_varint), 8u);
  EXPECT_EQ(to_hex(encoded(max_varint)), "ffffffffffffffff");
}

TEST(Varint, ReadsBackWhatItWrote) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 100000; ++i) {
    const auto value = (random() & max_varint) >> (random() % 62);
    const auto out = encoded(value);
    std::uint64_t back = 0;
    ASSERT_EQ(read_varint(out, back), out.size());
    ASSERT_EQ(back, value);
    for (std::size_t cut = 0; cut < out.size(); ++cut) {
      ASSERT_EQ(read_varint(bytes_view(out).first(cut), back), 0u);
    }
  }
}

TEST(Varint, RefusesLongerFormsThanNeeded) {
  EXPECT_EQ(decoded("4040"), 64u);
  EXPECT_EQ(decoded("403f"), std::nullopt);
  EXPECT_EQ(decoded("4000"), std::nullopt);
  EXPECT_EQ(decoded("80004000"), 16384u);
  EXPECT_EQ(decoded("80003fff"), std::nullopt);
  EXPECT_EQ(decoded("c000000040000000"), std::uint64_t{1} << 30);
  EXPECT_EQ(decoded("c00000003fffffff"), std::nullopt);
}

TEST(Cursor, KeepsItsFirstError) {
  const auto in = from_hex("0140");
  reader r(in);
  EXPECT_EQ(r.varint(), 1u);
  EXPECT_EQ(r.varint(), 0u);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.u8(), 0u);
  EXPECT_TRUE(r.take(0).empty());
  EXPECT_FALSE(r.ok());
}

TEST(Cursor, RefusesACountAboveItsLimitOrItsInput) {
  const auto in = from_hex("03616263");
  EXPECT_EQ(as_text(reader(in).counted(3)), "abc");
  reader above(in);
  EXPECT_TRUE(above.counted(2).empty());
  EXPECT_FALSE(above.ok());
  reader beyond(bytes_view(in).first(3));
  EXPECT_TRUE(beyond.counted(3).empty());
  EXPECT_FALSE(beyond.ok());
}

TEST(Cursor, WritesNothingMoreOnceSomethingDidNotFit) {
  std::array<std::byte, 4> out{};
  writer w(out, 1);
  w.u64(1);
  w.u8(7);
  EXPECT_FALSE(w.ok());
  EXPECT_EQ(w.used(), 1u);
  EXPECT_EQ(to_hex(out), "00000000");
}

TEST(Cursor, CountsWhatTheWriterWrites) {
  std::array<std::byte, 64> out{};
  writer w(out, 0);
  size_counter c;
  const auto fields = [](auto& sink) {
    sink.varint(16384);
    sink.u8(1);
    sink.u64(2);
    sink.zeros(3);
    sink.counted(as_bytes("abc"), 3);
  };
  fields(w);
  fields(c);
  EXPECT_TRUE(w.ok() && c.ok());
  EXPECT_EQ(w.used(), c.used());
  EXPECT_EQ(to_hex(bytes_view(out).first(w.used())), "8000400001000000000000000200000003616263");
}

}  // namespace
}  // namespace rendr::wire
