// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/range_set.hpp"
#include "engine/config.hpp"
#include "engine/door/handshake.hpp"

namespace rendr::engine {

/// The path ids of one link: which the dialer gives next, and which are consumed, for ever.
class path_ids {
 public:
  /// Dialer: for one attempt.
  std::uint64_t take() noexcept { return next_++; }
  bool free(std::uint64_t id) const noexcept { return !used_.contains(id); }
  /// A dialer numbers its attempts in order and leaves out those that failed. Of one who leaves out
  /// very many, the oldest that he left out count as consumed too.
  void consume(std::uint64_t id) {
    used_.add({id, id + 1});
    const auto& used = used_.ranges();
    if (used.size() > defaults::path_id_ranges) used_.add({used[0].begin, used[1].end});
  }

 private:
  std::uint64_t next_ = first_path + 1;
  range_set used_;
};

}  // namespace rendr::engine
