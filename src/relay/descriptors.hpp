// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

namespace rendr::relay {

inline constexpr std::string_view few_descriptors =
    "new connections wait: this process is out of descriptors (ulimit -n, LimitNOFILE=)";

/// How long they wait before somebody looks again.
inline constexpr std::chrono::milliseconds descriptor_pause{100};

/// Whether new connections should wait: what is left of the process's descriptors is the reserve
/// for paths, names and files, a sixteenth of all, 8 to 256. Costs three system calls.
bool descriptors_are_short() noexcept;

}  // namespace rendr::relay
