// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.hpp"

/// Bytes as the libraries of C take them.
namespace rendr {

inline unsigned char* writable(bytes_span data) noexcept {
  return reinterpret_cast<unsigned char*>(data.data());
}

/// Never null: some libraries refuse that even of nothing.
inline const unsigned char* raw(bytes_view data) noexcept {
  static constexpr unsigned char nothing = 0;
  return data.empty() ? &nothing : reinterpret_cast<const unsigned char*>(data.data());
}

}  // namespace rendr
