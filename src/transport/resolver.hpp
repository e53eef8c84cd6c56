// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "transport/side_threads.hpp"

namespace rendr::transport {

struct resolved {
  std::error_code code;
  std::string detail;  ///< "resolve 'host': Name or service not known"
  /// In the order in which RFC 8305 section 4 tries them: families take turns, the one that the
  /// system prefers first.
  std::vector<asio::ip::tcp::endpoint> addresses;
};

/// Names to addresses, off the loop. Questions for a name that is being resolved share the answer,
/// so a resolver that hangs holds one thread per name, and at most 8 in all; questions beyond that
/// fail at once with `resource_unavailable_try_again`.
class resolver {
 public:
  using handler = std::function<void(const resolved&)>;

  explicit resolver(const asio::any_io_executor& executor);

  /// `done` is called once on the loop, never from inside, and not at all when `owner` is gone.
  void resolve(const std::string& host, std::uint16_t port, std::weak_ptr<void> owner,
               handler done);
  /// No name is being resolved.
  bool idle() const { return threads_.running() == 0; }

 private:
  struct waiter {
    std::weak_ptr<void> owner;
    std::uint16_t port;
    handler done;
  };
  void finish(const std::string& host, const resolved& answer);

  asio::any_io_executor executor_;
  std::shared_ptr<std::map<std::string, std::vector<waiter>>> waiting_;
  side_threads threads_;
};

/// getaddrinfo for both families; blocks. Literal addresses need no resolver.
resolved resolve_blocking(const std::string& host, std::uint16_t port, bool passive = false);

}  // namespace rendr::transport
