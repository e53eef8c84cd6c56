// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "rendr/time.hpp"

namespace rendr {

/// The one parser of each text form of a quantity. The error is the rule that was broken, as the
/// end of a sentence: "a duration is a number with a unit, as 250ms, 10s, 5m, 24h, or forever".

/// `250ms`, `1.5s`, `10m`, `24h`, `7d`, sums such as `1h30m`, and `forever` = `duration::max()`.
/// Units: ns us ms s m h d. A bare `0` is allowed, any other number needs its unit.
result<duration, std::string> parse_duration(std::string_view text);

/// `1500`, `64KiB`, `1.5GiB`, `256MB`: bytes. Units: B, KB MB GB TB (powers of 1000), KiB MiB GiB
/// TiB (powers of 1024).
result<std::uint64_t, std::string> parse_size(std::string_view text);

/// `40MB/s` (any size and `/s`), `300Mbit/s` (bit, Kbit, Mbit, Gbit, powers of 1000), `unlimited` =
/// 0. Bytes per second.
result<std::uint64_t, std::string> parse_rate(std::string_view text);

/// At most three significant digits and the unit that fits: `1.25s`, `90ms`, `24h`, `forever`.
std::string format_duration(duration value);
/// `1.00 GiB`, `37.5 MiB`, `812 B`.
std::string format_size(std::uint64_t bytes);
/// `38.2 MB/s`, `0 B/s`: powers of 1000, as link rates are.
std::string format_rate(std::uint64_t bytes_per_second);

}  // namespace rendr
