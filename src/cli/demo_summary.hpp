// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/demo_transfer.hpp"
#include "cli/demo_watch.hpp"
#include "cli/options.hpp"
#include "cli/timeline.hpp"

namespace rendr::cli {

/// What came out of a run of the demo, and every way in which it is not what it should be.
class demo_summary {
 public:
  demo_summary(const demo_options& options, const demo_watch& watch,
               const demo_transfer::outcome& outcome, std::uint64_t size);

  /// The counters of both ends.
  void count(const link_status& sending, const link_status& receiving);
  /// Cuts that were never carried out, and why the run was given up (empty: it was not).
  void unfinished(const std::vector<cut>& left, const std::string& broken);

  const std::vector<fact>& facts() const noexcept { return facts_; }
  /// The facts as aligned lines.
  std::vector<std::string> lines() const;
  /// Empty: the run was as it should be.
  const std::vector<std::string>& deviations() const noexcept { return deviations_; }

 private:
  void add_cut(const done_cut& cut);

  std::vector<fact> facts_;
  std::vector<std::string> deviations_;
};

}  // namespace rendr::cli
