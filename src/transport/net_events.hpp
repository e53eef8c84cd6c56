// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace rendr::transport {

/// Addresses, links or routes of this machine changed.
struct net_change {
  struct loss {
    asio::ip::address address;
    std::string detail;  ///< "192.0.2.7 left eth0", "eth0 of 192.0.2.7 is down"
  };
  /// Addresses that could be used and cannot any more. Empty: something else changed.
  std::vector<loss> lost;
};

/// Watches the network namespace of the thread that opened it, by rtnetlink's multicast groups for
/// links, addresses and routes. Needs no privilege. One executor, never from two threads at once.
///
/// A change is reported at once; those that follow it within 50 ms are reported together after that
/// time, and the time doubles, to 2 s, while changes keep coming (a router that learns routes must
/// not make its paths probed all the time). When the kernel had to drop messages, that counts as a
/// change, and what was lost is found out by comparison: nothing is missed. What changes nothing
/// that matters (a renewed lease, a cached route) is not reported.
class net_events {
 public:
  using handler = std::function<void(const net_change&)>;

  /// Null, with `code` set, when the kernel lets nobody watch. The handler is called on `executor`,
  /// never from inside a call of this class, and never after its end.
  static std::unique_ptr<net_events> open(const asio::any_io_executor& executor, handler on_change,
                                          std::error_code& code);
  virtual ~net_events() = default;

  /// While off (as it is at first) nothing is reported and the executor has no work of it; what
  /// changed meanwhile is reported together when it is on again.
  virtual void watch(bool on) = 0;
};

}  // namespace rendr::transport
