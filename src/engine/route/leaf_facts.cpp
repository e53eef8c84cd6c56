// SPDX-License-Identifier: Apache-2.0
#include "engine/route/leaf_facts.hpp"

#include <algorithm>

namespace rendr::engine {

namespace {

policy::health health_of(path_phase phase) noexcept {
  switch (phase) {
    case path_phase::standby:
    case path_phase::active:
      return policy::health::usable;
    case path_phase::late:
      return policy::health::late;
    case path_phase::suspect:
      return policy::health::suspect;
    case path_phase::dead:
      return policy::health::dead;
    case path_phase::idle:
    case path_phase::dialing:
    case path_phase::attaching:
    case path_phase::draining:
      return policy::health::absent;
  }
  return policy::health::absent;
}

}  // namespace

policy::child_facts facts_of(const leaf_state& leaf) noexcept {
  policy::child_facts facts;
  facts.weight = leaf.weight;
  facts.cost = leaf.cost;
  facts.flaps = leaf.flaps;
  facts.eligible = leaf.trial_over;
  if (!leaf.carrier) {
    facts.state = leaf.died ? policy::health::dead : policy::health::absent;
    return facts;
  }
  const auto& c = *leaf.carrier;
  facts.state = health_of(c.phase);
  facts.eligible = leaf.trial_over && !c.anew;
  facts.measured = c.measured;
  facts.srtt = c.srtt;
  facts.rttvar = c.rttvar;
  facts.min_rtt = c.min_rtt;
  facts.rate = c.rate;
  facts.cold = c.cold;
  facts.queued = c.in_flight + c.unwritten;
  facts.blocked = c.unwritten > 0 || c.in_flight >= c.window;
  facts.latency = c.latency;
  facts.jitter = c.jitter;
  facts.quality_known = c.quality_known;
  facts.fresh = c.fresh;
  facts.quality_at = c.quality_at;
  return facts;
}

void share_fate(std::span<policy::child_facts> facts, std::span<const leaf_fate> fates,
                std::span<const suspicion> suspicions) noexcept {
  for (std::size_t leaf = 0; leaf < facts.size(); ++leaf) {
    const auto& fate = fates[leaf];
    if (fate.group.empty() || facts[leaf].state != policy::health::usable) continue;
    const bool doubtful = std::ranges::any_of(suspicions, [&](const suspicion& one) {
      return one.leaf != leaf && one.group == fate.group && fate.heard < one.since;
    });
    if (doubtful) facts[leaf].state = policy::health::late;
  }
}

}  // namespace rendr::engine
