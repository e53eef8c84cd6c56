// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transport/lookups.hpp"
#include "transport/tcp/listen.hpp"

namespace rendr::transport {

/// Where to listen.
struct listen_place {
  std::string host;  ///< a name, a literal address, or empty for all addresses
  std::uint16_t port = 0;
  tcp_options options;
  int backlog = 1024;
};

/// Finds the addresses of a place; blocks for 3 s at most, for a literal address not at all. A name
/// without an answer has `code` set.
resolved addresses_of(const listen_place& place);

/// Listens on every address of a place for as long as it lives. What cannot be bound because the
/// address or the device is not there is waited for, and a device that was made anew under its name
/// is bound to again, both as soon as the kernel tells of them, and within a second. `[::]` takes
/// both families.
/// One executor, never from two threads at once.
class standing_listener {
 public:
  struct handlers {
    accept_handler on_accept;
    /// What forbids to listen on this address; checked before each is bound. Empty: nothing does.
    std::function<step_failure(const asio::ip::tcp::endpoint&)> forbids;
    /// What changed in what it listens on, as a sentence. @param good it listens where it did not.
    std::function<void(bool good, const std::string& sentence)> tell;
    /// After each change: where it listens now.
    std::function<void(const std::vector<asio::ip::tcp::endpoint>&)> bound;
  };

  /// Null, with `why`, when an address is forbidden, when the name has none, or when nothing can be
  /// bound and that is not because something is not there yet.
  static std::unique_ptr<standing_listener> open(const asio::any_io_executor& executor,
                                                 listen_place place, const resolved& found,
                                                 handlers to, step_failure& why);
  virtual ~standing_listener() = default;
  /// Where it listens now.
  virtual std::vector<asio::ip::tcp::endpoint> local() const = 0;
  /// The port, also while it waits; 0 when the system is still to choose it.
  virtual std::uint16_t port() const = 0;
  /// See `tcp_acceptor::hold`.
  virtual void hold(bool on) = 0;
};

}  // namespace rendr::transport
