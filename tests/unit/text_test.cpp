// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rendr {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1024;

struct mistake {
  std::string_view text;
  std::size_t offset;
  std::string_view sentence;
};

template <class Parse>
void expect_mistakes(Parse parse, const std::vector<mistake>& table) {
  for (const auto& t : table) {
    const auto r = parse(t.text);
    ASSERT_FALSE(r) << t.text;
    EXPECT_EQ(r.error(), (text_error{t.offset, std::string(t.sentence)})) << t.text;
  }
}

TEST(Text, Sizes) {
  const std::vector<std::pair<std::string_view, std::uint64_t>> table{
      {"0", 0},
      {"1", 1},
      {"7B", 7},
      {"64KiB", 64 * kib},
      {"64kib", 64 * kib},
      {"1.5MiB", 1536 * kib},
      {"1.50MiB", 1536 * kib},
      {"2GiB", 2 * kib * kib * kib},
      {"1TiB", kib * kib * kib * kib},
      {"3k", 3000},
      {"3kB", 3000},
      {"1.234567M", 1'234'567},
      {"2GB", 2'000'000'000},
      {"1T", 1'000'000'000'000},
      {"18446744073709551615", ~std::uint64_t{0}},
      {"0.0009765625KiB", 1},
      {"0.000000000000GiB", 0},
  };
  for (const auto& [text, bytes] : table) {
    const auto r = parse_size(text);
    ASSERT_TRUE(r) << text << ": " << r.error().sentence;
    EXPECT_EQ(*r, bytes) << text;
  }
}

TEST(Text, MistakesInSizes) {
  expect_mistakes(
      parse_size,
      {{"", 0, "size \"\": a number with a unit, such as 64KiB or 1.5MB"},
       {"KiB", 0, "size \"KiB\": a number with a unit, such as 64KiB or 1.5MB"},
       {"-1", 0, "size \"-1\": a number with a unit, such as 64KiB or 1.5MB"},
       {" 1", 0, "size \" 1\": a number with a unit, such as 64KiB or 1.5MB"},
       {"1 KiB", 1,
        "size \"1 KiB\": the unit is one of b, k, kb, m, mb, g, gb, t, tb, kib, mib, gib, tib"},
       {"1.", 1,
        "size \"1.\": the unit is one of b, k, kb, m, mb, g, gb, t, tb, kib, mib, gib, tib"},
       {"1.5", 0, "size \"1.5\": finer than one byte"},
       {"0.3KiB", 0, "size \"0.3KiB\": finer than one byte"},
       {"18446744073709551616", 0, "size \"18446744073709551616\": too large"},
       {"16777216TiB", 0, "size \"16777216TiB\": too large"},
       {"99999999999999999999999999k", 0, "size \"99999999999999999999999999k\": too large"}});
}

TEST(Text, Durations) {
  const std::vector<std::pair<std::string_view, duration>> table{
      {"0", 0ns},       {"0s", 0ns},     {"5ns", 5ns},
      {"7us", 7us},     {"20ms", 20ms},  {"90s", 90s},
      {"1.5s", 1500ms}, {"2m", 120s},    {"2min", 120s},
      {"24h", 24h},     {"0.5h", 30min}, {"7d", 168h},
      {"0.001us", 1ns}, {"24H", 24h},    {"forever", duration::max()},
  };
  for (const auto& [text, value] : table) {
    const auto r = parse_duration(text);
    ASSERT_TRUE(r) << text << ": " << r.error().sentence;
    EXPECT_EQ(*r, value) << text;
  }
}

TEST(Text, MistakesInDurations) {
  expect_mistakes(
      parse_duration,
      {{"", 0, "duration \"\": a number with a unit, such as 20ms, 90s, 24h or forever"},
       {"soon", 0, "duration \"soon\": a number with a unit, such as 20ms, 90s, 24h or forever"},
       {"90", 2, "duration \"90\": the unit is missing: one of ns, us, ms, s, m, min, h, d"},
       {"90sec", 2, "duration \"90sec\": the unit is one of ns, us, ms, s, m, min, h, d"},
       {"1.5ns", 0, "duration \"1.5ns\": finer than one nanosecond"},
       {"106752d", 0, "duration \"106752d\": too large"},
       {"9223372036854775807ns", 0, "duration \"9223372036854775807ns\": too large"}});
}

TEST(Text, Rates) {
  const std::vector<std::pair<std::string_view, std::uint64_t>> table{
      {"8bit", 1},
      {"15bit", 1},
      {"10Mbit", 1'250'000},
      {"10mbit/s", 1'250'000},
      {"1.5Gbit/s", 187'500'000},
      {"64kbit", 8000},
  };
  for (const auto& [text, bytes] : table) {
    const auto r = parse_rate(text);
    ASSERT_TRUE(r) << text << ": " << r.error().sentence;
    EXPECT_EQ(*r, bytes) << text;
  }
  expect_mistakes(parse_rate,
                  {{"fast", 0, "rate \"fast\": a number with a unit, such as 10Mbit or 1.5Gbit/s"},
                   {"10", 2, "rate \"10\": the unit is missing: one of bit, kbit, mbit, gbit"},
                   {"10MB/s", 2, "rate \"10MB\": the unit is one of bit, kbit, mbit, gbit"},
                   {"7bit", 0, "rate \"7bit\": at least 8bit"},
                   {"0", 0, "rate \"0\": at least 8bit"}});
}

TEST(Text, Numbers) {
  EXPECT_EQ(parse_number("7000", 1, 65535), 7000u);
  EXPECT_EQ(parse_number("1", 1, 1), 1u);
  for (const auto bad :
       {"", "0", "65536", "7a", "-7", "+7", "7.0", " 7", "0x7", "18446744073709551617"}) {
    EXPECT_EQ(parse_number(bad, 1, 65535), std::nullopt) << bad;
  }
}

TEST(Text, Names) {
  for (const auto good : {"a", "p1", "7", "fiber-2_b.c", "A"}) EXPECT_TRUE(valid_name(good));
  for (const auto bad : {"", "-a", ".a", "_a", "a b", "a:b", "a=b", "a#0", "\xc3\xa9"}) {
    EXPECT_FALSE(valid_name(bad)) << bad;
  }
  EXPECT_TRUE(valid_name(std::string(64, 'n')));
  EXPECT_FALSE(valid_name(std::string(65, 'n')));
}

TEST(Text, QuotedValuesAreCutAndPrintable) {
  EXPECT_EQ(rendr::quoted("abc"), "\"abc\"");
  EXPECT_EQ(rendr::quoted("a\n\x1b[31m\xff"), "\"a??[31m?\"");
  EXPECT_EQ(rendr::quoted(std::string(41, 'x')), "\"" + std::string(40, 'x') + "...\"");
}

TEST(Text, TheCaretStandsUnderTheMistake) {
  EXPECT_EQ(render("abc", {1, "wrong"}), "wrong\n  abc\n   ^");
  EXPECT_EQ(render("abc", {3, "wrong"}), "wrong\n  abc\n     ^");
  EXPECT_EQ(render("abc", {99, "wrong"}), "wrong\n  abc\n     ^");
  EXPECT_EQ(render("", {0, "wrong"}), "wrong\n  \n  ^");
  EXPECT_EQ(render("a\tb", {2, "wrong"}), "wrong\n  a?b\n    ^");
}

TEST(Text, OfManyLinesTheOneWithTheMistakeIsShown) {
  const std::string_view text = "one\ntwo\nthree";
  EXPECT_EQ(render(text, {0, "w"}), "w\n  one\n  ^");
  EXPECT_EQ(render(text, {3, "w"}), "w\n  one\n     ^");
  EXPECT_EQ(render(text, {4, "w"}), "w\n  two\n  ^");
  EXPECT_EQ(render(text, {13, "w"}), "w\n  three\n       ^");
}

TEST(Text, ALongLineIsCutAroundTheCaret) {
  std::string text(300, '.');
  text[0] = text[150] = text[299] = 'X';
  for (const std::size_t at : {0u, 150u, 299u}) {
    const auto shown = render(text, {at, "w"});
    const auto line_begin = shown.find('\n') + 1;
    const auto line_end = shown.find('\n', line_begin);
    const auto line = shown.substr(line_begin, line_end - line_begin);
    const auto caret = shown.size() - 1 - (line_end + 1);
    EXPECT_EQ(line[caret], 'X') << shown;
  }
}

TEST(Text, AFailureHasTheRenderedTextAsItsDetail) {
  const auto f = to_failure("abc", {0, "wrong"});
  EXPECT_EQ(f.code, errc::invalid_argument);
  EXPECT_EQ(f.detail, "wrong\n  abc\n  ^");
}

TEST(Text, EveryByteThatCommandsATerminalIsEscaped) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    const bool prints = byte >= 0x20 && byte < 0x7f;
    std::string expected = "\\x";
    expected += digits[static_cast<std::size_t>(byte) / 16];
    expected += digits[static_cast<std::size_t>(byte) % 16];
    if (byte == '\n') expected = "\\n";
    if (byte == '\r') expected = "\\r";
    if (byte == '\t') expected = "\\t";
    EXPECT_EQ(escaped(one), prints ? one : expected) << byte;
  }
}

TEST(Text, OnlyWholeCharactersOfUtf8AreShown) {
  for (const std::string_view text :
       {"M\u00fcller", "\u20ac 5", "\U0001f600", "\ud7ff", "\ue000", "\u00a0"}) {
    EXPECT_EQ(escaped(text), text);
  }
  EXPECT_EQ(escaped("\xc2\x9b"
                    "31m"),
            "\\xc2\\x9b31m")
      << "C1";
  EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf") << "longer than needed";
  EXPECT_EQ(escaped("\xe0\x80\xaf"), "\\xe0\\x80\\xaf") << "longer than needed";
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a pair";
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond the last one";
  EXPECT_EQ(escaped("\xe2\x82"), "\\xe2\\x82") << "cut off";
  EXPECT_EQ(escaped("\u202egnp.exe"), "\\xe2\\x80\\xaegnp.exe") << "right to left";
  EXPECT_EQ(escaped("a\u2028b"), "a\\xe2\\x80\\xa8b") << "ends a line";
}

TEST(Text, WhatWasEscapedStaysAsItIs) {
  const auto once = escaped("\x1b[2J\\ \n\xff");
  EXPECT_EQ(once, "\\x1b[2J\\ \\n\\xff");
  EXPECT_EQ(escaped(once), once);
}

}  // namespace
}  // namespace rendr
