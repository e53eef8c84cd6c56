// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace rendr::relay {

enum class severity : std::uint8_t { warn, info, debug };

/// Where the relays tell what happens, from any thread.
using log_sink = std::function<void(severity, std::string_view line)>;

}  // namespace rendr::relay
