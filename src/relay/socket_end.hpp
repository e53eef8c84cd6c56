// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <system_error>

#include "relay/byte_end.hpp"
#include "relay/keepalive.hpp"

namespace rendr::relay {

/// Sets what a TCP socket of an application needs before it listens or connects; what a listening
/// one accepts has it too. Urgent data comes in line, the keepalive is that of `probes`, and a
/// close that is not in order is a reset.
void prepare_application(int fd, const keepalive& probes);

/// A connected TCP socket of an application that was prepared. Urgent data comes in line
/// (SO_OOBINLINE): a relay cannot carry the mark, so the byte keeps its place in the stream.
/// `reset` sends a TCP RST, once the application's kernel has acknowledged what was written or 30 s
/// brought no progress. So does whatever ends it before its time, `kill -9` of this process among
/// it.
class socket_end final : public byte_end {
 public:
  /// @param failure an error that was taken from the socket: it comes behind what can be read.
  explicit socket_end(asio::ip::tcp::socket socket, std::error_code failure = {});
  ~socket_end() override;

  void wait_readable(waiter done) override;
  void wait_writable(waiter done) override;
  void wait_aborted(waiter done) override;
  std::size_t read(std::span<std::byte> out, std::error_code& code) override;
  std::size_t write(std::span<const std::byte> data, std::error_code& code) override;
  void finish_writing() override;
  void close() override;
  void reset() override;
  void drop() override;

 private:
  void watch_later(waiter done);
  void end_in_order();

  asio::ip::tcp::socket socket_;
  std::unique_ptr<asio::steady_timer> watch_timer_;
  std::error_code failure_;  ///< a write, say, took the socket's pending error
  bool in_order_ = false;    ///< its end is one of stream, however this process ends
};

/// Closes a socket so that its peer gets a TCP RST, at once.
void reset_socket(asio::ip::tcp::socket& socket);

}  // namespace rendr::relay
