// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/private_file.hpp"
#include "rendr/error.hpp"

namespace rendr::cli {

using reset_key = std::array<std::byte, 32>;

/// $XDG_STATE_HOME/rendr, else $HOME/.local/state/rendr; empty when neither is set.
std::string default_state_dir();

/// Makes the directory (0700) and what is missing above it.
std::optional<failure> make_directories(const std::string& dir);

/// Whether state may be kept in `dir`, which is made (0700) when it is missing: it must be this
/// user's and closed to others. `secrets_rule::trusted` asks nothing but that it is a directory:
/// the files in it are judged one by one. The detail of a failure says what to do.
std::optional<failure> check_state_dir(const std::string& dir,
                                       secrets_rule rule = secrets_rule::strict);

/// The key of `dir`/reset.key. Makes the directory (0700) and the file (0600, random, written
/// aside and put in place in one step) when they are missing; of two servers that start at once,
/// both get the same key. Fails with the system's error, with `permission_denied` when directory or
/// file belong to another user or are open to others (`check_owner`), with `invalid_argument` when
/// the file does not hold exactly 32 bytes; the detail says what to do.
result<reset_key, failure> load_reset_key(const std::string& dir,
                                          secrets_rule rule = secrets_rule::strict,
                                          remarks* notes = nullptr);

}  // namespace rendr::cli
