// SPDX-License-Identifier: Apache-2.0
#include "rendr/error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace rendr {
namespace {

constexpr auto last = errc::invalid_argument;

TEST(Error, EveryCodeHasAStableNameOfItsOwn) {
  std::set<std::string_view> names;
  for (int code = 1; code <= static_cast<int>(last); ++code) {
    const auto n = name(static_cast<errc>(code));
    EXPECT_NE(n, "unknown") << code;
    EXPECT_TRUE(names.insert(n).second) << n;
  }
  EXPECT_EQ(names.size(), 17u);
  EXPECT_TRUE(names.contains("no_path"));
  EXPECT_TRUE(names.contains("protocol_violation"));
}

TEST(Error, EveryTextSaysWhatToDoNext) {
  for (int code = 1; code <= static_cast<int>(last); ++code) {
    const auto text = make_error_code(static_cast<errc>(code)).message();
    EXPECT_NE(text.find(": "), std::string::npos) << text;
    EXPECT_EQ(text.find("unknown rendr error"), std::string::npos) << code;
  }
}

TEST(Error, AnUnknownNumberIsNamedNotGuessed) {
  EXPECT_EQ(error_category().message(9999), "unknown rendr error 9999");
  EXPECT_EQ(name(static_cast<errc>(9999)), "unknown");
  EXPECT_EQ(name(errc{}), "unknown");
}

TEST(Error, ACodeConvertsAndComparesWithinItsCategory) {
  const std::error_code code = errc::peer_lost;
  EXPECT_EQ(code, errc::peer_lost);
  EXPECT_NE(code, errc::no_path);
  EXPECT_EQ(code.category(), error_category());
  EXPECT_STREQ(code.category().name(), "rendr");
  EXPECT_NE(code, std::error_code(code.value(), std::system_category()));
}

}  // namespace
}  // namespace rendr
