// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>

namespace rendr::cli {

enum class log_level : std::uint8_t { error, warn, info, debug };

/// What the terminal can do, decided once from the descriptor and the environment.
struct terminal {
  bool live = false;      ///< a terminal that can move the cursor (not TERM=dumb)
  bool color = false;     ///< `live` and no NO_COLOR
  unsigned columns = 80;  ///< its width
};

/// The terminal behind `fd`, judged by NO_COLOR and TERM.
terminal terminal_of(int fd);

/// Where the program writes: results to `out`, everything else to `err`. Any thread may call it; a
/// line is never torn. A live view in progress is removed before a line and redrawn by its owner.
class console {
 public:
  console(std::ostream& out, std::ostream& err, log_level level, bool quiet, terminal term);

  /// A line of the result, never suppressed.
  void result(std::string_view line);
  void error(std::string_view line) { log(log_level::error, line); }
  void warn(std::string_view line) { log(log_level::warn, line); }
  void info(std::string_view line) { log(log_level::info, line); }
  void debug(std::string_view line) { log(log_level::debug, line); }
  bool shows(log_level level) const noexcept { return level <= level_; }

  /// Replaces the last rows of the terminal by these (separated by newlines, each cut to the
  /// width); empty removes them. Nothing happens where the terminal is not live or when quiet.
  void live(std::string_view rows);
  const terminal& term() const noexcept { return term_; }
  /// Wraps `text` in an SGR code where colour is allowed, e.g. paint("31", "dead").
  std::string paint(std::string_view sgr, std::string_view text) const;

 private:
  void log(log_level level, std::string_view line);
  void erase_rows();

  std::mutex mutex_;
  std::ostream& out_;
  std::ostream& err_;
  log_level level_;
  terminal term_;
  bool quiet_;
  unsigned rows_ = 0;
};

}  // namespace rendr::cli
