// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/result.hpp"
#include "base/text.hpp"
#include "rendr/path_spec.hpp"

namespace rendr {

inline constexpr std::size_t max_paths = 64;
inline constexpr std::size_t max_path_text = 1024;

/// A mistake in a path's text, with its place.
struct path_text_error {
  text_error where;
  errc code = errc::invalid_argument;
};

/// `parse_path_spec` before its error is rendered.
result<path_spec, path_text_error> read_path_spec(std::string_view text);

}  // namespace rendr
