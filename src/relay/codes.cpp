// SPDX-License-Identifier: Apache-2.0
#include "relay/codes.hpp"

namespace rendr::relay {

std::string_view to_string(code c) noexcept {
  switch (c) {
    case code::none:
      return "no reason";
    case code::unknown_target:
      return "unknown target";
    case code::refused:
      return "target refused";
    case code::unreachable:
      return "target unreachable";
    case code::limit:
      return "server out of descriptors";
    case code::reset:
      return "connection reset";
    case code::timed_out:
      return "timed out";
  }
  return "unknown code";
}

}  // namespace rendr::relay
