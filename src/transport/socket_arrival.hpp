// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "rendr/transport.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

/// A connected socket as it came in.
/// @param executor of the listening: `look` answers there.
/// @param adopt makes a carrier of it.
std::unique_ptr<arrival> socket_arrival(const asio::any_io_executor& executor, unique_fd fd,
                                        opened (*adopt)(const asio::any_io_executor&, unique_fd));

}  // namespace rendr::transport
