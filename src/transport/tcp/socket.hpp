// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "rendr/transport.hpp"
#include "transport/posix_stream.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

/// What a tcp path may be bound to. Empty means: as the system does.
struct tcp_options {
  std::string bind;                   ///< literal local address
  std::string device;                 ///< SO_BINDTODEVICE; unprivileged since Linux 5.7
  std::optional<std::uint32_t> mark;  ///< SO_MARK; needs CAP_NET_ADMIN
  std::string congestion;             ///< TCP_CONGESTION
  /// Sets more options, before the socket is bound or connected; what a listening one accepts
  /// inherits them (Linux copies them).
  std::function<void(int fd)> prepare{};
};

/// A step that failed, as "set congestion control 'x': No such file or directory".
struct step_failure {
  std::error_code code;
  std::string detail;
  explicit operator bool() const noexcept { return static_cast<bool>(code); }
};

/// A non-blocking, close-on-exec socket with everything of `options` that must come before connect.
step_failure open_tcp(const asio::ip::tcp::endpoint& target, const tcp_options& options,
                      unique_fd& out);
/// A tcp connection as a carrier: evidence, and TCP_NOTSENT_LOWAT that follows the drain rate.
class tcp_stream final : public posix_stream {
 public:
  /// `fd` is connected and nothing was written to it yet.
  tcp_stream(const asio::any_io_executor& executor, unique_fd fd, std::error_code& code);

  std::optional<carrier_evidence> evidence() override;
  void limit_unsent(std::uint32_t bytes) override;

 private:
  std::uint64_t base_acked_ = 0;
  std::uint32_t unsent_limit_ = 0;
};

/// Prepares a connected tcp socket and describes it.
opened adopt_tcp(const asio::any_io_executor& executor, unique_fd fd);

}  // namespace rendr::transport
