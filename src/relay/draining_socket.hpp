// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>

namespace rendr::relay {

/// How a socket ends that still holds what its other side has not taken.
enum class socket_ending : bool { in_order, reset };

/// Closes a connected socket when the other side has acknowledged what was written to it; returns
/// at once. What it still sends is thrown away meanwhile. Call without waits on the socket; the
/// rest happens on its loop.
///
/// In order, the kernel alone would give a reader up that pauses for some minutes after a close; an
/// open socket waits as long as its window answers. A reset (SO_LINGER 0) throws the kernel's send
/// queue away, so it waits too, but not longer than 30 s without progress.
void close_when_drained(asio::ip::tcp::socket socket, socket_ending how);

}  // namespace rendr::relay
