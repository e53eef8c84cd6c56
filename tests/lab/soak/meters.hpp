// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/lab_report.hpp"

namespace rendr::test {

/// A figure that is read again and again and must stay flat: the median of the last quarter of the
/// run is at most 1.1 times that of the second quarter and `slack` more. (What the first quarter
/// shows is the warm-up.) Without `slack` nothing is claimed.
struct meter {
  std::string name;
  std::string unit;
  std::optional<double> slack;
  std::function<double()> read;
  std::vector<std::pair<double, double>> points = {};  ///< (seconds, value)

  void sample(double now) { points.emplace_back(now, read()); }
  double median(double from, double to) const;  ///< of shares of the run
  bool flat() const;
  lab_row row() const;
};

}  // namespace rendr::test
