// SPDX-License-Identifier: Apache-2.0
#include "engine/link/carried_flows.hpp"

#include <algorithm>

namespace rendr::engine {

range_set carried_flows::lacking(std::uint64_t flow, range r) const {
  const auto* f = flows_.find(flow);
  return f == nullptr ? range_set{} : f->open_part(r);
}

std::uint64_t carried_flows::acknowledged(std::uint64_t flow) const {
  const auto* f = flows_.find(flow);
  return f == nullptr ? 0 : f->acknowledged();
}

range carried_flows::beginning(std::uint64_t flow, range r, std::uint64_t most) const {
  const auto* f = flows_.find(flow);
  if (f != nullptr) return f->shorten(r, most);
  return {r.begin, std::min(r.end, r.begin + most)};
}

bool carried_flows::goes_by(std::uint64_t flow, spec_id leaf) const {
  const auto* f = flows_.find(flow);
  if (f == nullptr) return false;
  return !router_.root_of(f->target()).target.places(leaf).empty();
}

}  // namespace rendr::engine
