// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"

#include <array>
#include <limits>
#include <optional>
#include <span>

namespace rendr {

namespace {

constexpr std::uint64_t too_big = std::numeric_limits<std::uint64_t>::max();

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array duration_units{
    unit{"ns", 1},
    unit{"us", 1'000},
    unit{"ms", 1'000'000},
    unit{"s", 1'000'000'000},
    unit{"m", 60'000'000'000},
    unit{"h", 3'600'000'000'000},
    unit{"d", 86'400'000'000'000},
};
constexpr std::array size_units{
    unit{"", 1},
    unit{"B", 1},
    unit{"KB", 1'000},
    unit{"MB", 1'000'000},
    unit{"GB", 1'000'000'000},
    unit{"TB", 1'000'000'000'000},
    unit{"KiB", std::uint64_t{1} << 10},
    unit{"MiB", std::uint64_t{1} << 20},
    unit{"GiB", std::uint64_t{1} << 30},
    unit{"TiB", std::uint64_t{1} << 40},
};
constexpr std::array bit_units{
    unit{"bit", 1},
    unit{"Kbit", 1'000},
    unit{"Mbit", 1'000'000},
    unit{"Gbit", 1'000'000'000},
};

constexpr std::string_view duration_rule =
    "a duration is a number with a unit (ns us ms s m h d), as 250ms, 10s, 1h30m, or the word "
    "forever";
constexpr std::string_view size_rule =
    "a size is a number with a unit (B KB MB GB TB KiB MiB GiB TiB), as 64KiB or 1.5GiB";
constexpr std::string_view rate_rule =
    "a rate is a size or a number of bits by second, as 40MB/s or 300Mbit/s, or the word unlimited";

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::optional<std::uint64_t> scaled(std::uint64_t value, std::uint64_t factor) {
  if (factor != 0 && value > too_big / factor) return std::nullopt;
  return value * factor;
}

/// Takes "12.5unit" off the front of `text`; the unit is the longest run of letters.
std::optional<std::uint64_t> take_quantity(std::string_view& text, std::span<const unit> units) {
  std::size_t at = 0;
  std::uint64_t whole = 0;
  while (at < text.size() && is_digit(text[at])) {
    const auto ten = scaled(whole, 10);
    const auto digit = static_cast<std::uint64_t>(text[at] - '0');
    if (!ten || *ten > too_big - digit) return std::nullopt;
    whole = *ten + digit;
    ++at;
  }
  if (at == 0) return std::nullopt;
  std::uint64_t fraction = 0;
  std::uint64_t fraction_scale = 1;
  if (at < text.size() && text[at] == '.') {
    const std::size_t first = ++at;
    while (at < text.size() && is_digit(text[at]) && at - first < 6) {
      fraction = fraction * 10 + static_cast<std::uint64_t>(text[at] - '0');
      fraction_scale *= 10;
      ++at;
    }
    if (at == first) return std::nullopt;
  }
  const std::size_t unit_begin = at;
  while (at < text.size() && !is_digit(text[at])) ++at;
  const auto name = text.substr(unit_begin, at - unit_begin);
  text.remove_prefix(at);
  for (const auto& u : units) {
    if (u.name != name) continue;
    const auto big = scaled(whole, u.factor);
    if (!big) return std::nullopt;
    const std::uint64_t small = u.factor / fraction_scale * fraction +
                                u.factor % fraction_scale * fraction / fraction_scale;
    if (*big > too_big - small) return std::nullopt;
    return *big + small;
  }
  return std::nullopt;
}

/// Three significant digits of value/scale: "1.25", "12.5", "125", without a tail of zeros when
/// `trim`.
std::string three_digits(std::uint64_t value, std::uint64_t scale, bool trim) {
  const std::uint64_t whole = value / scale;
  const std::uint64_t places = whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
  std::string text = std::to_string(whole);
  if (places == 0) return text;
  std::uint64_t rest = value % scale;
  std::string digits;
  for (std::uint64_t i = 0; i < places; ++i) {
    const std::uint64_t step = scale / 10;
    const std::uint64_t digit = step == 0 ? 0 : rest / step;
    digits += static_cast<char>('0' + (digit > 9 ? 9 : digit));
    rest = step == 0 ? 0 : rest % step * 10;
  }
  if (trim) {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
  }
  return digits.empty() ? text : text + "." + digits;
}

}  // namespace

result<duration, std::string> parse_duration(std::string_view text) {
  if (text == "forever") return duration::max();
  if (text == "0") return duration::zero();
  std::uint64_t sum = 0;
  if (text.empty()) return std::string(duration_rule);
  while (!text.empty()) {
    const auto part = take_quantity(text, duration_units);
    if (!part) return std::string(duration_rule);
    if (*part > static_cast<std::uint64_t>(duration::max().count()) - sum) {
      return std::string("a duration is at most 292 years");
    }
    sum += *part;
  }
  return duration(static_cast<duration::rep>(sum));
}

result<std::uint64_t, std::string> parse_size(std::string_view text) {
  const auto value = take_quantity(text, size_units);
  if (!value || !text.empty()) return std::string(size_rule);
  return *value;
}

result<std::uint64_t, std::string> parse_rate(std::string_view text) {
  if (text == "unlimited") return std::uint64_t{0};
  if (!text.ends_with("/s")) return std::string(rate_rule);
  text.remove_suffix(2);
  auto rest = text;
  if (const auto bits = take_quantity(rest, bit_units); bits && rest.empty() && *bits >= 8) {
    return *bits / 8;
  }
  rest = text;
  const auto value = take_quantity(rest, size_units);
  if (!value || !rest.empty() || *value == 0) return std::string(rate_rule);
  return *value;
}

std::string format_duration(duration value) {
  if (value == duration::max()) return "forever";
  if (value < duration::zero()) return "-" + format_duration(-value);
  const auto ns = static_cast<std::uint64_t>(value.count());
  if (ns == 0) return "0s";
  const unit* best = &duration_units.front();
  for (const auto& u : duration_units) {
    if (ns >= u.factor) best = &u;
  }
  return three_digits(ns, best->factor, true) + std::string(best->name);
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array names{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t power = 0;
  while (power + 1 < names.size() && (bytes >> (10 * (power + 1))) != 0) ++power;
  if (power == 0) return std::to_string(bytes) + " B";
  // Scaled to thousandths first: the digits of a power of two are no decimal ones.
  const std::uint64_t unit_bytes = std::uint64_t{1} << (10 * power);
  const std::uint64_t thousandths =
      bytes / unit_bytes * 1000 + (bytes % unit_bytes >> (10 * (power - 1))) * 1000 / 1024;
  return three_digits(thousandths, 1000, false) + " " + names.at(power);
}

std::string format_rate(std::uint64_t bytes_per_second) {
  static constexpr std::array names{"B/s", "kB/s", "MB/s", "GB/s"};
  std::size_t power = 0;
  std::uint64_t scale = 1;
  while (power + 1 < names.size() && bytes_per_second >= scale * 1000) {
    scale *= 1000;
    ++power;
  }
  if (power == 0) return std::to_string(bytes_per_second) + " B/s";
  return three_digits(bytes_per_second, scale, false) + " " + names.at(power);
}

}  // namespace rendr
