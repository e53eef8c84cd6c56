// SPDX-License-Identifier: Apache-2.0
#include "engine/path.hpp"

#include <algorithm>

namespace rendr::engine {

void path::write_handshake(slab_pool& pool) {
  const auto written = out.scratch(pool, handshake_out.size());
  std::copy(handshake_out.begin(), handshake_out.end(), written.begin());
  out.add(written);
  out.mark(0, false);
  handshake_out = bytes();  // `= {}` would keep its memory
}

}  // namespace rendr::engine
