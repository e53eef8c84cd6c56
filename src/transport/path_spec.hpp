// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "rendr/path_form.hpp"
#include "rendr/path_spec.hpp"

namespace rendr {

inline constexpr std::size_t max_paths = 64;
inline constexpr std::size_t max_path_text = 1024;

/// A mistake in a path's text, with its place.
struct path_text_error {
  text_error where;
  errc code = errc::invalid_argument;
};

/// The schemes that a text may name; that of `path_spec::transport` by default comes first.
using path_forms = std::vector<std::shared_ptr<const path_form>>;

/// `parse_path_spec` before its error is rendered.
result<path_spec, path_text_error> read_path_spec(std::string_view text, const path_forms& forms);
bool parse_path_spec(std::string_view text, const path_forms& forms, path_spec& out, failure& why);
bool parse_path_specs(std::span<const std::string> texts, const path_forms& forms,
                      std::vector<path_spec>& out, failure& why);
std::string to_text(const path_spec& spec, const path_forms& forms);
bool check_path_spec(const path_spec& spec, const path_forms& forms, failure& why);

/// Whether every transport has this key.
bool is_common_key(std::string_view key) noexcept;

}  // namespace rendr
