// SPDX-License-Identifier: Apache-2.0
// `--help` and the operator's guide tell of the same options.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "support/golden_document.hpp"

namespace rendr::cli {
namespace {

const std::vector<std::string> commands = {"", "demo", "serve", "forward", "pipe", "keygen"};

std::string help_of(const std::string& command) {
  std::vector<std::string> words;
  if (!command.empty()) words.push_back(command);
  words.emplace_back("--help");
  const auto parsed = parse(words);
  EXPECT_EQ(parsed.code, exit_code::ok) << command;
  return parsed.text;
}

std::set<std::string> options_in(const std::string& text) {
  static const std::regex option("(^|[^A-Za-z0-9-])(--[a-z][a-z-]*[a-z])");
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), option), end; at != end; ++at) {
    found.insert((*at)[2]);
  }
  return found;
}

std::string guide() {
  std::ifstream in(golden::document("operations.md"));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(cli_help, every_option_of_every_command_stands_in_the_operators_guide) {
  const auto told = options_in(guide());
  ASSERT_FALSE(told.empty());
  for (const auto& command : commands) {
    const auto offered = options_in(help_of(command));
    EXPECT_TRUE(offered.contains("--quiet")) << command;
    for (const auto& option : offered) {
      EXPECT_TRUE(told.contains(option)) << "rendr " << command << " has " << option
                                         << ", of which docs/operations.md says nothing";
    }
  }
}

TEST(cli_help, every_command_is_named_by_the_program_and_explained) {
  const auto main = help_of("");
  for (const auto& command : commands) {
    EXPECT_NE(main.find("  " + command), std::string::npos) << command;
    const auto usage = "Usage: rendr " + (command.empty() ? "[OPTIONS]" : command + " [OPTIONS]");
    EXPECT_NE(help_of(command).find(usage), std::string::npos) << help_of(command);
  }
}

}  // namespace
}  // namespace rendr::cli
