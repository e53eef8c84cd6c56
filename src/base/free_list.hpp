// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace rendr {

/// Blocks that wait for their next user. Who looks from time to time learns how many of them nobody
/// needed meanwhile, and gives those back: what is needed again and again stays, a peak does not.
template <class Block>
class free_list {
 public:
  bool empty() const noexcept { return blocks_.empty(); }
  std::size_t size() const noexcept { return blocks_.size(); }
  /// Room for so many, so that `put` does not allocate.
  void reserve(std::size_t count) { blocks_.reserve(count); }
  void put(Block block) { blocks_.push_back(block); }
  /// The newest: it is still in the caches. Precondition: not empty.
  Block take() noexcept {
    const auto block = blocks_.back();
    blocks_.pop_back();
    least_ = std::min(least_, blocks_.size());
    return block;
  }
  /// `give` takes the `count` oldest; all when there are fewer.
  template <class Give>
  void give_oldest(std::size_t count, Give give) noexcept {
    const auto end = blocks_.begin() + static_cast<std::ptrdiff_t>(std::min(count, blocks_.size()));
    std::for_each(blocks_.begin(), end, give);
    blocks_.erase(blocks_.begin(), end);
  }
  /// A look: gives back those that nobody needed since the last one, `most` of them at most.
  template <class Give>
  void tidy(std::size_t most, Give give) noexcept {
    give_oldest(std::min(least_, most), give);
    least_ = blocks_.size();
  }

 private:
  std::vector<Block> blocks_;
  std::size_t least_ = 0;  // how many were there at any time since the last look
};

}  // namespace rendr
