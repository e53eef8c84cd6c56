// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/options.hpp"

namespace rendr::cli {

/// The text forms of single option values. The error is the rule that the value breaks, as a
/// sentence without a full stop.

/// `host:port`; `port_zero`: 0 is allowed (any free port).
result<host_port, std::string> parse_host_port(std::string_view text, bool port_zero);
/// `host:port` or `name=host:port`, then perhaps `,proxy-protocol=v1` or `v2`.
result<named_target, std::string> parse_target(std::string_view text);
/// `AT:KIND[:PATH[:DURATION]]`, AT = `30%` or `5s`, KIND = kill, silent or migrate.
result<cut, std::string> parse_cut(std::string_view text);
/// `off` or `IDLE[,INTERVAL,COUNT]`.
result<relay::keepalive, std::string> parse_keepalive(std::string_view text);
/// 1 to 64 letters, digits, `_`, `-` or `.`, the first a letter or a digit.
bool valid_target_name(std::string_view name) noexcept;

}  // namespace rendr::cli
