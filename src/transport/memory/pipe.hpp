// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "rendr/transport.hpp"

namespace rendr::transport {

struct memory_state;

/// What the two ends of a connection within this process share. Each direction holds at most
/// `capacity` bytes. Any thread.
class memory_pipe {
 public:
  explicit memory_pipe(std::size_t capacity = 256 * 1024);

  enum class side : std::uint8_t { one, other };
  /// An end, driven on `executor`; once for each side. Closing it gives the other end EOF after
  /// what was written, and its writes `broken_pipe`.
  std::shared_ptr<stream_face> end(side which, const asio::any_io_executor& executor);
  /// The end that was not made will not be.
  void abandon(side which);
  /// Calls `done` on `executor` when `size` bytes wait for an end that was not made, or no more
  /// will come, with the first bytes. Not after `abandon` or `end`.
  void look(side which, std::size_t size, const asio::any_io_executor& executor,
            std::function<void(std::span<const std::byte>)> done);

 private:
  const std::shared_ptr<memory_state> state_;
};

/// Both ends on one executor.
std::pair<std::shared_ptr<stream_face>, std::shared_ptr<stream_face>> memory_ends(
    const asio::any_io_executor& executor, std::size_t capacity = 256 * 1024);

}  // namespace rendr::transport
