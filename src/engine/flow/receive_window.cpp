// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/receive_window.hpp"

#include <algorithm>

#include "engine/config.hpp"

namespace rendr::engine {

bool receive_window::open(budget& memory, std::uint64_t reserve) noexcept {
  if (!memory.take(static_cast<std::size_t>(reserve))) return false;
  limit_ = told_ = window_ = reserve;
  return true;
}

// A reader that keeps up with a full window within two round trips shows demand: its window grows
// from the free budget.
bool receive_window::grow(std::uint64_t consumed, const facts& at, budget& memory) noexcept {
  if (due(consumed)) {
    const bool busy = since_ == instant{} || at.now - since_ <= 4 * at.round_trip;
    const auto most =
        memory.free() > memory.limit() / 2 ? defaults::flow_window_max : defaults::flow_window;
    const auto target =
        std::min(window_ * 4, window_ < defaults::flow_window ? defaults::flow_window : most);
    if (busy && target > window_ && target - window_ <= memory.free() / 2 &&
        memory.take(static_cast<std::size_t>(target - window_))) {
      window_ = target;
    }
    since_ = at.now;
    mark_ = consumed;
  }
  limit_ = std::max(limit_, consumed + window_);
  if (limit_ - told_ < window_ / 4) return false;
  told_ = limit_;
  return true;
}

}  // namespace rendr::engine
