// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"

namespace rendr::sim {

/// A growing queue of bytes addressed by stream offset.
class byte_ring {
 public:
  std::uint64_t begin() const noexcept { return begin_; }
  std::uint64_t end() const noexcept { return end_; }

  void append(bytes_view data) {
    reserve(static_cast<std::size_t>(end_ - begin_) + data.size());
    for (auto rest = data; !rest.empty();) {
      const auto at = index(end_);
      const auto n = std::min(rest.size(), buffer_.size() - at);
      std::memcpy(buffer_.data() + at, rest.data(), n);
      end_ += n;
      rest = rest.subspan(n);
    }
  }
  /// Copies out and removes the first out.size() bytes. Precondition: they are there.
  void take(bytes_span out) {
    while (!out.empty()) {
      const auto at = index(begin_);
      const auto n = std::min(out.size(), buffer_.size() - at);
      std::memcpy(out.data(), buffer_.data() + at, n);
      begin_ += n;
      out = out.subspan(n);
    }
  }
  void drop(std::uint64_t n) noexcept { begin_ += n; }
  /// Precondition: begin() <= offset < end().
  std::byte& at(std::uint64_t offset) noexcept { return buffer_[index(offset)]; }
  void release() {
    buffer_ = {};
    begin_ = end_;
  }

 private:
  std::size_t index(std::uint64_t offset) const noexcept {
    return static_cast<std::size_t>(offset & (buffer_.size() - 1));
  }
  void reserve(std::size_t wanted) {
    if (wanted <= buffer_.size()) return;
    std::size_t size = std::max<std::size_t>(buffer_.size(), 2048);
    while (size < wanted) size *= 2;
    bytes larger(size);
    for (auto o = begin_; o < end_;) {
      const auto from = index(o);
      const auto to = static_cast<std::size_t>(o & (size - 1));
      const auto n =
          std::min({static_cast<std::size_t>(end_ - o), buffer_.size() - from, size - to});
      std::memcpy(larger.data() + to, buffer_.data() + from, n);
      o += n;
    }
    buffer_ = std::move(larger);
  }

  bytes buffer_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace rendr::sim
