// layer: fuzz
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>

#include "base/bytes.hpp"

namespace rendr::fuzz {

/// What must hold for every input: tells where it does not, and stops the fuzzer, in every build
/// type.
inline void check(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: a check does not hold\n", where.file_name(), where.line());
  std::abort();
}

inline bool equal(bytes_view a, bytes_view b) { return std::ranges::equal(a, b); }

}  // namespace rendr::fuzz
