// SPDX-License-Identifier: Apache-2.0
#include "cli/format.hpp"

#include <array>
#include <string_view>

namespace rendr::cli {

namespace {

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

}  // namespace rendr::cli
