// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace rendr {

/// A queue in one piece of memory, of which it holds next to nothing while it is empty: a flow or a
/// link has many, most of them idle (an empty std::deque holds 0.6 KiB). Both ends take constant
/// time, amortized. Adding and taking end references and iterators.
template <class T>
class fifo {
 public:
  bool empty() const noexcept { return head_ == items_.size(); }
  std::size_t size() const noexcept { return items_.size() - head_; }

  T* begin() noexcept { return items_.data() + head_; }
  T* end() noexcept { return items_.data() + items_.size(); }
  const T* begin() const noexcept { return items_.data() + head_; }
  const T* end() const noexcept { return items_.data() + items_.size(); }

  /// Precondition of these and of `pop_front`: not empty, `i < size()`.
  T& front() noexcept { return *begin(); }
  const T& front() const noexcept { return *begin(); }
  T& back() noexcept { return items_.back(); }
  const T& back() const noexcept { return items_.back(); }
  T& operator[](std::size_t i) noexcept { return begin()[i]; }
  const T& operator[](std::size_t i) const noexcept { return begin()[i]; }

  void push_back(T item) { items_.push_back(std::move(item)); }
  template <class... Args>
  T& emplace_back(Args&&... args) {
    return items_.emplace_back(std::forward<Args>(args)...);
  }

  void pop_front() noexcept {
    assert(!empty());
    [[maybe_unused]] const T taken(std::move(items_[head_]));
    ++head_;
    if (empty()) {
      clear();
    } else if (head_ >= least_gap && 2 * head_ >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  void clear() noexcept {
    items_.clear();
    head_ = 0;
    if (items_.capacity() * sizeof(T) > kept_bytes) std::vector<T>().swap(items_);
  }

  void swap(fifo& other) noexcept {
    items_.swap(other.items_);
    std::swap(head_, other.head_);
  }

 private:
  static constexpr std::size_t least_gap = 16;    ///< taken items that are worth closing up behind
  static constexpr std::size_t kept_bytes = 256;  ///< for the next items of a queue that ran empty

  std::vector<T> items_;
  std::size_t head_ = 0;  ///< those before it were taken
};

}  // namespace rendr
