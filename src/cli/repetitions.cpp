// SPDX-License-Identifier: Apache-2.0
#include "cli/repetitions.hpp"

#include <algorithm>

namespace rendr::cli {

namespace {

constexpr std::string_view other_causes = "\n";  // no caller's

}  // namespace

bool repetitions::is_first(time_point now, std::string_view cause, int level,
                           std::string_view line) {
  auto found = entries_.find(cause);
  if (found == entries_.end() && entries_.size() >= most_causes) {
    cause = other_causes;
    found = entries_.find(cause);
  }
  if (found == entries_.end()) {
    entries_.emplace(cause,
                     entry{level, std::string(line), 0, now + window, cause == other_causes});
    return true;
  }
  auto& one = found->second;
  one.line = line;
  one.level = std::min(one.level, level);  // the gravest
  ++one.more;
  return false;
}

void repetitions::tell_due(time_point now, const teller& tell) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    auto& one = it->second;
    if (one.until > now) {
      ++it;
    } else if (one.more == 0) {
      it = entries_.erase(it);
    } else {
      tell_one(one, tell);
      one.more = 0;
      one.until = now + window;
      ++it;
    }
  }
}

void repetitions::tell_rest(const teller& tell) {
  for (const auto& [cause, one] : entries_) {
    if (one.more > 0) tell_one(one, tell);
  }
  entries_.clear();
}

void repetitions::tell_one(const entry& one, const teller& tell) {
  const std::string_view kind = one.mixed ? " more, of many causes," : " more of these";
  tell(one.level,
       one.line + " (and " + std::to_string(one.more) + std::string(kind) + " in the last minute)");
}

repetitions::time_point repetitions::next() const noexcept {
  auto first = time_point::max();
  for (const auto& [cause, one] : entries_) first = std::min(first, one.until);
  return first;
}

}  // namespace rendr::cli
