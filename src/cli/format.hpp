// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "rendr/time.hpp"

namespace rendr::cli {

/// Quantities for people, with three significant digits. (The exact forms that the parsers read
/// back are in base/text.)

/// `1.25s`, `90ms`, `1d`, `forever`.
std::string format_duration(duration value);
/// `1.00 GiB`, `37.5 MiB`, `812 B`.
std::string format_size(std::uint64_t bytes);
/// `38.2 MB/s`, `0 B/s`: powers of 1000, as link rates are.
std::string format_rate(std::uint64_t bytes_per_second);

}  // namespace rendr::cli
