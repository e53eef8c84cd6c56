// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/console.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

/// Says, for debugging, how much memory buffers may take.
void tell_memory(const runtime& of, console& to);

/// Raises the soft limit of descriptors to the hard one: a connection takes one, and the soft limit
/// is low for the sake of programs that use select(), which this one does not.
void raise_descriptor_limit() noexcept;

}  // namespace rendr::cli
