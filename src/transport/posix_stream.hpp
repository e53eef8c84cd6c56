// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "rendr/transport.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

/// A connected stream socket of the operating system, driven by its own system calls behind Asio's
/// readiness. SIGPIPE is never raised.
class posix_stream : public stream_face, public std::enable_shared_from_this<posix_stream> {
 public:
  /// Takes over `fd` and makes it non-blocking. `code` is set, and every call fails, when the
  /// event loop cannot watch it (a regular file, say).
  posix_stream(const asio::any_io_executor& executor, unique_fd fd, std::error_code& code);
  ~posix_stream() override;

  void set_sink(carrier_sink* sink) override { sink_ = sink; }
  io_result read(std::span<std::byte> into) override;
  io_result write(std::span<const bytes_view> pieces) override;
  void want_read() override;
  void want_write() override;
  carrier_addresses addresses() override;
  void shutdown_send() override;
  void close() override;

 protected:
  /// -1 after `close`.
  int native() noexcept { return open_ ? descriptor_.native_handle() : -1; }

 private:
  asio::posix::stream_descriptor descriptor_;
  carrier_sink* sink_ = nullptr;
  bool open_ = false;
  bool waiting_read_ = false;
  bool waiting_write_ = false;
};

/// "192.0.2.7:7000", "[2001:db8::1]:7000".
std::string to_text(const asio::ip::tcp::endpoint& endpoint);
/// Loopback, mapped IPv4 addresses included.
bool is_loopback(const asio::ip::address& address);

/// Fills the addresses of both ends, and whether both are on this machine.
void describe(int fd, carrier_traits& traits);
/// The other end; empty: it has no address.
std::string remote_of(int fd);

}  // namespace rendr::transport
