// SPDX-License-Identifier: Apache-2.0
#include "engine/link_quota.hpp"

#include <utility>

namespace rendr::engine {

bool link_quota::room(const std::string& source, bool capped) const {
  return source_of_.size() < limit_ && !has_its_share(source, capped);
}

bool link_quota::has_its_share(const std::string& source, bool capped) const {
  return capped && sources_.count(source) >= share_of(limit_);
}

bool link_quota::from(link_ref which, const std::string& source) const {
  const auto it = source_of_.find(which);
  return it != source_of_.end() && it->second == source;
}

void link_quota::add(link_ref which, std::string source) {
  sources_.add(source);
  source_of_.emplace(which, std::move(source));
}

void link_quota::remove(link_ref which) {
  const auto it = source_of_.find(which);
  if (it == source_of_.end()) return;
  sources_.remove(it->second);
  source_of_.erase(it);
}

}  // namespace rendr::engine
