// SPDX-License-Identifier: Apache-2.0
#include "base/drbg.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <type_traits>

#include "support/hex.hpp"

namespace rendr {
namespace {

using test::to_hex;

secret<32> counting_seed() {
  secret<32> seed;
  for (std::size_t i = 0; i < 32; ++i) seed.span()[i] = static_cast<std::byte>(i);
  return seed;
}

// Made with the ChaCha20 of the Python package cryptography 50.0.2: block 1 is the key stream of
// the seed, bytes 32..511; block 2 that of the first 32 bytes of block 1.
TEST(Drbg, HandsOutTheKeyStreamBehindTheNextKey) {
  drbg random(counting_seed());
  bytes first(480);
  random.fill(first);
  EXPECT_EQ(to_hex(bytes_view(first).first(16)), "2b23cce7a26023ab3f0eef693ac87f64");
  EXPECT_EQ(to_hex(bytes_view(first).last(16)), "01def102acf0175b4fe41f026a6d9cf2");
  EXPECT_EQ(to_hex(random.array<16>()), "2d41a59c90e41a8e7a4dccaa1c460699");
}

TEST(Drbg, GivesTheSameBytesInPiecesOfAnySize) {
  drbg whole(counting_seed());
  bytes expected(2000);
  whole.fill(expected);
  for (const std::size_t piece : {1u, 7u, 32u, 479u, 480u, 481u, 1999u}) {
    drbg random(counting_seed());
    bytes got(2000);
    for (std::size_t at = 0; at < got.size(); at += piece) {
      random.fill(bytes_span(got).subspan(at, std::min(piece, got.size() - at)));
    }
    EXPECT_EQ(to_hex(got), to_hex(expected)) << piece;
  }
}

TEST(Drbg, DependsOnEveryByteOfTheSeed) {
  drbg random(counting_seed());
  const auto expected = random.array<32>();
  for (std::size_t i = 0; i < 32; ++i) {
    auto seed = counting_seed();
    seed.span()[i] ^= std::byte{1};
    drbg other(seed);
    EXPECT_NE(other.array<32>(), expected) << i;
  }
}

TEST(Drbg, ReadsIntegersBigEndian) {
  drbg random(counting_seed());
  EXPECT_EQ(random.u64(), 0x2b23cce7a26023abu);
}

TEST(Drbg, KeepsNothingOfWhatItHandedOut) {
  // The whole object is searched, byte by byte, for what it gave away.
  drbg random(counting_seed());
  const auto given = random.array<32>();
  const bytes_view state(reinterpret_cast<const std::byte*>(&random), sizeof random);
  EXPECT_EQ(std::search(state.begin(), state.end(), given.begin(), given.begin() + 8), state.end());
  const auto seed = counting_seed();
  EXPECT_EQ(std::search(state.begin(), state.end(), seed.view().begin(), seed.view().end()),
            state.end());
}

TEST(Drbg, CannotBeCopiedOrMoved) {
  static_assert(!std::is_copy_constructible_v<drbg> && !std::is_move_constructible_v<drbg>);
  static_assert(!std::is_copy_assignable_v<drbg> && !std::is_move_assignable_v<drbg>);
}

}  // namespace
}  // namespace rendr
