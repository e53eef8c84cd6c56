// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "engine/config.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// What the paths of a link show together of the peer and of this machine.
class peer_life {
 public:
  /// Evidence of life arrived on a path of this smoothed round trip.
  void heard(instant now, duration round_trip) noexcept {
    const auto away = std::max<duration>(defaults::link_silence, 3 * round_trip);
    if (last_ != instant::min() && now - last_ > away) again_ = now;
    last_ = now;
  }
  /// The peer did something: it is not stalled.
  void acted() noexcept { stalled_ = false; }
  void stalls() noexcept { stalled_ = true; }
  void path_died(instant now) noexcept {
    last_death_ = now;
    stalled_ = false;
  }

  /// Its kernel acknowledges, and the peer does nothing.
  bool stalled() const noexcept { return stalled_; }
  /// `instant::min()`: never.
  instant last() const noexcept { return last_; }
  /// The first evidence after no path had shown any for long.
  instant again() const noexcept { return again_; }
  instant last_death() const noexcept { return last_death_; }

 private:
  bool stalled_ = false;
  instant last_ = instant::min();
  instant again_ = instant::min();
  instant last_death_ = instant::min();
};

}  // namespace rendr::engine
