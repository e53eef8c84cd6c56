// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <span>

namespace rendr {

namespace {

constexpr std::size_t shown_columns = 72;  // of a long line, around the caret
constexpr std::size_t quoted_bytes = 40;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

// One character of UTF-8 at the front of a text, `size` 0: its first byte begins none.
struct character {
  std::uint32_t code = 0;
  std::size_t size = 0;
};

character first_of(std::string_view text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead < 0xc2   ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  if (size == 0 || text.size() < size) return {};
  std::uint32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    code = code << 6U | (byte(i) & 0x3fU);
  }
  const bool longer_than_needed = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool no_character = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
  return longer_than_needed || no_character ? character{} : character{code, size};
}

// Whether a terminal shows it as itself: it gives no command, ends no line and turns no direction.
constexpr bool shows_as_itself(std::uint32_t code) noexcept {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool line_end = code == 0x2028 || code == 0x2029;
  const bool direction = code == 0x061c || code == 0x200e || code == 0x200f ||
                         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !line_end && !direction;
}

void append_escape(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 0xfU];
  }
}

struct unit {
  std::string_view name;  // lower case
  std::uint64_t scale;
};

constexpr std::uint64_t kibi = 1024;
constexpr std::array size_units{
    unit{"", 1},
    unit{"b", 1},
    unit{"k", 1000},
    unit{"kb", 1000},
    unit{"m", 1'000'000},
    unit{"mb", 1'000'000},
    unit{"g", 1'000'000'000},
    unit{"gb", 1'000'000'000},
    unit{"t", 1'000'000'000'000},
    unit{"tb", 1'000'000'000'000},
    unit{"kib", kibi},
    unit{"mib", kibi* kibi},
    unit{"gib", kibi* kibi* kibi},
    unit{"tib", kibi* kibi* kibi* kibi},
};
constexpr std::array duration_units{
    unit{"ns", 1},
    unit{"us", 1000},
    unit{"ms", 1'000'000},
    unit{"s", 1'000'000'000},
    unit{"m", 60'000'000'000},
    unit{"min", 60'000'000'000},
    unit{"h", 3'600'000'000'000},
    unit{"d", 86'400'000'000'000},
};
constexpr std::array rate_units{
    unit{"bit", 1},
    unit{"kbit", 1000},
    unit{"mbit", 1'000'000},
    unit{"gbit", 1'000'000'000},
};

// What one kind of quantity calls itself in errors.
struct quantity {
  std::string_view name;
  std::string_view examples;
  std::string_view finest;
  std::span<const unit> units;
  std::uint64_t limit;
};

// A decimal number as whole and fraction/denominator in lowest terms.
struct decimal {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;
  std::uint64_t denominator = 1;
};

struct parsed_decimal {
  decimal number;
  std::size_t size = 0;  // bytes of the text that it took; 0: no number
  bool overflow = false;
};

parsed_decimal read_decimal(std::string_view text) noexcept {
  constexpr auto top = std::numeric_limits<std::uint64_t>::max();
  parsed_decimal out;
  auto& n = out.number;
  std::size_t i = 0;
  for (; i < text.size() && is_digit(text[i]); ++i) {
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    if (n.whole > (top - digit) / 10) out.overflow = true;
    n.whole = n.whole * 10 + digit;
  }
  if (i == 0) return out;
  if (i + 1 < text.size() && text[i] == '.' && is_digit(text[i + 1])) {
    for (++i; i < text.size() && is_digit(text[i]); ++i) {
      if (n.denominator > top / 100) {
        out.overflow = out.overflow || text[i] != '0';
        continue;
      }
      n.denominator *= 10;
      n.fraction = n.fraction * 10 + static_cast<std::uint64_t>(text[i] - '0');
    }
    const auto common = std::gcd(n.fraction, n.denominator);
    n.fraction /= common;
    n.denominator /= common;
  }
  out.size = i;
  return out;
}

std::string choices(const quantity& what) {
  std::string out;
  for (const auto& u : what.units) {
    if (u.name.empty()) continue;
    if (!out.empty()) out += ", ";
    out += u.name;
  }
  return out;
}

result<std::uint64_t, text_error> read_quantity(std::string_view text, const quantity& what) {
  const auto error = [&](std::size_t offset, std::string_view rule) {
    return text_error{offset,
                      std::string(what.name) + " " + quoted(text) + ": " + std::string(rule)};
  };
  const auto read = read_decimal(text);
  if (read.size == 0) {
    return error(0, "a number with a unit, such as " + std::string(what.examples));
  }
  std::string name(text.substr(read.size));
  std::transform(name.begin(), name.end(), name.begin(), lower);
  const auto found = std::find_if(what.units.begin(), what.units.end(),
                                  [&](const unit& u) { return u.name == name; });
  const bool bare_zero = name.empty() && read.number.whole == 0 && read.number.fraction == 0;
  if (bare_zero && !read.overflow) return std::uint64_t{0};
  if (found == what.units.end()) {
    return error(read.size, name.empty() ? "the unit is missing: one of " + choices(what)
                                         : "the unit is one of " + choices(what));
  }
  const auto scale = found->scale;
  const auto& n = read.number;
  if (!read.overflow && scale % n.denominator != 0) {
    return error(0, "finer than one " + std::string(what.finest));
  }
  const auto part = n.fraction * (scale / n.denominator);
  if (read.overflow || n.whole > (what.limit - part) / scale) return error(0, "too large");
  return n.whole * scale + part;
}

}  // namespace

std::string quoted(std::string_view value) {
  const bool cut = value.size() > quoted_bytes;
  return '"' + printable(value.substr(0, quoted_bytes)) + (cut ? "...\"" : "\"");
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto next = first_of(text);
    const auto size = std::max<std::size_t>(next.size, 1);
    if (next.size > 0 && shows_as_itself(next.code)) {
      out += text.substr(0, size);
    } else {
      for (const char c : text.substr(0, size)) append_escape(out, c);
    }
    text.remove_prefix(size);
  }
  return out;
}

bool valid_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > max_name_size) return false;
  if (!is_letter(name[0]) && !is_digit(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
  });
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                          std::uint64_t high) noexcept {
  const auto read = read_decimal(text);
  if (read.size == 0 || read.size != text.size() || read.overflow) return std::nullopt;
  if (text.find('.') != text.npos) return std::nullopt;
  if (read.number.whole < low || read.number.whole > high) return std::nullopt;
  return read.number.whole;
}

std::string render(std::string_view text, const text_error& error) {
  const auto offset = std::min(error.offset, text.size());
  const auto before = offset == 0 ? text.npos : text.rfind('\n', offset - 1);
  const auto begin = before == text.npos ? 0 : before + 1;
  const auto end = std::min(text.find('\n', offset), text.size());
  auto line = text.substr(begin, end - begin);
  auto column = offset - begin;
  std::string_view head, tail;
  if (line.size() > shown_columns) {
    const auto lead = column > shown_columns / 2 ? column - shown_columns / 2 : 0;
    const auto first = std::min(lead, line.size() - shown_columns);
    if (first > 0) head = "...";
    if (first + shown_columns < line.size()) tail = "...";
    line = line.substr(first, shown_columns);
    column -= first;
  }
  std::string out = error.sentence;
  out += "\n  ";
  out += head;
  out += printable(line);
  out += tail;
  out += "\n  ";
  out.append(head.size() + column, ' ');
  out += '^';
  return out;
}

failure to_failure(std::string_view text, const text_error& error) {
  return {errc::invalid_argument, render(text, error)};
}

result<std::uint64_t, text_error> parse_size(std::string_view text) {
  return read_quantity(text, {"size", "64KiB or 1.5MB", "byte", size_units,
                              std::numeric_limits<std::uint64_t>::max()});
}

result<duration, text_error> parse_duration(std::string_view text) {
  if (text == "forever") return duration::max();
  const auto read = read_quantity(text, {"duration", "20ms, 90s, 24h or forever", "nanosecond",
                                         duration_units, duration::max().count() - 1});
  if (!read) return read.error();
  return duration(static_cast<duration::rep>(*read));
}

result<std::uint64_t, text_error> parse_rate(std::string_view text) {
  const auto number = text.ends_with("/s") ? text.substr(0, text.size() - 2) : text;
  const auto read = read_quantity(number, {"rate", "10Mbit or 1.5Gbit/s", "bit", rate_units,
                                           std::numeric_limits<std::uint64_t>::max()});
  if (!read) return read.error();
  if (*read < 8) return text_error{0, "rate " + quoted(text) + ": at least 8bit"};
  return *read / 8;
}

}  // namespace rendr
