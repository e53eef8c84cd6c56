// SPDX-License-Identifier: Apache-2.0
#include "base/range_set.hpp"

#include <algorithm>
#include <iterator>

namespace rendr {

namespace {

// The first interval that ends at or after `n` (so that it touches or follows n).
template <class Ranges>
auto first_touching(Ranges& ranges, std::uint64_t n) {
  if (!ranges.empty() && ranges.back().begin <= n) {  // the common case: work at the end
    return ranges.back().end >= n ? std::prev(ranges.end()) : ranges.end();
  }
  return std::lower_bound(ranges.begin(), ranges.end(), n,
                          [](const range& r, std::uint64_t value) { return r.end < value; });
}

}  // namespace

std::uint64_t range_set::add(range r) {
  if (r.empty()) return 0;
  auto first = first_touching(ranges_, r.begin);
  if (first == ranges_.end() || first->begin > r.end) {
    ranges_.insert(first, r);
    return r.size();
  }
  std::uint64_t already = 0;
  auto last = first;
  range merged = r;
  for (; last != ranges_.end() && last->begin <= r.end; ++last) {
    const auto low = std::max(last->begin, r.begin);
    const auto high = std::min(last->end, r.end);
    if (high > low) already += high - low;
    merged.begin = std::min(merged.begin, last->begin);
    merged.end = std::max(merged.end, last->end);
  }
  *first = merged;
  ranges_.erase(std::next(first), last);
  return r.size() - already;
}

std::uint64_t range_set::remove(range r) {
  if (r.empty() || ranges_.empty()) return 0;
  auto it = first_touching(ranges_, r.begin);
  if (it != ranges_.end() && it->end == r.begin) ++it;
  std::uint64_t removed = 0;
  auto erase_from = ranges_.end();
  auto erase_to = ranges_.end();
  for (; it != ranges_.end() && it->begin < r.end; ++it) {
    const auto low = std::max(it->begin, r.begin);
    const auto high = std::min(it->end, r.end);
    removed += high - low;
    if (low > it->begin && high < it->end) {
      const range tail{high, it->end};
      it->end = low;
      ranges_.insert(std::next(it), tail);
      return removed;
    }
    if (low > it->begin) {
      it->end = low;
    } else if (high < it->end) {
      it->begin = high;
    } else {
      if (erase_from == ranges_.end()) erase_from = it;
      erase_to = std::next(it);
    }
  }
  if (erase_from != ranges_.end()) ranges_.erase(erase_from, erase_to);
  return removed;
}

void range_set::add(const range_set& other) {
  for (const auto& r : other.ranges_) add(r);
}

void range_set::remove(const range_set& other) {
  for (const auto& r : other.ranges_) remove(r);
}

bool range_set::contains(std::uint64_t n) const noexcept { return contains(range{n, n + 1}); }

bool range_set::contains(range r) const noexcept {
  if (r.empty()) return true;
  const auto it =
      std::upper_bound(ranges_.begin(), ranges_.end(), r.begin,
                       [](std::uint64_t value, const range& x) { return value < x.end; });
  return it != ranges_.end() && it->begin <= r.begin && it->end >= r.end;
}

bool range_set::overlaps(range r) const noexcept {
  if (r.empty()) return false;
  const auto it =
      std::upper_bound(ranges_.begin(), ranges_.end(), r.begin,
                       [](std::uint64_t value, const range& x) { return value < x.end; });
  return it != ranges_.end() && it->begin < r.end;
}

std::uint64_t range_set::size() const noexcept {
  std::uint64_t total = 0;
  for (const auto& r : ranges_) total += r.size();
  return total;
}

range_set range_set::intersection(range r) const {
  range_set out;
  auto it = std::upper_bound(ranges_.begin(), ranges_.end(), r.begin,
                             [](std::uint64_t value, const range& x) { return value < x.end; });
  for (; it != ranges_.end() && it->begin < r.end; ++it) {
    out.ranges_.push_back({std::max(it->begin, r.begin), std::min(it->end, r.end)});
  }
  return out;
}

}  // namespace rendr
