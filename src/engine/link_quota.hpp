// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "engine/source_table.hpp"
#include "engine/types.hpp"

namespace rendr::engine {

/// Counts accepted links and where they came from: a peer that makes links without end meets a
/// limit, and one host alone leaves room for others.
class link_quota {
 public:
  /// `limit` links in all; `per_source` of one source where its share is counted.
  link_quota(std::size_t limit, std::size_t per_source) noexcept
      : limit_(limit), per_source_(per_source) {}

  bool room(const std::string& source, bool capped) const;
  void add(link_ref which, std::string source);
  /// Of a link that was not added, nothing happens.
  void remove(link_ref which);

 private:
  std::size_t limit_;
  std::size_t per_source_;
  std::unordered_map<link_ref, std::string> source_of_;
  source_table sources_;
};

}  // namespace rendr::engine
