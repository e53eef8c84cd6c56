// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "sim/world.hpp"

namespace rendr::sim {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kib = 1024;
inline constexpr std::uint64_t mib = 1024 * kib;
inline constexpr std::uint64_t gib = 1024 * mib;
inline constexpr std::uint64_t mbit = 1'000'000 / 8;

inline double ms(duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

inline path_options path(std::string name, duration rtt, std::uint64_t rate = 0,
                         std::uint32_t loss_ppm = 0) {
  path_options p;
  p.name = std::move(name);
  p.lanes.delay = rtt / 2;
  p.lanes.rate = rate;
  p.lanes.loss_ppm = loss_ppm;
  if (rate != 0) {
    const auto bdp = rate * static_cast<std::uint64_t>(rtt.count()) / 1'000'000'000;
    p.lanes.queue = std::max<std::uint64_t>(bdp, 64 * kib);
  }
  return p;
}

/// Two quick paths, the better one first, under a selector.
inline scenario two_paths(std::uint64_t seed) {
  scenario s;
  s.seed = seed_or(seed);
  s.paths = {path("a", 20ms, 50 * mbit), path("b", 40ms, 50 * mbit)};
  s.root = "selector(a, b)";
  return s;
}

}  // namespace rendr::sim
