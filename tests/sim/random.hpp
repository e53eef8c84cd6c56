// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/seeded_random.hpp"
#include "rendr/time.hpp"

namespace rendr::sim {

/// The seeded generator with the forms that scenarios use.
class random : public seeded_random {
 public:
  explicit random(std::uint64_t seed) noexcept : seeded_random(seed) {}

  using seeded_random::between;
  /// Uniform in [low, high].
  duration between(duration low, duration high) noexcept {
    return duration(seeded_random::between(low.count(), high.count()));
  }
  /// True in `parts` of a million cases.
  bool chance_ppm(std::uint32_t parts) noexcept { return chance(parts, 1'000'000); }
  random fork() noexcept { return random(next()); }
};

}  // namespace rendr::sim
