// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "rendr/time.hpp"

/// Defaults of what forwards other programs' connections, with their reasons.
namespace rendr::relay::defaults {

/// A night, and the day behind it: a laptop that was closed finds its connections again.
inline constexpr duration grace = std::chrono::hours(24);
/// What a new connection waits for the far side, and the server for its target: longer than any
/// path takes to be dialled anew, shorter than a person waits.
inline constexpr duration connect_timeout = std::chrono::seconds(10);

}  // namespace rendr::relay::defaults
