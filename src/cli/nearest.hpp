// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rendr::cli {

/// The known word that a mistyped one most likely meant, or empty when none is near (more than a
/// third of its letters differ).
std::string nearest(std::string_view word, std::span<const std::string> known);

/// ` (did you mean "x"?)` or empty.
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

}  // namespace rendr::cli
