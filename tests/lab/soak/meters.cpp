// SPDX-License-Identifier: Apache-2.0
#include "lab/soak/meters.hpp"

#include <algorithm>

namespace rendr::test {

double meter::median(double from, double to) const {
  const auto n = static_cast<double>(points.size());
  std::vector<double> part;
  for (auto i = static_cast<std::size_t>(n * from); i < static_cast<std::size_t>(n * to); ++i) {
    part.push_back(points[i].second);
  }
  if (part.empty()) return 0;
  std::sort(part.begin(), part.end());
  return part[part.size() / 2];
}

bool meter::flat() const { return median(0.75, 1) <= 1.1 * median(0.25, 0.5) + slack.value_or(0); }

lab_row meter::row() const {
  double most = 0;
  for (const auto& point : points) most = std::max(most, point.second);
  lab_row row{"soak", name, {}, "", "", lab_verdict::reported};
  row.figures = {{"second quarter", median(0.25, 0.5), unit},
                 {"last quarter", median(0.75, 1), unit},
                 {"most", most, unit}};
  if (slack) {
    row.bound = "last <= 1.1x second + " + lab_json::number(*slack) + " " + unit;
    row.verdict = flat() ? lab_verdict::ok : lab_verdict::missed;
  }
  return row;
}

}  // namespace rendr::test
