// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_view.hpp"

#include <algorithm>
#include <string_view>

#include "cli/demo_stage.hpp"
#include "cli/format.hpp"

namespace rendr::cli {

namespace {

constexpr std::size_t bar_cells = 30;

std::string bar(std::uint64_t part, std::uint64_t whole) {
  const auto filled = whole == 0 ? 0 : std::min<std::uint64_t>(bar_cells, part * bar_cells / whole);
  std::string text;
  for (std::size_t i = 0; i < bar_cells; ++i) text += i < filled ? "\u2588" : "\u2591";
  return text;
}

std::string padded(std::string text, std::size_t cells) {
  if (text.size() < cells) text.append(cells - text.size(), ' ');
  return text;
}

const char* color_of(path_phase phase) {
  switch (phase) {
    case path_phase::active:
      return "32;1";
    case path_phase::standby:
      return "36";
    case path_phase::late:
      return "33";
    case path_phase::suspect:
    case path_phase::dead:
      return "31";
    default:
      return "2";
  }
}

std::string progress_text(const demo_progress& progress) {
  return std::to_string(progress.received * 100 / std::max<std::uint64_t>(progress.size, 1)) +
         "%  " + format_size(progress.received) + " of " + format_size(progress.size) + "  " +
         format_duration(progress.age);
}

}  // namespace

std::string live_rows(const demo_watch& watch, const demo_progress& progress, const console& to) {
  std::string rows = bar(progress.received, progress.size) + "  " + progress_text(progress) + "  " +
                     format_rate(watch.now().delivered) + "\n";
  std::uint64_t fastest = 1;
  for (const auto rate : watch.now().rates) fastest = std::max(fastest, rate);
  for (std::size_t i = 0; i < demo_paths.size(); ++i) {
    for (const auto& path : watch.status().paths) {
      if (path.name != demo_paths[i]) continue;
      const auto rate = i < watch.now().rates.size() ? watch.now().rates[i] : 0;
      rows += padded(path.name, 6) + " " +
              to.paint(color_of(path.phase), padded(std::string(to_string(path.phase)), 10)) + " " +
              padded(format_rate(rate), 10) + " " + bar(rate, fastest) + "  rtt " +
              padded(format_duration(path.srtt), 7) + " deaths " + std::to_string(path.deaths) +
              "\n";
    }
  }
  return rows;
}

std::string plain_row(const demo_watch& watch, const demo_progress& progress) {
  std::string row = progress_text(progress) + "  " + format_rate(watch.now().delivered) + " ";
  for (std::size_t i = 0; i < demo_paths.size(); ++i) {
    for (const auto& path : watch.status().paths) {
      if (path.name != demo_paths[i]) continue;
      const auto rate = i < watch.now().rates.size() ? watch.now().rates[i] : 0;
      row += " " + path.name + "=" + std::string(to_string(path.phase)) + "," + format_rate(rate);
    }
  }
  return row;
}

}  // namespace rendr::cli
