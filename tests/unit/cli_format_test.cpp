// SPDX-License-Identifier: Apache-2.0
#include "cli/format.hpp"

#include <gtest/gtest.h>

namespace rendr::cli {
namespace {

using namespace std::chrono_literals;

TEST(cli_format, quantities_are_printed_with_three_digits) {
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
}  // namespace rendr::cli
