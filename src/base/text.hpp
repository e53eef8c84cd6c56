// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"

namespace rendr {

/// What is wrong in a text that a person wrote, and where.
struct text_error {
  std::size_t offset = 0;  ///< of the first byte that breaks the rule; may be the text's size
  std::string sentence;    ///< names the value and the rule, without a full stop
  friend bool operator==(const text_error&, const text_error&) = default;
};

/// The error for a person: the sentence, below it the line of the text, below that a caret:
///     unknown path "wfi": the paths are fiber, lte, wifi
///       race(lte, wfi)
///                 ^
/// A long line is cut around the caret; bytes that do not print show as `?`.
std::string render(std::string_view text, const text_error& error);

/// The value as an error quotes it: in quotes, bytes that do not print as `?`, cut after 40.
std::string quoted(std::string_view value);

/// Text that came from outside (a peer, a file, a resolver) as it may stand in a line that a person
/// reads: control bytes, DEL, C1, marks that turn the direction of writing or end a line, and bytes
/// that are no UTF-8 become `\n`, `\r`, `\t` or `\x1b`. What was escaped stays as it is.
std::string escaped(std::string_view text);

/// Whether `name` may name a path or a composite of a graph: 1 to 64 letters, digits, `_`, `-` or
/// `.`, the first a letter or a digit.
bool valid_name(std::string_view name) noexcept;
inline constexpr std::size_t max_name_size = 64;
/// The rule of `valid_name` as errors state it.
inline constexpr std::string_view name_rule =
    "a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a letter or digit";

/// A whole number in decimal digits alone, from `low` to `high`; nullopt for anything else.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                          std::uint64_t high) noexcept;

/// `render` as the detail of `errc::invalid_argument`.
failure to_failure(std::string_view text, const text_error& error);

/// A number of bytes: digits, optionally with a fraction, and a unit: none or `B`, `k`/`kB`, `M`/
/// `MB`, `G`/`GB`, `T`/`TB` (powers of 1,000), `KiB`, `MiB`, `GiB`, `TiB` (powers of 1,024). Case
/// counts for nothing. The result is whole bytes, a fraction of a byte is an error.
result<std::uint64_t, text_error> parse_size(std::string_view text);

/// A span of time: digits, optionally with a fraction, and a unit: `ns`, `us`, `ms`, `s`, `m` or
/// `min`, `h`, `d`. `forever` is `duration::max()`. A bare `0` needs no unit.
result<duration, text_error> parse_duration(std::string_view text);

/// A data rate in bits per second, as bytes per second: digits, optionally with a fraction, and a
/// unit: `bit`, `kbit`, `Mbit`, `Gbit`, optionally followed by `/s`; at least 1 byte per second.
result<std::uint64_t, text_error> parse_rate(std::string_view text);

}  // namespace rendr
