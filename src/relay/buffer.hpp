// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <span>
#include <utility>

namespace rendr::relay {

/// 128 KiB to pump with, held only while data flows: an idle connection has none. Freed buffers are
/// kept for the next taker of the same thread, at most 16; what nobody needed for some seconds goes
/// back to the system.
class buffer {
 public:
  static constexpr std::size_t size = 128 * 1024;

  buffer() noexcept = default;
  /// @param loop runs on this thread, the one that frees the buffer too.
  static buffer take(const asio::any_io_executor& loop);
  buffer(buffer&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  buffer& operator=(buffer&& other) noexcept;
  ~buffer();

  explicit operator bool() const noexcept { return bytes_ != nullptr; }
  std::span<std::byte> span() const noexcept { return {bytes_, size}; }
  /// Gives back the free ones of this thread, but one, that nobody needed since the last call;
  /// `take` sees to it that this happens while there are several.
  static void tidy() noexcept;
  /// Free ones of this thread.
  static std::size_t kept() noexcept;

 private:
  std::byte* bytes_ = nullptr;
};

}  // namespace rendr::relay
