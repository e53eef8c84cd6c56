// SPDX-License-Identifier: Apache-2.0
#include "engine/path.hpp"

#include <algorithm>

namespace rendr::engine {

void path::write_handshake(slab_pool& pool) {
  const auto bytes = out.scratch(pool, handshake_out.size());
  std::copy(handshake_out.begin(), handshake_out.end(), bytes.begin());
  out.add(bytes);
  out.mark(0, false);
  handshake_out = {};
}

}  // namespace rendr::engine
