// SPDX-License-Identifier: Apache-2.0
#include "policy/evidence.hpp"

#include <array>
#include <chrono>

namespace rendr::policy {

namespace {

using namespace std::chrono_literals;

struct unit {
  duration size;
  std::string_view name;
};
constexpr std::array units{unit{1h, "h"},   unit{1min, "m"}, unit{1s, "s"},
                           unit{1ms, "ms"}, unit{1us, "us"}, unit{1ns, "ns"}};

// Tenths as a decimal fraction, without one where it says nothing.
std::string tenths(std::uint64_t value) {
  const auto whole = std::to_string(value / 10);
  return value % 10 == 0 ? whole : whole + '.' + std::to_string(value % 10);
}

std::string shown(const child_facts& c, const std::optional<child_facts>& other) {
  std::string out;
  const auto add = [&](const std::string& what) { out += ' ' + what; };
  if (c.state != health::usable) add(std::string(to_string(c.state)));
  if (alive(c.state) && c.quality_known) {
    add(short_text(c.latency));
    add("+-" + short_text(c.jitter));
  }
  if (alive(c.state) && !c.eligible) add("on probation");
  if (c.loss_per_mille > 0) add("loss " + tenths(c.loss_per_mille) + " %");
  if (c.flaps > 0) add("flaps " + std::to_string(c.flaps));
  if (other && other->cost != c.cost) add("cost " + std::to_string(c.cost));
  if (other && other->weight != c.weight) add("weight " + std::to_string(c.weight));
  if (out.empty()) add(std::string(to_string(c.state)));
  return out;
}

}  // namespace

std::string short_text(duration value) {
  if (value == duration::max()) return "forever";
  if (value < 0ns) return '-' + short_text(-value);
  for (const auto& u : units) {
    if (u.size > 1s || value < u.size) continue;
    if (u.size < 10ns) return std::to_string(value / u.size) + ' ' + std::string(u.name);
    const auto in_tenths = static_cast<std::uint64_t>((value + u.size / 20) / (u.size / 10));
    const auto text = in_tenths < 100 ? tenths(in_tenths) : std::to_string((in_tenths + 5) / 10);
    return text + ' ' + std::string(u.name);
  }
  return "0 ms";
}

std::string rate_text(std::uint64_t bytes_per_second) {
  constexpr std::array names{"B/s", "kB/s", "MB/s", "GB/s"};
  std::uint64_t unit = 1;
  std::size_t at = 0;
  while (at + 1 < names.size() && bytes_per_second / unit >= 1000) {
    unit *= 1000;
    ++at;
  }
  const auto whole = bytes_per_second / unit;
  const auto text =
      unit == 1 || whole >= 100 ? std::to_string(whole) : tenths(bytes_per_second / (unit / 10));
  return text + ' ' + names[at];
}

std::string exact_text(duration value) {
  if (value == duration::max()) return "forever";
  if (value == 0ns) return "0s";
  for (const auto& u : units) {
    if (value % u.size == 0ns) return std::to_string(value / u.size) + std::string(u.name);
  }
  return "0s";
}

std::string describe(const selector_evidence& evidence, std::string_view from_name,
                     std::string_view to_name) {
  std::string out;
  if (evidence.to) out += std::string(to_name) + shown(*evidence.to, evidence.from);
  if (evidence.from) {
    out += out.empty() ? "" : ", ";
    out += std::string(from_name) + shown(*evidence.from, evidence.to);
  }
  if (evidence.held > 0ns) out += ", for " + short_text(evidence.held);
  return out;
}

}  // namespace rendr::policy
