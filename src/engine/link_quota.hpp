// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "engine/door/source_table.hpp"
#include "engine/types.hpp"

namespace rendr::engine {

/// Counts accepted links and where they came from: a peer that makes links without end meets a
/// limit, and one host alone leaves room for others.
class link_quota {
 public:
  /// `limit` links in all.
  explicit link_quota(std::size_t limit) noexcept : limit_(limit) {}

  /// Whether one more may be made. `capped`: the share of its source counts too.
  bool room(const std::string& source, bool capped) const;
  /// Whether one of the links of `source` must go before it may have another one.
  bool has_its_share(const std::string& source, bool capped) const;
  bool counts(link_ref which) const { return source_of_.contains(which); }
  bool from(link_ref which, const std::string& source) const;
  void add(link_ref which, std::string source);
  /// Of a link that was not added, nothing happens.
  void remove(link_ref which);

 private:
  std::size_t limit_;
  std::unordered_map<link_ref, std::string> source_of_;
  source_table sources_;
};

}  // namespace rendr::engine
