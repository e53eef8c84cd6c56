// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "relay/basic_bridge.hpp"
#include "rendr/stream.hpp"
#include "runtime/read_now.hpp"

namespace rendr::relay {

extern template class basic_bridge<stream>;

using bridge = basic_bridge<stream>;

}  // namespace rendr::relay
