// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rendr/time.hpp"
#include "rendr/transport.hpp"
#include "transport/address_ranks.hpp"
#include "transport/resolver.hpp"
#include "transport/tcp/socket.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

/// RFC 8305 section 5: "Connection Attempt Delay".
inline constexpr std::chrono::milliseconds attempt_delay{250};

struct tcp_target {
  std::string host;  ///< name or literal address (`fe80::1%eth0`), no brackets
  std::uint16_t port = 0;
  tcp_options options;
  /// What is known of its addresses, which are tried at once while the name is resolved anew beside
  /// them. Each address that is tried is told there; that one is good the caller says.
  std::shared_ptr<address_ranks> ranks;
  /// False: an address that is not on loopback is refused with `errc::permission_denied`.
  bool off_loopback = false;
  /// An answer for the name that is not older is good enough.
  duration name_age{};
  /// A connection that the other end answered and reset before this one looked counts, with its
  /// error in `connected::code`: what was sent on it can still be read.
  bool ended_too = false;
  /// An address that answers is good, so it is told as tried only when it fails or lets others have
  /// their turn: who connects at the same time begins with the same one.
  bool connected_is_good = false;
};

struct connected {
  std::optional<asio::ip::tcp::socket> socket;
  std::error_code code;  ///< without `socket`: why; with it see `tcp_target::ended_too`
  std::string detail;
  asio::ip::tcp::endpoint address;
};

/// Connects to the first address of `target` that answers (RFC 8305: both families, a new attempt
/// every 250 ms or at once after a failure) within `timeout`. `done` is called once on the loop,
/// never from inside this call, and not at all once the returned object is destroyed.
std::unique_ptr<dial> connect_tcp(const asio::any_io_executor& executor, resolver& names,
                                  tcp_target target, duration timeout,
                                  std::function<void(connected)> done);

using tcp_dial_handler =
    std::function<void(opened result, std::optional<asio::ip::tcp::endpoint> address)>;

/// The same for a path: what it results in is a carrier, whose address is good once it was proven.
std::unique_ptr<dial> dial_tcp(const asio::any_io_executor& executor, resolver& names,
                               tcp_target target, duration timeout, tcp_dial_handler done);

}  // namespace rendr::transport
