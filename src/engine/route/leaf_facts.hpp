// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/types.hpp"
#include "policy/facts.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// What was measured on the path that carries for a leaf.
struct carrier_state {
  path_phase phase{};
  bool anew = false;  ///< its round trip is not measured yet since it was suspect
  bool measured = false;
  duration srtt{0};
  duration rttvar{0};
  duration min_rtt{0};
  std::uint64_t rate = 0;
  bool cold = false;
  std::uint64_t in_flight = 0;  ///< bytes that the carrier took and the peer did not acknowledge
  std::uint64_t unwritten = 0;  ///< bytes of records that the carrier did not take yet
  std::uint64_t window = 0;     ///< how far its window is open at least
  duration latency{0};
  duration jitter{0};
  bool quality_known = false;
  bool fresh = false;
  instant quality_at = instant::min();
};

/// What the link knows of a leaf.
struct leaf_state {
  std::uint32_t weight = 1;
  std::uint32_t cost = 0;
  std::uint32_t flaps = 0;               ///< of late
  bool trial_over = true;                ///< its probation after a flap
  bool died = false;                     ///< a path of it died once
  std::optional<carrier_state> carrier;  ///< none: it has no path
};

/// What a policy is told of the leaf.
policy::child_facts facts_of(const leaf_state& leaf) noexcept;

/// Who shares a hop with a leaf, and when its path last gave a sign of life.
struct leaf_fate {
  std::string_view group;  ///< empty: it shares none
  instant heard = instant::min();
};

/// A path that is suspect.
struct suspicion {
  std::uint32_t leaf = 0;
  std::string_view group;
  instant since{};
};

/// What shares a hop with a suspect path and was not heard since is no better than late.
/// @param facts and `fates` by leaf.
void share_fate(std::span<policy::child_facts> facts, std::span<const leaf_fate> fates,
                std::span<const suspicion> suspicions) noexcept;

}  // namespace rendr::engine
