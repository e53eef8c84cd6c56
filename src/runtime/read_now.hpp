// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <system_error>

#include "rendr/stream.hpp"

namespace rendr {

/// Reads what is there already; on the stream's loop. 0 with `asio::error::eof`, an error of
/// `async_read_some`, or would_block when there is nothing to be read yet.
std::size_t read_now(stream& from, std::span<std::byte> out, std::error_code& code);

}  // namespace rendr
