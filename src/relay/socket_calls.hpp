// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

namespace rendr::relay {

/// What the relays ask of a socket's descriptor, TCP or local. No call blocks, and none takes the
/// pending error away from the next read.

/// The answer of a system call that counts bytes, made again when a signal interrupts it; 0 with
/// `code` when it fails, would_block when it has to wait.
template <class Call>
std::size_t repeat(std::error_code& code, Call call) {
  while (true) {
    const auto n = call();
    if (n >= 0) {
      code.clear();
      return static_cast<std::size_t>(n);
    }
    if (errno == EINTR) continue;
    code = errno == EAGAIN ? make_error_code(std::errc::operation_would_block)
                           : std::error_code(errno, std::system_category());
    return 0;
  }
}

/// Bytes read; 0 with `code` clear: end of stream; would_block: wait.
std::size_t receive(int fd, std::span<std::byte> out, std::error_code& code) noexcept;
/// Bytes taken; would_block: wait.
std::size_t send(int fd, std::span<const std::byte> data, std::error_code& code) noexcept;
/// Throws away what can be read, at most about a MiB; false: nothing more will come.
bool discard_input(int fd) noexcept;

/// The connection is over in both directions, by a reset, by its own time limits or in order; what
/// was received can still be read.
bool connection_over(int fd) noexcept;
/// Bytes that the other side has not acknowledged, the end of stream among them; 0 when nobody can
/// acknowledge them any more.
std::size_t unacknowledged(int fd) noexcept;
/// Bytes that were not even sent, because the other side's window (or the network) holds them back.
std::size_t unsent(int fd) noexcept;
/// The next close sends a RST instead of an end of stream, and drops what is unacknowledged.
void reset_on_close(int fd) noexcept;
/// The opposite, which sockets begin with.
void in_order_on_close(int fd) noexcept;

}  // namespace rendr::relay
