// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "base/carrier.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "rendr/path_spec.hpp"

namespace rendr {

inline constexpr std::size_t max_paths = 64;
inline constexpr std::size_t max_path_text = 1024;

/// What the spec says of its carrier's evidence; nullopt: what the carrier itself declares holds.
std::optional<evidence_kind> declared_evidence(const path_spec& spec) noexcept;

/// A mistake in a path's text, with its place.
struct path_text_error {
  text_error where;
  errc code = errc::invalid_argument;
};

/// `parse_path_spec` before its error is rendered.
result<path_spec, path_text_error> read_path_spec(std::string_view text);

}  // namespace rendr
