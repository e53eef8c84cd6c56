// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/slab.hpp"

namespace rendr::engine {

/// Keeps payloads that were read into large slabs: in place when that pins little, else copied
/// together, so that a few bytes never pin a whole read buffer.
class kept_payload {
 public:
  slab_view keep(slab_pool& pool, bytes_view data, const slab_ref& slab);
  /// Nothing that was kept is needed any more.
  void clear() noexcept;

 private:
  slab_ref copies_;  // where small payloads go
  std::size_t used_ = 0;
};

}  // namespace rendr::engine
