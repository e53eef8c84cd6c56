// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/console.hpp"
#include "cli/demo_watch.hpp"

namespace rendr::cli {

struct demo_progress {
  std::uint64_t received = 0;
  std::uint64_t size = 1;
  duration age{0};
};

/// The rows of the live view: progress, then one row per path with its phase, rate and a bar.
std::string live_rows(const demo_watch& watch, const demo_progress& progress, const console& to);

/// The same in one line, where there is no terminal.
std::string plain_row(const demo_watch& watch, const demo_progress& progress);

}  // namespace rendr::cli
