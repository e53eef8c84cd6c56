// SPDX-License-Identifier: Apache-2.0
// What `rescuer` decided is carried out.
#include <utility>

#include "engine/link/carried_flows.hpp"
#include "engine/link/link.hpp"

namespace rendr::engine {

rescue_facts link::for_rescue(instant now, const path& p) const {
  rescue_facts out;
  out.now = now;
  out.fate = slots_[p.leaf].config.fate;
  out.quickest = paths_.best_other(p);
  for (const auto& one : paths_) {
    if (one->leaf >= slots_.size() || !one->ready() || !one->carries()) continue;
    const auto& s = slots_[one->leaf];
    if (s.current == one.get()) out.ways.push_back({one.get(), s.config.fate});
  }
  return out;
}

void link::carry_out(const rescuer::outcome& copies) {
  for (const auto& step : copies.steps) {
    if (const auto* carrier = std::get_if<carrier_id>(&step))
      s_.transmit.wake(*carrier);
    else
      ask_again(std::get<sent_control>(step));
  }
  for (auto* record : copies.lost) lose_ranges(*record);
}

instant link::rescue_overdue(instant now, path& p) {
  const auto copies = rescuer_.overdue(p, for_rescue(now, p), carried_flows(flows_, router_));
  carry_out(copies);
  return copies.again;
}

void link::copy_more(instant now, path& p) {
  carry_out(rescuer_.copy_more(p, for_rescue(now, p), carried_flows(flows_, router_)));
  wake_all();
}

}  // namespace rendr::engine
