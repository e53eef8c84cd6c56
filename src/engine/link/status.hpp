// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/link/rooms.hpp"
#include "rendr/status.hpp"

namespace rendr::engine {

/// What a link is like now: itself, its paths, its flows and its roots.
link_status status_of(const rooms& in, instant now);

}  // namespace rendr::engine
