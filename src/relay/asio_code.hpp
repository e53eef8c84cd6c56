// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/error.hpp>
#include <system_error>

namespace rendr::relay {

/// Asio keeps errno in a category of its own that does not compare equal to `std::errc`; this is
/// the same error in `std::system_category`.
inline std::error_code portable(const std::error_code& code) noexcept {
  if (code.category() != asio::error::get_system_category()) return code;
  return {code.value(), std::system_category()};
}

}  // namespace rendr::relay
