// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>

#include "relay/byte_end.hpp"

namespace rendr::relay {

/// A pair of inherited descriptors, as stdin and stdout: pipes, sockets, terminals or files. The
/// descriptors of others are not disturbed: pipes and terminals are opened anew, so that the
/// non-blocking mode stays ours, sockets are used with MSG_DONTWAIT.
///
/// End of file on `in` is the end of stream. `finish_writing` closes `out` (on a socket: shuts down
/// its sending side), so its reader sees the end. An abort cannot be told through a pipe; the
/// program's exit code tells it.
class descriptor_end final : public byte_end {
 public:
  descriptor_end(const asio::any_io_executor& loop, int in, int out);
  ~descriptor_end() override;

  void wait_readable(waiter done) override;
  void wait_writable(waiter done) override;
  /// Completes when the reader of `out` is gone.
  void wait_aborted(waiter done) override;
  std::size_t read(std::span<std::byte> out, std::error_code& code) override;
  std::size_t write(std::span<const std::byte> data, std::error_code& code) override;
  void finish_writing() override;
  void close() override;
  void reset() override;

 private:
  struct side {
    side(const asio::any_io_executor& loop, int fd, int open_flags);
    asio::posix::stream_descriptor descriptor;
    int original = -1;
    bool pollable = false;  ///< false: a file, always ready
    bool is_socket = false;
    int restore_flags = -1;  ///< file status flags to give back, -1: none were changed
  };
  static void wait(side& of, asio::posix::stream_descriptor::wait_type what, waiter done);
  static void release(side& of);

  side in_;
  side out_;
};

}  // namespace rendr::relay
