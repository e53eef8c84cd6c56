// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/refs.hpp"
#include "rendr/status.hpp"

namespace rendr::engine {

using role = link_side;

}  // namespace rendr::engine
