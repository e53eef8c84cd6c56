// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rendr/time.hpp"

namespace rendr::cli {

/// What happened in a run, over time since its start.
struct timeline {
  struct sample {
    duration at{0};
    std::vector<std::uint64_t> rates;  ///< bytes/s by path, in the order of `paths`
    std::uint64_t delivered = 0;       ///< bytes/s that the receiver read
  };
  enum class mark_kind : std::uint8_t { cut, migration, path };
  struct mark {
    duration at{0};
    mark_kind kind{};
    std::string text;
  };

  std::vector<std::string> paths;
  std::vector<sample> samples;
  std::vector<mark> marks;
};

/// One line of a table: a name and its value.
struct fact {
  std::string name;
  std::string value;
};

/// A self-contained HTML page: the time line of the rate per path with its marks as inline SVG, the
/// marks and the facts as tables. Follows the reader's light or dark scheme; loads nothing.
std::string html_report(const std::string& title, const timeline& run,
                        const std::vector<fact>& facts);

}  // namespace rendr::cli
