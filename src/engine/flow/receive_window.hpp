// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/budget.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// How far a peer may send ahead of the reader of one flow. What the window covers is charged to
/// the budget; it begins with a reserve, and grows while the reader shows demand.
class receive_window {
 public:
  struct facts {
    instant now{};
    duration round_trip{};  ///< of the slowest path; looked at when `due`
  };

  /// False, and it stays closed: the budget has no room for the reserve.
  bool open(budget& memory, std::uint64_t reserve) noexcept;
  bool closed() const noexcept { return window_ == 0; }
  /// What is charged to the budget.
  std::uint64_t charged() const noexcept { return window_; }
  /// Numbers below were granted.
  std::uint64_t limit() const noexcept { return limit_; }

  /// Half of the window was consumed since it moved last.
  bool due(std::uint64_t consumed) const noexcept { return consumed - mark_ >= window_ / 2; }
  /// Follows the reader, who has `consumed` in all. True: the peer is to be told the new limit.
  bool grow(std::uint64_t consumed, const facts& at, budget& memory) noexcept;

 private:
  std::uint64_t limit_ = 0;
  std::uint64_t told_ = 0;    // the limit in the newest MAX_DATA
  std::uint64_t window_ = 0;  // how far ahead of the reader it reaches
  std::uint64_t mark_ = 0;    // what had been consumed when it moved last
  instant since_{};           // when that was
};

}  // namespace rendr::engine
