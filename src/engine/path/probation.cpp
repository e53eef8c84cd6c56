// SPDX-License-Identifier: Apache-2.0
#include "engine/path/probation.hpp"

#include "engine/config.hpp"
#include "policy/facts.hpp"

namespace rendr::engine {

void probation::failed(instant now, duration judged_by) noexcept {
  judged_by_ = judged_by;
  flaps_ = flaps(now) + 1;
  flap_at_ = now;
}

void probation::returned(instant now) noexcept {
  eligible_at_ = now + policy::return_delay(judged_by_, flaps_);
}

std::uint32_t probation::flaps(instant now) const noexcept {
  const bool lately = flap_at_ != instant::min() && now - flap_at_ <= defaults::flap_memory;
  return lately ? flaps_ : 0;
}

}  // namespace rendr::engine
