// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <string>
#include <system_error>

#include "rendr/stream.hpp"

namespace rendr::test {

/// Sends back what it reads, until the stream ends or fails; blocks.
inline void echo(stream& with) {
  std::string part(std::size_t{64} << 10, '\0');
  std::error_code code;
  while (!code) {
    const auto n = with.read_some(asio::buffer(part), code);
    if (!code) asio::write(with, asio::buffer(part, n), code);
  }
}

}  // namespace rendr::test
