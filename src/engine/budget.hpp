// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace rendr::engine {

/// What peers may make this endpoint hold: reserves and grants of all flows together. A reserve is
/// charged when a flow opens and kept until it ends; growth comes from what is free.
class budget {
 public:
  explicit budget(std::size_t limit) noexcept : limit_(limit) {}

  /// False, with nothing charged, when it does not fit.
  [[nodiscard]] bool take(std::size_t bytes) noexcept {
    if (bytes > free()) return false;
    used_ += bytes;
    return true;
  }
  void give_back(std::size_t bytes) noexcept { used_ -= bytes; }
  std::size_t free() const noexcept { return limit_ - used_; }
  std::size_t used() const noexcept { return used_; }
  std::size_t limit() const noexcept { return limit_; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace rendr::engine
