// SPDX-License-Identifier: Apache-2.0
#include "relay/bridge.hpp"

namespace rendr::relay {

template class basic_bridge<stream>;

}  // namespace rendr::relay
