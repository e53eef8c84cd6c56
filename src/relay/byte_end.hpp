// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <system_error>

namespace rendr::relay {

/// The side of a bridge that is not a flow: a TCP socket, or stdin and stdout. Its two directions
/// are independent. Used from one thread.
///
/// Waits complete later, never inside the call, at most one of each kind at a time; after `close`
/// or `reset` they complete with an error or not at all. Reads and writes never block.
class byte_end {
 public:
  using waiter = std::function<void(std::error_code)>;

  virtual ~byte_end() = default;

  virtual void wait_readable(waiter done) = 0;
  virtual void wait_writable(waiter done) = 0;
  /// Asked for once the input was read to its end, for until then reading tells it: completes when
  /// the other side is known to take no more (with the reason), however little is written. Never
  /// completes without an error. An end that cannot know does nothing.
  virtual void wait_aborted(waiter done) = 0;

  /// Bytes read; 0 with `code` clear: end of stream; would_block: wait. Another error comes behind
  /// everything that the other side sent, also after a write failed.
  virtual std::size_t read(std::span<std::byte> out, std::error_code& code) = 0;
  /// Bytes taken; would_block: wait.
  virtual std::size_t write(std::span<const std::byte> data, std::error_code& code) = 0;

  /// No more writes: the other side reads end of stream after what was written.
  virtual void finish_writing() = 0;
  /// Ends both directions in order; returns at once, what was written is delivered.
  virtual void close() = 0;
  /// Ends both directions so that the other side cannot take it for an end of stream, behind what
  /// was written; returns at once.
  virtual void reset() = 0;
  /// The same at once: what was written and not taken is lost.
  virtual void drop() { reset(); }
};

}  // namespace rendr::relay
