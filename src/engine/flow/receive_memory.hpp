// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include "base/bytes.hpp"
#include "base/slab.hpp"

namespace rendr::engine {

/// What the flows of a link keep of the buffers that its carriers read into: a large payload stays
/// where it was read, and pins all of its buffer. Counts both, so that the link notices when the
/// buffers are mostly waste, and copies what is left in them. Outlives every `kept_view` of it.
class receive_memory {
 public:
  explicit receive_memory(slab_pool& pool) noexcept : pool_(pool) {}
  receive_memory(const receive_memory&) = delete;
  receive_memory& operator=(const receive_memory&) = delete;

  slab_pool& pool() noexcept { return pool_; }
  /// Whether `data`, of at least `least` bytes, may stay in `slab`; else it is to be copied.
  static bool in_place(bytes_view data, const slab_ref& slab, std::size_t least) noexcept {
    return data.size() >= least && data.size() * 16 >= slab.capacity();
  }
  /// Bytes of payload that stay where they were read, and those of their buffers.
  std::size_t kept() const noexcept { return kept_; }
  std::size_t pinned() const noexcept { return pinned_; }
  bool wasteful(std::size_t allowance) const noexcept { return pinned_ > 2 * kept_ + allowance; }

 private:
  friend class kept_view;
  void keep(const slab_ref& slab, std::size_t n) noexcept {
    if (slab.kept() == 0) pinned_ += slab.capacity();
    slab.keep(n);
    kept_ += n;
  }
  void drop(const slab_ref& slab, std::size_t n) noexcept {
    slab.drop(n);
    kept_ -= n;
    if (slab.kept() == 0) pinned_ -= slab.capacity();
  }

  slab_pool& pool_;
  std::size_t kept_ = 0;
  std::size_t pinned_ = 0;
};

/// Bytes that were received and wait for their reader.
class kept_view {
 public:
  /// Of a copy.
  explicit kept_view(slab_view copy) noexcept : view_(std::move(copy)) {}
  /// In place. Precondition: `data` is not empty.
  kept_view(receive_memory& memory, const slab_ref& slab, bytes_view data) noexcept
      : view_{slab, data}, memory_(&memory) {
    memory.keep(slab, data.size());
  }
  kept_view(kept_view&& other) noexcept
      : view_(std::move(other.view_)), memory_(std::exchange(other.memory_, nullptr)) {}
  kept_view& operator=(kept_view&& other) noexcept {
    std::swap(view_, other.view_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~kept_view() {
    if (memory_ != nullptr) memory_->drop(view_.slab, view_.data.size());
  }

  bytes_view data() const noexcept { return view_.data; }
  /// Of the front; not all of it.
  void consume(std::size_t n) noexcept {
    view_.data = view_.data.subspan(n);
    if (memory_ != nullptr) memory_->drop(view_.slab, n);
  }
  /// Takes over what lies right behind it in the same slab; false, with nothing changed: it does
  /// not.
  bool absorb(kept_view& next) noexcept {
    const auto here = view_.data;
    if (here.data() + here.size() != next.view_.data.data() || memory_ != next.memory_)
      return false;
    view_.data = {here.data(), here.size() + next.view_.data.size()};
    next.memory_ = nullptr;
    return true;
  }
  /// It lies in a buffer that is mostly waste.
  bool sparse() const noexcept {
    return memory_ != nullptr && 2 * view_.slab.kept() < view_.slab.capacity();
  }

 private:
  slab_view view_;
  receive_memory* memory_ = nullptr;  ///< of what lies in place
};

/// Copies one behind the other, so that together they pin little more than they hold.
class packed_copies {
 public:
  /// All of it, in one piece.
  slab_view copy(slab_pool& pool, bytes_view data);
  /// All of it, in as many pieces as fill the slabs; each goes to `sink`, in order.
  template <class Sink>
  void copy_to(slab_pool& pool, bytes_view data, Sink sink) {
    while (!data.empty()) {
      kept_view piece(copy_some(pool, data));
      data = data.subspan(piece.data().size());
      sink(std::move(piece));
    }
  }
  /// Nothing that was copied is needed any more.
  void clear() noexcept;

 private:
  std::size_t room() const noexcept { return slab_ ? slab_.capacity() - used_ : 0; }
  void begin(slab_pool& pool, std::size_t least);
  /// The first bytes of it, as many as fit into what is there or into a new small slab.
  slab_view copy_some(slab_pool& pool, bytes_view data);

  slab_ref slab_;
  std::size_t used_ = 0;
};

}  // namespace rendr::engine
