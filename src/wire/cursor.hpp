// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "wire/varint.hpp"

namespace rendr::wire {

/// Reads fields from the front of a buffer. The first read that fails sticks: it and all later ones
/// give zeros and empty views, so a decoder asks `ok()` once, at its end. Views point into the
/// buffer.
class reader {
 public:
  explicit reader(bytes_view in) noexcept : rest_(in) {}

  bool ok() const noexcept { return ok_; }
  bytes_view rest() const noexcept { return rest_; }
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }

  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    const auto size = read_varint(rest_, value);
    if (size == 0) {
      fail();
      return 0;
    }
    rest_ = rest_.subspan(size);
    return value;
  }

  std::uint8_t u8() noexcept {
    const auto one = take(1);
    return one.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(one[0]);
  }

  /// Eight bytes, big-endian.
  std::uint64_t u64() noexcept {
    std::uint64_t value = 0;
    for (const auto b : take(8)) value = (value << 8) | std::to_integer<std::uint64_t>(b);
    return value;
  }

  bytes_view take(std::uint64_t size) noexcept {
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const auto front = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(front.size());
    return front;
  }

  template <std::size_t N>
  byte_array<N> array() noexcept {
    byte_array<N> out{};
    const auto from = take(N);
    if (!from.empty()) std::copy_n(from.data(), N, out.data());
    return out;
  }

  /// A varint length, at most `limit`, and that many bytes.
  bytes_view counted(std::size_t limit) noexcept {
    const auto size = varint();
    if (size > limit) fail();
    return take(ok_ ? size : 0);
  }

 private:
  bytes_view rest_;
  bool ok_ = true;
};

/// Writes fields to a buffer from `used` on. The first write that does not fit sticks, and so does
/// `fail()`; what was written before it stays in the buffer, so the caller commits `used()` only
/// when `ok()`.
class writer {
 public:
  writer(bytes_span out, std::size_t used) noexcept : out_(out), used_(used) {}

  bool ok() const noexcept { return ok_; }
  std::size_t used() const noexcept { return used_; }
  void fail() noexcept { ok_ = false; }

  void varint(std::uint64_t value) noexcept {
    if (value > max_varint) return fail();
    if (reserve(varint_size(value))) used_ += write_varint(value, out_.subspan(used_));
  }

  void u8(std::uint8_t value) noexcept {
    if (reserve(1)) out_[used_++] = static_cast<std::byte>(value);
  }

  void u64(std::uint64_t value) noexcept {
    if (!reserve(8)) return;
    for (int shift = 56; shift >= 0; shift -= 8) {
      out_[used_++] = static_cast<std::byte>((value >> shift) & 0xff);
    }
  }

  void put(bytes_view data) noexcept {
    if (!reserve(data.size()) || data.empty()) return;
    std::memcpy(out_.data() + used_, data.data(), data.size());
    used_ += data.size();
  }

  void zeros(std::size_t size) noexcept {
    if (!reserve(size) || size == 0) return;
    std::memset(out_.data() + used_, 0, size);
    used_ += size;
  }

  void counted(bytes_view data, std::size_t limit) noexcept {
    if (data.size() > limit) return fail();
    varint(data.size());
    put(data);
  }

 private:
  bool reserve(std::size_t size) noexcept {
    if (used_ > out_.size() || out_.size() - used_ < size) ok_ = false;
    return ok_;
  }

  bytes_span out_;
  std::size_t used_;
  bool ok_ = true;
};

/// Counts the bytes that the same calls on a `writer` would write.
class size_counter {
 public:
  bool ok() const noexcept { return ok_; }
  std::size_t used() const noexcept { return used_; }
  void fail() noexcept { ok_ = false; }

  void varint(std::uint64_t value) noexcept {
    if (value > max_varint) return fail();
    used_ += varint_size(value);
  }
  void u8(std::uint8_t) noexcept { used_ += 1; }
  void u64(std::uint64_t) noexcept { used_ += 8; }
  void put(bytes_view data) noexcept { used_ += data.size(); }
  void zeros(std::size_t size) noexcept { used_ += size; }
  void counted(bytes_view data, std::size_t limit) noexcept {
    if (data.size() > limit) return fail();
    varint(data.size());
    put(data);
  }

 private:
  std::size_t used_ = 0;
  bool ok_ = true;
};

}  // namespace rendr::wire
