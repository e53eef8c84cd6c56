// SPDX-License-Identifier: Apache-2.0
#include "cli/console.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace rendr::cli {
namespace {

using namespace std::chrono_literals;

struct told {
  std::vector<std::string> lines;
  repetitions::teller teller() {
    return [this](int, std::string_view line) { lines.emplace_back(line); };
  }
};

TEST(repetitions, the_first_line_of_a_cause_is_told_and_the_rest_counted_once_a_minute) {
  repetitions of;
  told all;
  const repetitions::time_point start{};
  EXPECT_TRUE(of.is_first(start, "dead", 1, "no: dead"));
  for (int i = 0; i < 999; ++i) EXPECT_FALSE(of.is_first(start + 1s, "dead", 1, "no: dead"));
  EXPECT_TRUE(of.is_first(start + 1s, "other", 1, "no: other")) << "a cause of its own";
  of.tell_due(start + 59s, all.teller());
  EXPECT_TRUE(all.lines.empty());
  EXPECT_EQ(of.next(), start + 60s);
  of.tell_due(start + 60s, all.teller());
  EXPECT_EQ(all.lines,
            (std::vector<std::string>{"no: dead (and 999 more of these in the last minute)"}));
  EXPECT_FALSE(of.is_first(start + 61s, "dead", 1, "no: dead")) << "it goes on";
  of.tell_due(start + 120s, all.teller());
  EXPECT_EQ(all.lines.back(), "no: dead (and 1 more of these in the last minute)");
  of.tell_due(start + 180s, all.teller());
  EXPECT_EQ(all.lines.size(), 2U) << "a quiet minute";
  EXPECT_TRUE(of.is_first(start + 181s, "dead", 1, "no: dead")) << "it is news again";
}

TEST(repetitions, causes_that_a_peer_invents_are_counted_together_beyond_a_bound) {
  repetitions of;
  told all;
  std::size_t at_once = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto line = "no target " + std::to_string(i);
    if (of.is_first({}, line, 1, line)) ++at_once;
  }
  EXPECT_EQ(at_once, repetitions::most_causes + 1);
  of.tell_rest(all.teller());
  EXPECT_EQ(all.lines,
            (std::vector<std::string>{
                "no target 99999 (and 99743 more, of many causes, in the last minute)"}));
  EXPECT_EQ(of.next(), repetitions::time_point::max());
}

struct console_of_text : testing::Test {
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(console_of_text, a_line_is_one_line_whatever_is_in_it) {
  console to(out, err, log_level::info, false, {});
  to.warn(
      "the peer said \x1b[2J\x1b]0;owned\x07 \xc2\x9b"
      "31m\r\nFORGED\n\nrendr: error: forged");
  EXPECT_EQ(
      err.str(),
      "rendr: warning: the peer said \\x1b[2J\\x1b]0;owned\\x07 \\xc2\\x9b31m\\r\\nFORGED\\n\\n"
      "rendr: error: forged\n");
}

TEST_F(console_of_text, the_caret_below_an_option_keeps_its_place) {
  console to(out, err, log_level::info, false, {});
  to.error("unknown path \"wfi\"\n  race(lte, wfi)\n            ^");
  EXPECT_EQ(err.str(), "rendr: error: unknown path \"wfi\"\n  race(lte, wfi)\n            ^\n");
}

TEST_F(console_of_text, what_repeats_is_counted_and_told_at_the_end) {
  {
    console to(out, err, log_level::info, false, {});
    for (int i = 0; i < 1000; ++i) to.warn("dead: refused", "dead");
    EXPECT_EQ(err.str(), "rendr: warning: dead: refused\n");
  }
  EXPECT_EQ(err.str(),
            "rendr: warning: dead: refused\n"
            "rendr: warning: dead: refused (and 999 more of these in the last minute)\n");
}

TEST_F(console_of_text, for_debugging_each_is_told) {
  console to(out, err, log_level::debug, false, {});
  for (int i = 0; i < 3; ++i) to.debug("dial", "dial");
  EXPECT_EQ(err.str(), "rendr: debug: dial\nrendr: debug: dial\nrendr: debug: dial\n");
}

TEST_F(console_of_text, a_long_line_is_cut_to_what_a_pipe_takes_whole) {
  console to(out, err, log_level::info, false, {});
  to.warn(std::string(100'000, 'x'));
  EXPECT_LE(err.str().size(), 4096U);
  EXPECT_TRUE(err.str().ends_with("xxx...\n"));
}

TEST_F(console_of_text, a_stamp_says_when_in_utc) {
  console to(out, err, log_level::info, false, {});
  to.stamp_lines();
  to.info("hello");
  const auto text = err.str();
  ASSERT_EQ(text.size(), std::string("2026-11-30T20:48:03.123Z rendr: hello\n").size());
  EXPECT_EQ(text.substr(10, 1), "T");
  EXPECT_EQ(text.substr(23), "Z rendr: hello\n");
}

}  // namespace
}  // namespace rendr::cli
