// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>

#include "relay/byte_end.hpp"

namespace rendr::relay {

/// A pair of inherited descriptors, as stdin and stdout: pipes, sockets, terminals or files. The
/// descriptors of others are not disturbed: pipes and terminals are opened anew, so that the
/// non-blocking mode stays ours, sockets are used with MSG_DONTWAIT and waited for by an epoll
/// between them and asio, which makes non-blocking what it waits for. A local socket that only
/// `out` leads to, as a service's log or what a program gives its children, is not shut down:
/// others write to it too.
///
/// End of file on `in` is the end of stream; so is the end of a terminal. `finish_writing` closes
/// `out` (shuts down the sending side of a socket that is `in` too, or is no local one), so its
/// reader sees the end; `in` goes on. That the reader of `out` is gone is seen when something is
/// written. An abort cannot be told through a pipe: the program's exit code tells it; a TCP socket
/// gets a RST when its last descriptor goes.
class descriptor_end final : public byte_end {
 public:
  descriptor_end(const asio::any_io_executor& loop, int in, int out);
  ~descriptor_end() override;

  void wait_readable(waiter done) override;
  void wait_writable(waiter done) override;
  /// Does nothing: reads and writes tell.
  void wait_aborted(waiter done) override;
  std::size_t read(std::span<std::byte> out, std::error_code& code) override;
  std::size_t write(std::span<const std::byte> data, std::error_code& code) override;
  void finish_writing() override;
  void close() override;
  void reset() override;

 private:
  enum class kind : std::uint8_t { file, pipe, terminal, socket, device };
  struct side {
    side(const asio::any_io_executor& loop, int fd, int open_flags);
    int handle() { return socket >= 0 ? socket : descriptor.native_handle(); }
    asio::posix::stream_descriptor descriptor;  ///< what is waited for
    int original = -1;
    int socket = -1;         ///< behind `descriptor`
    kind what = kind::file;  ///< a file, /dev/null and the like are always ready
    int restore_flags = -1;  ///< file status flags to give back, -1: none were changed
  };
  static void wait(side& of, asio::posix::stream_descriptor::wait_type what, waiter done);
  static void release(side& of);

  side in_;
  side out_;
  bool one_socket_;          ///< `in` and `out` are the same
  std::error_code failure_;  ///< of a write to a socket: it took the pending error
};

}  // namespace rendr::relay
