// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/slab.hpp"

namespace rendr::detail {

/// Large blocks as mappings of their own, so that the memory of each goes back to the system when
/// it is given back, whatever the heap looks like; small ones from the heap. Under AddressSanitizer
/// all come from the heap, where it sees overruns.
slab_source slab_pages() noexcept;

}  // namespace rendr::detail
