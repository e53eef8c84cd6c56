// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"

#include <gtest/gtest.h>

namespace rendr {
namespace {

using namespace std::chrono_literals;

TEST(units, durations_are_numbers_with_units_and_sums_of_them) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("7d").value(), 168h);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  EXPECT_EQ(parse_duration("forever").value(), duration::max());
}

TEST(units, a_bad_duration_says_the_rule) {
  for (const auto* text : {"", "10", "10x", "s", "1..5s", "1.s", "-1s", "1h 30m", "99999999999d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().find("duration"), std::string::npos) << text;
  }
}

TEST(units, sizes_tell_powers_of_1000_from_powers_of_1024) {
  EXPECT_EQ(parse_size("1500").value(), 1500u);
  EXPECT_EQ(parse_size("1KB").value(), 1000u);
  EXPECT_EQ(parse_size("1KiB").value(), 1024u);
  EXPECT_EQ(parse_size("1.5GiB").value(), 1610612736u);
  EXPECT_EQ(parse_size("1GiB").value(), 1073741824u);
}

TEST(units, a_bad_size_says_the_rule) {
  for (const auto* text : {"", "GiB", "1 GiB", "1gib", "-1", "99999999999999999999", "1TiBx"}) {
    const auto parsed = parse_size(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().find("size"), std::string::npos) << text;
  }
}

TEST(units, rates_are_sizes_or_bits_by_second) {
  EXPECT_EQ(parse_rate("40MB/s").value(), 40'000'000u);
  EXPECT_EQ(parse_rate("300Mbit/s").value(), 37'500'000u);
  EXPECT_EQ(parse_rate("unlimited").value(), 0u);
  for (const auto* text : {"", "40MB", "0MB/s", "fast", "/s", "40 MB/s"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
}

TEST(units, quantities_are_printed_with_three_digits) {
  EXPECT_EQ(format_duration(1250ms), "1.25s");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(90ms), "90ms");
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(duration::max()), "forever");
  EXPECT_EQ(format_size(812), "812 B");
  EXPECT_EQ(format_size(std::uint64_t{1} << 30), "1.00 GiB");
  EXPECT_EQ(format_size((std::uint64_t{75} << 19)), "37.5 MiB");
  EXPECT_EQ(format_rate(38'250'000), "38.2 MB/s");
  EXPECT_EQ(format_rate(0), "0 B/s");
}

}  // namespace
}  // namespace rendr
