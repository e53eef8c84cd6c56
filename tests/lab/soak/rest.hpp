// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/lab_report.hpp"
#include "rendr/time.hpp"

namespace rendr::test {

/// Longer than the pools of free buffers take to give back what nobody needs.
inline constexpr std::chrono::seconds rest_time{14};

/// Figures in KiB that are read twice while nothing happens, after the warm-up and at the end:
/// whatever the faults needed meanwhile must have come back.
class at_rest {
 public:
  struct figure {
    std::string name;
    double slack;  ///< KiB that it may have grown by
    std::function<double()> read;
    double first = 0, last = 0;

    double growth() const { return last - first; }
  };
  void add(figure one) { figures_.push_back(std::move(one)); }
  /// Waits for `rest_time` and reads for some seconds more; a ping's buffers are not counted.
  void look_first() { look(&figure::first); }
  void look_last() { look(&figure::last); }
  /// A row for each, with the growth per flow and per death of a path.
  std::vector<lab_row> rows(double flows, double deaths) const;

 private:
  void look(double figure::*into);

  std::vector<figure> figures_;
};

}  // namespace rendr::test
