// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <system_error>

namespace rendr::cli {

/// What the program tells its caller. Documented in docs/operations.md and `--help`.
enum class exit_code : int {
  ok = 0,
  failed = 1,          ///< it ran and something went wrong; stderr says what
  usage = 2,           ///< an option or argument breaks a rule; nothing was started
  unreachable = 3,     ///< no path reached the peer, or a name did not resolve
  authentication = 4,  ///< the peer is not who it should be
  permission = 5,      ///< the operating system or the configuration forbids it
};

/// The exit code of a failure of the library or the operating system.
exit_code exit_code_of(const std::error_code& code) noexcept;

}  // namespace rendr::cli
