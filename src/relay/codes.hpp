// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rendr::relay {

/// Why a forwarding end refused or reset a flow: the application code that travels with it.
enum class code : std::uint64_t {
  none = 0,
  unknown_target = 1,  ///< the server has no target of that name, or the metadata is malformed
  refused = 2,         ///< the target refused the connection
  unreachable = 3,     ///< no route, no such host, or no answer in time
  limit = 4,           ///< the server is out of descriptors
  reset = 5,           ///< the TCP connection at this end was reset
  timed_out = 6,       ///< the connection waited too long for the far side
};

/// A word for logs, e.g. "target refused".
std::string_view to_string(code c) noexcept;

}  // namespace rendr::relay
