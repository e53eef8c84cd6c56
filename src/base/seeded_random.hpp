// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace rendr {

/// Fast, replayable and not secret: for jitter, schedules and tests (xoshiro256**, Blackman and
/// Vigna 2018). Probabilities are integer ratios, so that a seed replays exactly on any machine.
/// Value type: a copy continues with the same numbers.
class seeded_random {
 public:
  explicit seeded_random(std::uint64_t seed) noexcept;

  std::uint64_t next() noexcept;
  /// Uniform in [0, n). n > 0.
  std::uint64_t below(std::uint64_t n) noexcept;
  /// Uniform in [lo, hi], both included. lo <= hi.
  std::int64_t between(std::int64_t lo, std::int64_t hi) noexcept;
  /// True in `num` of `den` cases. den > 0; num >= den is always true.
  bool chance(std::uint64_t num, std::uint64_t den) noexcept;
  /// A generator whose numbers are unrelated to the further ones of this one.
  seeded_random fork() noexcept { return seeded_random(next()); }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace rendr
