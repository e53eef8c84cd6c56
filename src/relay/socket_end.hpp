// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>

#include "relay/byte_end.hpp"

namespace rendr::relay {

/// A connected TCP socket. `reset` sends a TCP RST.
class socket_end final : public byte_end {
 public:
  explicit socket_end(asio::ip::tcp::socket socket);
  ~socket_end() override;

  void wait_readable(waiter done) override;
  void wait_writable(waiter done) override;
  void wait_aborted(waiter done) override;
  std::size_t read(std::span<std::byte> out, std::error_code& code) override;
  std::size_t write(std::span<const std::byte> data, std::error_code& code) override;
  void finish_writing() override;
  void close() override;
  void reset() override;

 private:
  asio::ip::tcp::socket socket_;
};

/// Closes a socket so that its peer gets a TCP RST.
void reset_socket(asio::ip::tcp::socket& socket);

}  // namespace rendr::relay
