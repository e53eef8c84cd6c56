// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace rendr::cli {

/// Counts what is said again and again for the same cause. The first line of a cause is told at
/// once; what follows within a minute is told in one line, and so on for as long as it goes on. A
/// minute without one forgets the cause. Not for several threads.
class repetitions {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Takes a line that is to be told, with the number that its first line had.
  using teller = std::function<void(int level, std::string_view line)>;

  static constexpr std::chrono::seconds window{60};
  /// Causes that are kept apart; those beyond are counted together (a peer may choose them).
  static constexpr std::size_t most_causes = 256;

  /// Whether `line` is to be told now. If not, it was counted.
  bool is_first(time_point now, std::string_view cause, int level, std::string_view line);
  /// Tells what was counted and is due.
  void tell_due(time_point now, const teller& tell);
  /// Tells what was counted, due or not, and forgets it.
  void tell_rest(const teller& tell);
  /// When `tell_due` has something to do; the end of time while nothing was told.
  time_point next() const noexcept;

 private:
  struct entry {
    int level = 0;
    std::string line;  ///< the last one
    std::uint64_t more = 0;
    time_point until{};
    bool mixed = false;  ///< of several causes
  };
  static void tell_one(const entry& one, const teller& tell);

  std::map<std::string, entry, std::less<>> entries_;
};

}  // namespace rendr::cli
