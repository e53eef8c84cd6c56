// SPDX-License-Identifier: Apache-2.0
#include "engine/path/path_copies.hpp"

#include <algorithm>

#include "engine/config.hpp"

namespace rendr::engine {

void path_copies::add(std::uint64_t flow, range r) {
  const bool waits = std::any_of(urgent_.begin(), urgent_.end(), [&](const urgent_range& u) {
    return u.flow == flow && u.bytes.begin <= r.begin && u.bytes.end >= r.end;
  });
  if (!waits && urgent_.size() < most) urgent_.push_back({flow, r});
}

void path_copies::reserve(instant now, std::uint64_t in_flight) noexcept {
  if (reserved_at_ != instant::min() && now - reserved_at_ < defaults::extra_window) return;
  reserved_at_ = now;
  reserve_ = in_flight;
}

}  // namespace rendr::engine
