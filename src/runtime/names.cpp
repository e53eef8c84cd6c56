// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "engine/types.hpp"
#include "rendr/detail/completion.hpp"
#include "rendr/status.hpp"
#include "rendr/stream.hpp"
#include "rendr/types.hpp"

namespace rendr {

// The public enumerations mirror the engine's, value by value.
static_assert(static_cast<int>(path_phase::dead) == static_cast<int>(engine::path_phase::dead));
static_assert(static_cast<int>(path_phase::late) == static_cast<int>(engine::path_phase::late));
static_assert(static_cast<int>(cause::local_close) == static_cast<int>(engine::cause::local_close));
static_assert(static_cast<int>(cause::detached) == static_cast<int>(engine::cause::detached));

static_assert(static_cast<int>(path_guard::aes_128_gcm) ==
              static_cast<int>(engine::path_guard::aes_128_gcm));

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
  return engine::to_string(static_cast<engine::path_phase>(phase));
}

std::string_view to_string(cause why) noexcept {
  return engine::to_string(static_cast<engine::cause>(why));
}

std::string_view to_string(path_guard guard) noexcept {
  return engine::to_string(static_cast<engine::path_guard>(guard));
}

std::string flow_address::to_string() const { return to_hex(instance) + "/" + to_hex(flow); }

namespace detail {

std::uint64_t next_operation() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace detail
}  // namespace rendr
