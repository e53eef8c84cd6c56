// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/language.hpp"

#include <chrono>
#include <cstdint>

namespace rendr {

/// The time line of the engine. It has no `now()`: whoever drives the engine says what time it is,
/// so that tests run in virtual time. The runtime feeds it from CLOCK_MONOTONIC, in nanoseconds.
struct engine_clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<engine_clock, duration>;
  static constexpr bool is_steady = true;
};

using duration = engine_clock::duration;
using instant = engine_clock::time_point;

/// Later than any time that occurs: "no deadline".
inline constexpr instant never = instant::max();

}  // namespace rendr
