// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "rendr/time.hpp"

namespace rendr::engine {

/// How often the paths of a leaf died or were suspect of late, and until when the leaf must prove
/// itself after it came back.
class probation {
 public:
  /// A path of the leaf died or is suspect; it took `judged_by` to find that out.
  void failed(instant now, duration judged_by) noexcept;
  /// A path of it is good again: the leaf is eligible after `policy::return_delay`.
  void returned(instant now) noexcept;

  bool over(instant now) const noexcept { return eligible_at_ <= now; }
  /// Deaths and suspicions; a leaf that was good for `defaults::flap_memory` has none.
  std::uint32_t flaps(instant now) const noexcept;

 private:
  unsigned flaps_ = 0;
  instant flap_at_ = instant::min();
  instant eligible_at_ = instant::min();
  duration judged_by_{0};
};

}  // namespace rendr::engine
