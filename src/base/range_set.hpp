// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rendr {

/// A half-open interval [begin, end) of stream offsets or record numbers.
struct range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const noexcept { return end - begin; }
  bool empty() const noexcept { return begin >= end; }
  friend bool operator==(const range&, const range&) = default;
};

/// A set of disjoint, non-adjacent intervals in ascending order. Value type; every operation is
/// linear in the number of intervals at worst and O(1) at the ends, where the engine works almost
/// always.
class range_set {
 public:
  /// Adds [r.begin, r.end), merging with what it touches. Returns how many numbers were new.
  std::uint64_t add(range r);
  /// Removes [r.begin, r.end). Returns how many numbers were removed.
  std::uint64_t remove(range r);
  void add(const range_set& other);
  void remove(const range_set& other);
  void clear() noexcept { ranges_.clear(); }

  bool empty() const noexcept { return ranges_.empty(); }
  bool contains(std::uint64_t n) const noexcept;
  /// True when every number of r is in the set.
  bool contains(range r) const noexcept;
  bool overlaps(range r) const noexcept;
  /// How many numbers the set holds.
  std::uint64_t size() const noexcept;
  range front() const noexcept { return ranges_.front(); }
  range back() const noexcept { return ranges_.back(); }
  /// The part of the set inside r.
  range_set intersection(range r) const;
  const std::vector<range>& ranges() const noexcept { return ranges_; }
  friend bool operator==(const range_set&, const range_set&) = default;

 private:
  std::vector<range> ranges_;
};

}  // namespace rendr
