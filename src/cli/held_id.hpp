// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/options.hpp"
#include "cli/private_file.hpp"
#include "rendr/credentials.hpp"
#include "rendr/error.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::cli {

/// A random id that one process at a time has: it is in a file that its holder keeps locked, and
/// whoever comes after its holder, however that ended, has the same.
struct held_id {
  std::array<std::byte, 16> id{};
  transport::unique_fd lock;  ///< the file; closing it lets go
};

/// The id of the file `path`, made (0600) when it is missing or holds anything else.
/// `unavailable`: another process holds it; `permission_denied`: it is another user's, or open to
/// others (`secrets_rule`); else the system's error.
result<held_id, failure> hold_id(const std::string& path, secrets_rule rule = secrets_rule::strict);

/// The first of `dir`/slot-0, slot-1, ... that nobody holds: which client this is, among those
/// that live at once with this directory. Makes the directory (0700). nullopt: none can be had; a
/// client does without.
std::optional<held_id> hold_slot(const std::string& dir);

/// The slot of a dialing command: none when its keys prove nothing that a slot could belong to.
std::optional<held_id> slot_for(const dial_options& options, const credentials& keys);

}  // namespace rendr::cli
