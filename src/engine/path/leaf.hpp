// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/config.hpp"
#include "engine/path/path.hpp"
#include "engine/path/path_record.hpp"
#include "engine/path/probation.hpp"
#include "rendr/status.hpp"

namespace rendr::engine {

/// A leaf of the link: what outlives its carriers.
struct leaf_slot {
  path_config config;
  bool known = false;       ///< acceptor: a path of this leaf was attached at least once
  bool removed = false;     ///< detached
  path* current = nullptr;  ///< the carrier that takes new data for this leaf
  bool silent_end = false;  ///< its last carrier ended otherwise than by FIN or RST

  // History.
  probation trial;
  path_phase shown = path_phase::idle;
  path_status totals;                ///< counters over all carriers
  std::vector<path_record> records;  ///< newest last
};

}  // namespace rendr::engine
