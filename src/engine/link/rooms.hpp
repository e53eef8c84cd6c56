// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/config.hpp"
#include "engine/flow/flow_table.hpp"
#include "engine/link/association.hpp"
#include "engine/link/ledger.hpp"
#include "engine/link/standing.hpp"
#include "engine/path/leaf_table.hpp"
#include "engine/path/path_table.hpp"
#include "engine/path/peer_life.hpp"
#include "engine/path/redial.hpp"
#include "engine/path/rescuer.hpp"
#include "engine/route/demand.hpp"
#include "engine/route/router.hpp"
#include "engine/services.hpp"

namespace rendr::engine {

/// The rooms of one link, side by side: each keeps its own rules, and none knows the link. The link
/// and the conductors beside it give the one what the other says.
struct rooms {
  rooms(services& endpoint, link_ref link, role end, const link_config& wanted)
      : shared(endpoint),
        ref(link),
        side(end),
        config(wanted),
        standing(wanted),
        association(end, endpoint.config, wanted.no_path_grace),
        router(end),
        flows(end, endpoint.pool, endpoint.memory) {}

  services& shared;
  const link_ref ref;
  const role side;
  link_config config;

  engine::standing standing;
  engine::association association;
  engine::ledger ledger;
  peer_life peer;

  path_table paths;
  leaf_table slots;
  engine::redial redial;
  engine::rescuer rescuer;

  engine::router router;
  engine::demand demand;

  flow_table flows;

  bool up() const noexcept { return standing.up(); }
  bool down() const noexcept { return standing.down(); }
  const link_agreement& agreement() const noexcept { return association.agreement(); }
  named_root& root_of(const flow& f) noexcept { return router.root_of(f.target()); }
  /// Of this leaf, which is known from then on.
  leaf_slot& slot(spec_id leaf) { return slots.of(leaf); }
  /// Some root places bytes on it, as its leaf's current path.
  bool reaches(const path& p) const noexcept {
    return up() && stands_for(p) && router.reaches(p.leaf, demand.any_on_bulk());
  }
  /// A selector left it a moment ago, and what the new path cannot take may go by it.
  bool was_left(const path& p) const noexcept {
    return up() && stands_for(p) && router.left(p.leaf);
  }
  /// It is the current path of its leaf.
  bool stands_for(const path& p) const noexcept { return slots.stands_for(p); }
  engine::ledger::owners control_owners() noexcept { return {association, router, shared.mint}; }
};

}  // namespace rendr::engine
