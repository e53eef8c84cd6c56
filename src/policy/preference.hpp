// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "policy/facts.hpp"

namespace rendr::policy {

/// What one child has over another, in the order in which it counts.
enum class merit : std::uint8_t {
  loss,       ///< clearly less loss
  stability,  ///< three flaps fewer, or more
  cost,       ///< cheaper, and not worse than the bound allows
  bound,      ///< dearer, but the cheap one is worse than the bound allows
  latency,    ///< quicker by more than the band
  jitter,     ///< about as quick, and clearly steadier in time
  weight,     ///< as good, and preferred
};

/// The least difference of latency that counts: a quarter of the worse one, at least 5 ms.
duration latency_band(duration worse) noexcept;
/// The least difference of jitter that counts: half of the worse one, at least 5 ms.
duration jitter_band(duration worse) noexcept;

/// Why `rival` is to be preferred to `current`, from their quality, cost and weight alone; nullopt:
/// it is not. The merits are looked at in order, and the first in which the two clearly differ
/// decides, so that of two children at most one is to be preferred. The order of the arguments
/// matters inside a band alone: there `current` has the benefit of the doubt. A cheaper rival may
/// be slower by three quarters of `cost_bound` and a cheaper current child by all of it; a heavier
/// rival may be slower by half the band; so nothing swings between two children near a bound.
/// Both qualities must be known.
std::optional<merit> preferred(const child_facts& rival, const child_facts& current,
                               duration cost_bound) noexcept;

}  // namespace rendr::policy
