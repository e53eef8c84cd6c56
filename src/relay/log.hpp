// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace rendr::relay {

enum class severity : std::uint8_t { warn, info, debug };

/// Where the relays tell what happens, from any thread. Lines with the same `cause`, a key that
/// people do not see, may be counted instead of told again; without one each is told.
using log_sink = std::function<void(severity, std::string_view line, std::string_view cause)>;

}  // namespace rendr::relay
