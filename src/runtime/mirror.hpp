// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/snapshot.hpp"
#include "rendr/status.hpp"

namespace rendr::detail {

/// The public form of the engine's snapshots.
link_status mirror(const engine::link_snapshot& from, instant now);
flow_status mirror(const engine::flow_snapshot& from);
/// Adds one loop's counters and links to `to`.
void add(runtime_status& to, const engine::endpoint_snapshot& from, instant now);

}  // namespace rendr::detail
