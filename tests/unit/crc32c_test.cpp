// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace rendr {
namespace {

std::uint32_t bit_by_bit(bytes_view data) {
  std::uint32_t crc = 0xffffffff;
  for (const auto b : data) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

bytes random_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  bytes out(size);
  std::ranges::generate(out, [&] { return static_cast<std::byte>(random() & 0xff); });
  return out;
}

TEST(Crc32c, HasTheStandardCheckValue) { EXPECT_EQ(crc32c(0, as_bytes("123456789")), 0xE3069283u); }

TEST(Crc32c, OfNothingIsWhereItBegan) {
  EXPECT_EQ(crc32c(0, {}), 0u);
  EXPECT_EQ(crc32c(0x12345678, {}), 0x12345678u);
}

TEST(Crc32c, OfTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(0, bytes(32, std::byte{0})), 0x8a9136aau);
  EXPECT_EQ(crc32c(0, bytes(32, std::byte{0xff})), 0x62a8ab43u);
}

TEST(Crc32c, AgreesWithThePolynomialAtEverySizeAndAlignment) {
  const auto data = random_bytes(4096, 1);
  for (std::size_t begin = 0; begin < 16; ++begin) {
    for (const std::size_t size : {1u, 2u, 3u, 7u, 8u, 9u, 63u, 64u, 65u, 255u, 1024u, 4000u}) {
      const auto part = bytes_view(data).subspan(begin, size);
      ASSERT_EQ(crc32c(0, part), bit_by_bit(part)) << begin << "+" << size;
    }
  }
}

TEST(Crc32c, OfPiecesIsThatOfTheWhole) {
  const auto data = random_bytes(3000, 2);
  const auto whole = crc32c(0, data);
  for (std::size_t cut = 0; cut <= data.size(); cut += 37) {
    const auto first = crc32c(0, bytes_view(data).first(cut));
    ASSERT_EQ(crc32c(first, bytes_view(data).subspan(cut)), whole) << cut;
  }
}

}  // namespace
}  // namespace rendr
