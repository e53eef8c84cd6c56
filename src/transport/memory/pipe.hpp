// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "transport/stream_io.hpp"

namespace rendr::transport {

/// Two ends of a connection that needs no system: for tests. Both live on one executor. Each
/// direction holds at most `capacity` bytes. Closing one end gives the other EOF after what was
/// written, and its writes `broken_pipe`.
std::pair<std::shared_ptr<stream_io>, std::shared_ptr<stream_io>> memory_pipe(
    const asio::any_io_executor& executor, std::size_t capacity = 256 * 1024);

}  // namespace rendr::transport
