// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace rendr::detail {

/// What rendr may be able to do, by the name that status and `rendr --version` use.
struct capability {
  std::string name;
  bool here = false;  ///< this build has it
};

/// All of them, in a fixed order. Transports and policies are asked of the parsers that take them.
std::vector<capability> capabilities();

}  // namespace rendr::detail
