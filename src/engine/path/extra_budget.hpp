// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "rendr/time.hpp"

namespace rendr::engine {

/// Meters the bytes that are sent a second time while the first copy may still arrive: at most 5 %
/// of what was sent in a rolling window of 10 s, but always one small record's worth, or a flow of
/// few small messages would have no copy of any.
class extra_budget {
 public:
  void sent(instant now, std::uint64_t bytes) noexcept;
  /// Charges up to `bytes`; returns how many were allowed: all, or 0, or at least a small record's.
  std::uint64_t take(instant now, std::uint64_t bytes) noexcept;
  /// Charged without asking: copies that a path's own reserve paid for.
  void used(instant now, std::uint64_t bytes) noexcept;

 private:
  static constexpr std::size_t slots = 10;
  struct slot {
    std::uint64_t sent = 0;
    std::uint64_t extra = 0;
  };
  slot& roll(instant now) noexcept;

  std::array<slot, slots> ring_{};
  std::int64_t second_ = 0;
};

}  // namespace rendr::engine
