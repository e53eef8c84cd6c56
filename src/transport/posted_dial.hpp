// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "rendr/transport.hpp"

namespace rendr::transport {

/// A dial that waits for nothing: `make` runs in the next turn of the executor.
std::unique_ptr<dial> post_dial(const asio::any_io_executor& executor, std::function<opened()> make,
                                dial_handler done);

}  // namespace rendr::transport
