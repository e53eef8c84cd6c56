// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/language.hpp"

#include <chrono>
#include <cstddef>

#include "rendr/time.hpp"

/// The defaults of what a program may set, with their reasons. The others, which nobody sets, are
/// in `engine/config.hpp`.
namespace rendr::defaults {

/// How long a link outlives its last path: a router that restarts, a tunnel of a fast train.
inline constexpr duration no_path_grace = std::chrono::seconds(90);
/// Of a link whose paths the other end closed, all of them: its program is gone or begins anew.
inline constexpr duration grace_closed = std::chrono::minutes(5);
/// What a closed link waits for open flows: a supervisor that ends a program waits about as long.
inline constexpr duration linger = std::chrono::seconds(30);

/// Of a flow: accepted and not acknowledged. 160 Mbit/s at a round trip of 200 ms.
inline constexpr std::size_t send_buffer = std::size_t{4} << 20;

inline constexpr std::size_t flows_per_link = 16384;
/// Accepted ones: 13 KiB each while idle, so 208 MiB at most.
inline constexpr std::size_t links = 16384;
/// Connections that proved nothing yet; the oldest of the source with the most gives way.
inline constexpr std::size_t handshakes = 1024;
/// Connections that the kernel has accepted and the program has not: a burst of reconnecting peers.
inline constexpr int backlog = 1024;

}  // namespace rendr::defaults
