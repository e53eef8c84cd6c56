// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.hpp"
#include "base/free_list.hpp"

namespace rendr {

class slab_pool;

/// A reference-counted block of memory from a `slab_pool`. Not thread-safe: a pool and its slabs
/// belong to one loop. The last reference gives the block back to the pool, which must outlive it.
class slab_ref {
 public:
  slab_ref() noexcept = default;
  slab_ref(const slab_ref& other) noexcept;
  slab_ref(slab_ref&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  slab_ref& operator=(slab_ref other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~slab_ref();

  explicit operator bool() const noexcept { return block_ != nullptr; }
  std::byte* data() const noexcept;
  std::size_t capacity() const noexcept;
  /// True when this is the only reference.
  bool unique() const noexcept;
  /// How much of it somebody keeps for long, by `keep` and `drop`. A note, no reference.
  std::size_t kept() const noexcept;
  void keep(std::size_t n) const noexcept;
  void drop(std::size_t n) const noexcept;

 private:
  friend class slab_pool;
  struct block;
  explicit slab_ref(block* b) noexcept : block_(b) {}
  block* block_ = nullptr;
};

/// Bytes inside a slab, and the reference that keeps them alive.
struct slab_view {
  slab_ref slab;
  bytes_view data;
};

/// Where the blocks of a pool come from, and where they go when it keeps them no longer.
struct slab_source {
  void* (*take)(std::size_t size);  ///< never null; throws std::bad_alloc
  void (*give)(void* block, std::size_t size) noexcept;
};
/// operator new and delete.
slab_source slab_heap() noexcept;

/// Size classes of slabs with a free list each. What is handed out and what is kept free are both
/// counted. A pool that is tidied from time to time keeps what its user needs again and again, and
/// gives back the rest of a peak.
class slab_pool {
 public:
  static constexpr std::array<std::size_t, 4> classes{512, 4096, 32768, 131072};
  /// `tidy` lets so many bytes be: what a ping now and then needs.
  static constexpr std::size_t spare = 64 * 1024;

  /// @param keep_free at most so many bytes stay on the free lists.
  explicit slab_pool(std::size_t keep_free = 16u << 20, slab_source source = slab_heap());
  slab_pool(const slab_pool&) = delete;
  slab_pool& operator=(const slab_pool&) = delete;
  ~slab_pool();

  /// A slab of the smallest class that holds `size` (the largest class when none does).
  slab_ref allocate(std::size_t size);
  /// Bytes in slabs that somebody holds.
  std::size_t in_use() const noexcept { return in_use_; }
  /// Bytes on the free lists.
  std::size_t kept() const noexcept { return free_bytes_; }

  /// Gives back what has been free since the last call without a break, down to `spare` bytes.
  void tidy() noexcept;
  /// Gives back all that is free.
  void clear() noexcept;

 private:
  friend class slab_ref;
  void release(slab_ref::block* b) noexcept;
  void give(slab_ref::block* b) noexcept;
  void give_free(slab_ref::block* b) noexcept;

  std::array<free_list<slab_ref::block*>, classes.size()> free_;
  slab_source source_;
  std::size_t keep_free_;
  std::size_t free_bytes_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace rendr
