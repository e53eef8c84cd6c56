// SPDX-License-Identifier: Apache-2.0
#include "lab/soak/rest.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace rendr::test {

void at_rest::look(double figure::*into) {
  ::poll(nullptr, 0, static_cast<int>(std::chrono::milliseconds(rest_time).count()));
  for (auto& one : figures_) one.*into = one.read();
  for (int i = 0; i < 10; ++i) {
    ::poll(nullptr, 0, 300);
    for (auto& one : figures_) one.*into = std::min(one.*into, one.read());
  }
}

std::vector<lab_row> at_rest::rows(double flows, double deaths) const {
  std::vector<lab_row> rows;
  for (const auto& one : figures_) {
    const auto bytes = 1024 * one.growth();
    rows.push_back({"soak",
                    one.name + ", at rest",
                    {{"after the warm-up", one.first, "KiB"},
                     {"at the end", one.last, "KiB"},
                     {"growth per flow", bytes / std::max(flows, 1.0), "bytes"},
                     {"per death", bytes / std::max(deaths, 1.0), "bytes"}},
                    "no more than " + lab_json::number(one.slack) + " KiB more",
                    "",
                    one.growth() <= one.slack ? lab_verdict::ok : lab_verdict::missed});
  }
  return rows;
}

}  // namespace rendr::test
