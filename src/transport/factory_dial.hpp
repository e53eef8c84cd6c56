// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "rendr/transport.hpp"
#include "transport/side_threads.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

/// What a maker of connections answers; its descriptor is owned here.
struct made {
  unique_fd fd;
  std::error_code code;
  std::string detail;
  bool secured = false;
};
/// May block and throw.
using maker = std::function<made()>;

/// A connected stream socket that somebody else made, as a carrier without evidence. Anything but a
/// stream socket fails with `errc::invalid_argument`. Without `off_loopback` a connection that
/// leaves this machine and is not secured fails with `errc::permission_denied`.
opened adopt_fd(const asio::any_io_executor& executor, unique_fd fd, bool secured,
                bool off_loopback = true);

/// Calls `make` on a thread of its own. Late answers are closed, exceptions become failures.
/// `off_loopback` as in `adopt_fd`, `done` as in `target::start`.
std::unique_ptr<dial> dial_fd(const asio::any_io_executor& executor, side_threads& threads,
                              maker make, bool off_loopback, duration timeout, dial_handler done);

/// A transport whose connections a factory of the embedder makes. What stands behind its scheme is
/// the factory's matter: `host:port` where it is that, else `path_spec::address`.
std::shared_ptr<const scheme> factory_scheme(
    std::string word, std::function<made(const path_spec& at, duration timeout)> make);

}  // namespace rendr::transport
