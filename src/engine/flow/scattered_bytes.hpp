// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "base/bytes.hpp"
#include "base/slab.hpp"

namespace rendr::engine {

/// Small pieces of a stream that came out of order, each copied to its place: one slab for every
/// 4 KiB of the stream that any byte came of, and one bit for each byte. However many pieces there
/// are, they hold no more than the stretch of the stream that they lie in, and an eighth.
class scattered_bytes {
 public:
  static constexpr std::size_t block_size = 4096;
  static_assert(block_size == slab_pool::classes[1]);

  /// There is a slab for some of [offset, offset + size).
  bool covers(std::uint64_t offset, std::size_t size) const noexcept;
  /// Returns how many bytes were new.
  std::uint64_t put(slab_pool& pool, std::uint64_t offset, bytes_view data);
  /// Forgets what it has of [offset, offset + size). Returns how many bytes that were.
  std::uint64_t remove(std::uint64_t offset, std::size_t size) noexcept;
  /// Gives away what it has from `offset` on in one piece; empty: the byte there is missing.
  slab_view take(std::uint64_t offset) noexcept;
  /// Nothing before `offset` will be asked for or put any more.
  void pass(std::uint64_t offset) noexcept;
  /// It has no byte; slabs of places that more may come for are kept until `pass` or `clear`.
  bool empty() const noexcept { return bytes_ == 0; }
  void clear() noexcept;

 private:
  using bits = std::array<std::uint64_t, block_size / 64>;
  struct block {
    slab_ref slab;
    bits present{};
  };
  static std::uint64_t change(block& in, std::size_t begin, std::size_t end, bool to) noexcept;
  static std::size_t run(const block& in, std::size_t begin) noexcept;

  std::map<std::uint64_t, block> blocks_;  // by offset / block_size
  std::uint64_t bytes_ = 0;
};

}  // namespace rendr::engine
