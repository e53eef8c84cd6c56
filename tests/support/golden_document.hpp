// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "support/golden.hpp"

namespace rendr::golden {

// Not from __FILE__: it may be relative to where the compiler ran.
inline std::filesystem::path document(std::string_view name) {
  return std::filesystem::path(RENDR_DOCS) / name;
}

/// The lines `golden: name = hex` of a page of docs/, as lower-case digits by name; a line that
/// ends in a backslash goes on. A test fails when a name stands twice.
inline std::map<std::string, std::string> lines_of(std::string_view page) {
  std::ifstream in(document(page));
  EXPECT_TRUE(in) << page;
  std::map<std::string, std::string> out;
  std::string line;
  while (std::getline(in, line)) {
    constexpr std::string_view mark = "golden: ";
    if (!line.starts_with(mark)) continue;
    for (std::string more; line.ends_with('\\') && std::getline(in, more);) {
      line.back() = ' ';
      line += more;
    }
    const auto equals = line.find(" = ");
    EXPECT_NE(equals, std::string::npos) << line;
    if (equals == std::string::npos) continue;
    const auto name = line.substr(mark.size(), equals - mark.size());
    EXPECT_TRUE(out.emplace(name, to_hex(from_hex(line.substr(equals + 3)))).second) << name;
  }
  return out;
}

}  // namespace rendr::golden
