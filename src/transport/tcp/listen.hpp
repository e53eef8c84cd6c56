// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "transport/tcp/socket.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

/// A listening tcp socket. Destroying it closes it; the port is free then.
class tcp_acceptor {
 public:
  virtual ~tcp_acceptor() = default;
  /// With the port that the system chose for port 0.
  virtual asio::ip::tcp::endpoint local() const = 0;
  /// While held nothing is accepted: who connects waits in the system's queue.
  virtual void hold(bool on) = 0;
};

using accept_handler = std::function<void(unique_fd)>;

/// Binds and listens. `on_accept` gets every connection, on the loop, at most 64 in one turn; when
/// the process is out of descriptors, accepting pauses for 100 ms and goes on. Wildcard IPv6
/// sockets take IPv6 only, so both families can be listened on side by side, unless
/// `both_families`.
/// nullptr: `why` says what failed, with the address.
std::unique_ptr<tcp_acceptor> listen_tcp(const asio::any_io_executor& executor,
                                         const asio::ip::tcp::endpoint& address,
                                         const tcp_options& options, int backlog,
                                         accept_handler on_accept, step_failure& why,
                                         bool both_families = false);

}  // namespace rendr::transport
