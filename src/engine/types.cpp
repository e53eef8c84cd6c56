// SPDX-License-Identifier: Apache-2.0
#include "engine/types.hpp"

#include <array>

namespace rendr::engine {

std::string_view to_string(path_phase phase) noexcept {
  constexpr std::array<std::string_view, 9> names{
      "idle", "dialing", "attaching", "standby", "active", "late", "suspect", "draining", "dead"};
  return names[static_cast<std::size_t>(phase)];
}

std::string_view to_string(cause why) noexcept {
  constexpr std::array<std::string_view, 18> names{
      "none",           "carrier error",   "carrier ended", "silence",        "one way",
      "first hop only", "protocol",        "refused",       "other instance", "proof",
      "peer left",      "detached",        "timed out",     "command",        "quality",
      "returned",       "network changed", "replaced"};
  const auto index = static_cast<std::size_t>(why);
  return index < names.size() ? names[index] : std::string_view("link closed");
}

std::string_view to_string(path_guard guard) noexcept {
  constexpr std::array<std::string_view, 5> names{"none", "plaintext", "carrier",
                                                  "chacha20-poly1305", "aes-128-gcm"};
  return names[static_cast<std::size_t>(guard)];
}

}  // namespace rendr::engine
