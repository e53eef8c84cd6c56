// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "rendr/error.hpp"

namespace rendr::cli {

using reset_key = std::array<std::byte, 32>;

/// $XDG_STATE_HOME/rendr, else $HOME/.local/state/rendr; empty when neither is set.
std::string default_state_dir();

/// Makes the directory (0700) and what is missing above it.
std::optional<failure> make_directories(const std::string& dir);

/// The key of `dir`/reset.key. Makes the directory (0700) and the file (0600, random, written
/// aside and put in place in one step) when they are missing; of two servers that start at once,
/// both get the same key. Fails with the system's error, with `permission_denied` when directory or
/// file belong to another user or are open to others, with `invalid_argument` when the file does
/// not hold exactly 32 bytes; the detail says what to do.
result<reset_key, failure> load_reset_key(const std::string& dir);

}  // namespace rendr::cli
