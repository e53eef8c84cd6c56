// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "transport/registry.hpp"

namespace rendr::detail {

/// What rendr may be able to do, by the name that status and `rendr --version` use.
struct capability {
  std::string name;
  bool here = false;  ///< this build has it
};

/// All of them, in a fixed order. Transports are those that are registered and find what they need
/// on this machine; policies are asked of the parser that takes them.
std::vector<capability> capabilities(const transport::registry& schemes);
/// Of a runtime to which nothing was added.
std::vector<capability> capabilities();

}  // namespace rendr::detail
