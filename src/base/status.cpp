// SPDX-License-Identifier: Apache-2.0
#include "rendr/status.hpp"

#include <array>
#include <iterator>
#include <utility>

namespace rendr {

std::string to_hex(std::span<const std::byte> id) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(id.size() * 2);
  for (const auto value : id) {
    text += digits[std::to_integer<std::size_t>(value >> 4)];
    text += digits[std::to_integer<std::size_t>(value & std::byte{15})];
  }
  return text;
}

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

void endpoint_status::add(endpoint_status&& other) {
  links.insert(links.end(), std::make_move_iterator(other.links.begin()),
               std::make_move_iterator(other.links.end()));
  handshakes += other.handshakes;
  handshakes_evicted += other.handshakes_evicted;
  handshakes_failed += other.handshakes_failed;
  events_dropped += other.events_dropped;
  budget += other.budget;
  budget_used += other.budget_used;
  slab_bytes += other.slab_bytes;
  slab_kept += other.slab_kept;
}

}  // namespace rendr
