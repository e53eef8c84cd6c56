// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "cli/console.hpp"
#include "rendr/path_spec.hpp"

namespace rendr::cli {

/// Says of each path in plaintext, once, what that means.
void warn_of_plaintext(std::span<const path_spec> paths, console& to);

}  // namespace rendr::cli
