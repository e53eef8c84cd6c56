// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/scenes.hpp"

namespace rendr::sim {

/// One line of the table of gates.
inline void gate(const std::string& name, double figure, const char* relation, double bound,
                 const char* unit) {
  std::printf("%s: %.1f %s %s %.1f %s\n", name.c_str(), figure, unit, relation, bound, unit);
  std::fflush(stdout);
}
inline void expect_at_most(const std::string& name, double figure, double bound, const char* unit) {
  gate(name, figure, "<=", bound, unit);
  EXPECT_LE(figure, bound) << name;
}
inline void expect_at_least(const std::string& name, double figure, double bound,
                            const char* unit) {
  gate(name, figure, ">=", bound, unit);
  EXPECT_GE(figure, bound) << name;
}

inline duration quantile(std::vector<duration> times, std::size_t per_mille) {
  if (times.empty()) return duration::max();
  std::sort(times.begin(), times.end());
  return times[std::min(times.size() - 1, times.size() * per_mille / 1000)];
}

}  // namespace rendr::sim
