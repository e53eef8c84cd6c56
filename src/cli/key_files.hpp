// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/options.hpp"
#include "cli/private_file.hpp"
#include "rendr/credentials.hpp"

namespace rendr::cli {

/// What the options name, read and checked. The detail of a failure names the option, the file,
/// the line where there is one, and the rule, and never a byte of a secret.
///
/// A key file is lines of text: empty ones and those that begin with `#` are passed over. It has
/// one key, in the text form of its kind (`credentials.hpp`). Files with secrets must be this
/// user's, closed to all others; those with public keys may be read by all and changed by nobody
/// else. A list of public keys has one a line, and after it, behind a space, what people like.
/// What lies on a read-only mount, and `key_options::secrets`, ask less (`check_owner`).
/// @param notes what was taken although others can read it.
result<credentials, failure> load_credentials(const key_options& from, remarks* notes = nullptr);

/// The public keys of a list.
result<std::vector<public_key>, failure> parse_key_list(std::string_view text,
                                                        const std::string& path);

}  // namespace rendr::cli
