// layer: fuzz
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>

#include "base/bytes.hpp"

namespace rendr::fuzz {

/// What must hold for every input: stops the fuzzer, in every build type, where it does not.
inline void check(bool holds) {
  if (!holds) std::abort();
}

inline bool equal(bytes_view a, bytes_view b) { return std::ranges::equal(a, b); }

}  // namespace rendr::fuzz
