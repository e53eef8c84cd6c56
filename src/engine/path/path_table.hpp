// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/path/path.hpp"

namespace rendr::engine {

/// What the paths that carry flow data move together, by their own measurements.
struct path_throughput {
  double rate = 0;      ///< bytes per second
  double product = 0;   ///< of rate and smoothed round trip, summed: bytes under way
  duration slowest{0};  ///< the longest of their shortest round trips
};

/// The carriers of a leaf that are on their way to be paths.
struct unfinished_paths {
  std::size_t count = 0;
  path* newest = nullptr;  ///< the one that is dialled beside last
};

/// The paths of one link, in the order of their arrival, and the questions that are asked of all of
/// them. A path *lives* when it is attached and carries.
class path_table {
 public:
  using list = std::vector<std::unique_ptr<path>>;

  list::const_iterator begin() const noexcept { return paths_.begin(); }
  list::const_iterator end() const noexcept { return paths_.end(); }
  std::size_t size() const noexcept { return paths_.size(); }
  bool empty() const noexcept { return paths_.empty(); }
  bool full() const noexcept { return paths_.size() >= defaults::paths_per_link; }

  path& add(std::unique_ptr<path> p);
  void forget(const path& p);
  /// Forgets the paths that are closing and have nothing left to flush, and names their carriers.
  std::vector<carrier_id> sweep();

  // --- one of them; null: there is none
  path* find(carrier_id carrier) const noexcept;
  /// The attached path of this id of the wire.
  path* with_id(std::uint64_t id) const noexcept;
  /// The attached path on which control goes: the healthiest, then the quickest.
  path* for_control() const noexcept;
  /// The quickest living path beside `p`.
  path* best_other(const path& p) const noexcept;
  /// The newest attached path of a leaf that does not drain; a suspect one if there is no other.
  path* current_of(spec_id leaf) const noexcept;

  // --- all of them
  std::size_t living() const noexcept;
  bool any_alive() const noexcept { return living() > 0; }
  /// The newest evidence of life on a living path beside `p`; `instant::min()`: there is none.
  instant life_of_others(const path& p) const noexcept;
  bool any_attached() const noexcept;
  bool any_of(spec_id leaf) const noexcept;
  /// The leaf of `p` has an attached path that was numbered after it.
  bool newer_than(const path& p) const noexcept;
  unfinished_paths unfinished(spec_id leaf) const noexcept;
  /// When the newest HELLO that is under way was said; `instant::min()`: there is none.
  instant newest_hello() const noexcept;
  path_throughput throughput() const noexcept;
  /// The longest smoothed round trip of a living path, at least `least`.
  duration longest_round_trip(duration least) const noexcept;
  std::vector<carrier_id> carriers() const;

 private:
  list paths_;
};

}  // namespace rendr::engine
