// SPDX-License-Identifier: Apache-2.0
#include "engine/path/extra_budget.hpp"

#include <algorithm>

#include "engine/config.hpp"

namespace rendr::engine {

extra_budget::slot& extra_budget::roll(instant now) noexcept {
  constexpr auto step = defaults::extra_window / static_cast<std::int64_t>(slots);
  const auto second = now.time_since_epoch() / step;
  const auto steps = std::min<std::int64_t>(second - second_, static_cast<std::int64_t>(slots));
  for (std::int64_t i = 0; i < steps; ++i) ring_[static_cast<std::size_t>(second - i) % slots] = {};
  second_ = std::max(second_, second);
  return ring_[static_cast<std::size_t>(second_) % slots];
}

void extra_budget::sent(instant now, std::uint64_t bytes) noexcept { roll(now).sent += bytes; }

void extra_budget::used(instant now, std::uint64_t bytes) noexcept { roll(now).extra += bytes; }

std::uint64_t extra_budget::take(instant now, std::uint64_t bytes) noexcept {
  auto& current = roll(now);
  std::uint64_t sent = 0;
  std::uint64_t extra = 0;
  for (const auto& s : ring_) {
    sent += s.sent;
    extra += s.extra;
  }
  const auto allowed =
      std::max<std::uint64_t>(sent * defaults::extra_percent / 100, defaults::record_min);
  const auto left = allowed > extra ? allowed - extra : 0;
  if (left < std::min<std::uint64_t>(bytes, defaults::record_min)) return 0;
  const auto granted = std::min(bytes, left);
  current.extra += granted;
  return granted;
}

}  // namespace rendr::engine
