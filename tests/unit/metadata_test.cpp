// SPDX-License-Identifier: Apache-2.0
#include "wire/metadata.hpp"

#include <gtest/gtest.h>

#include "support/golden.hpp"

namespace rendr::wire {
namespace {

using golden::from_hex;
using golden::to_hex;

std::optional<std::string> target_of(std::string_view hex) {
  const auto in = from_hex(hex);
  const auto found = find_metadata(in, metadata_type::target);
  EXPECT_TRUE(found) << hex;
  if (!found || !*found) return std::nullopt;
  return std::string(as_text(**found));
}

bool refused(std::string_view hex) {
  const auto in = from_hex(hex);
  return !find_metadata(in, metadata_type::target);
}

TEST(Metadata, SaysWhatTheFlowIsFor) {
  bytes out;
  append_metadata(out, metadata_type::target, as_bytes("ssh"));
  EXPECT_EQ(to_hex(out), "0203737368");
  EXPECT_EQ(target_of("0203737368"), "ssh");
}

TEST(Metadata, MaySayNothing) {
  EXPECT_EQ(target_of(""), std::nullopt);
  EXPECT_EQ(target_of("0200"), "");
}

TEST(Metadata, OfOddTypesIsPassedOver) {
  EXPECT_EQ(target_of("0101ff 0203737368 0700"), "ssh");
  EXPECT_EQ(target_of("0101ff"), std::nullopt);
}

TEST(Metadata, OfUnknownEvenTypesIsRefused) {
  EXPECT_TRUE(refused("0000"));
  EXPECT_TRUE(refused("0203737368 0400")) << "reserved";
  EXPECT_TRUE(refused("0203737368 4040 00"));
}

TEST(Metadata, HasEachTypeOnceAndInOrder) {
  EXPECT_TRUE(refused("0203737368 0203737368"));
  EXPECT_TRUE(refused("0300 0203737368"));
}

TEST(Metadata, CutAnywhereIsRefused) {
  const std::string whole = "0203737368";
  for (std::size_t cut = 2; cut < whole.size(); cut += 2) {
    EXPECT_TRUE(refused(whole.substr(0, cut))) << cut;
  }
  EXPECT_TRUE(refused("02400373 7368")) << "long form of the length";
}

}  // namespace
}  // namespace rendr::wire
