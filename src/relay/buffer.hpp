// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace rendr::relay {

/// 128 KiB to pump with, held only while data flows: an idle connection has none. Freed buffers are
/// kept for the next taker of the same thread, at most 16.
class buffer {
 public:
  static constexpr std::size_t size = 128 * 1024;

  buffer() noexcept = default;
  static buffer take();
  buffer(buffer&&) noexcept = default;
  buffer& operator=(buffer&& other) noexcept;
  ~buffer();

  explicit operator bool() const noexcept { return bytes_ != nullptr; }
  std::span<std::byte> span() const noexcept { return {bytes_.get(), size}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace rendr::relay
