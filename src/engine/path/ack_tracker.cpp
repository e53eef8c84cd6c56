// SPDX-License-Identifier: Apache-2.0
#include "engine/path/ack_tracker.hpp"

#include <algorithm>

namespace rendr::engine {

bool ack_tracker::received(instant now, std::uint64_t number, bool eliciting, std::size_t bytes) {
  const bool newest = numbers_.empty() || number >= numbers_.back().end;
  if (numbers_.add({number, number + 1}) == 0) return false;
  if (newest) newest_at_ = now;
  // Only the newest ranges are ever reported; forgetting older ones would make replays new, so the
  // oldest two are joined: what lies between them will never be acknowledged, only ignored.
  if (numbers_.ranges().size() > 4 * wire::max_ack_ranges) {
    numbers_.add({numbers_.ranges()[0].begin, numbers_.ranges()[1].end});
  }
  if (eliciting) {
    pending_ = true;
    bytes_ += bytes;
  }
  return true;
}

void ack_tracker::hasten(instant when) noexcept { due_ = std::min(due_, when); }

wire::path_ack ack_tracker::frame(instant now, std::uint64_t path) const {
  wire::path_ack ack;
  ack.path = path;
  ack.delay = std::chrono::floor<std::chrono::microseconds>(now - newest_at_);
  const auto& ranges = numbers_.ranges();
  ack.count = std::min(ranges.size(), wire::max_ack_ranges);
  for (std::size_t i = 0; i < ack.count; ++i) ack.ranges[i] = ranges[ranges.size() - 1 - i];
  return ack;
}

void ack_tracker::sent() noexcept {
  pending_ = false;
  due_ = never;
  bytes_ = 0;
}

}  // namespace rendr::engine
