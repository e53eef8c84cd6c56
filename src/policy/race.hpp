// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy/facts.hpp"

namespace rendr::policy {

/// Whether a race sends on this child: on every one that has a carrier, suspect ones included (its
/// copies cost the others nothing, and the suspicion may be wrong). Each child has its own cursor,
/// so a slow one never delays a fast one.
constexpr bool race_takes(const child_facts& child) noexcept { return alive(child.state); }

}  // namespace rendr::policy
