// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>

#include "cli/log_writer.hpp"
#include "cli/repetitions.hpp"

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

/// Whether `fd` is the stream of the system's journal, which stamps each line itself.
bool is_journal(int fd);

/// Where the program writes: results to `out`, everything else to `err`. Any thread may call it; a
/// line is never torn. A live view in progress is removed before a line and redrawn by its owner.
///
/// A line is one line whatever is in it: what commands a terminal is escaped, and more lines show
/// only where they are indented by two blanks. It never waits for the reader of `err`. Lines with
/// the same `cause` are counted: the first is told at once, the rest once a minute. Of a log
/// for debugging nothing is left out.
class console {
 public:
  /// Writes at once.
  console(std::ostream& out, std::ostream& err, log_level level, bool quiet, terminal term);
  /// Writes to `err` from a thread of its own (`log_writer`), and to `out` at once.
  console(int out, int err, log_level level, bool quiet, terminal term);
  /// Tells what was counted.
  ~console();
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// A line of the result, never suppressed; waits for its reader.
  void result(std::string_view line);
  /// Why a line of the result could not be written; 0: all were.
  int result_error() const noexcept { return result_error_; }

  void error(std::string_view line, std::string_view cause = {}) {
    log(log_level::error, line, cause);
  }
  void warn(std::string_view line, std::string_view cause = {}) {
    log(log_level::warn, line, cause);
  }
  void info(std::string_view line, std::string_view cause = {}) {
    log(log_level::info, line, cause);
  }
  void debug(std::string_view line, std::string_view cause = {}) {
    log(log_level::debug, line, cause);
  }
  void log(log_level level, std::string_view line, std::string_view cause = {});
  /// A line in an SGR code where colour is allowed, e.g. highlight("31;1", "cut: lte").
  void highlight(std::string_view sgr, std::string_view line);
  bool shows(log_level level) const noexcept { return level <= level_; }
  /// From now on each line begins with the time, in UTC. Before other threads use it.
  void stamp_lines() { stamps_ = true; }

  /// Replaces the last rows of the terminal by these (separated by newlines, each cut to the
  /// width); empty removes them. Nothing happens where the terminal is not live or when quiet.
  void live(std::string_view rows);
  const terminal& term() const noexcept { return term_; }
  /// Wraps `text` in an SGR code where colour is allowed, e.g. paint("31", "dead").
  std::string paint(std::string_view sgr, std::string_view text) const;

 private:
  console(log_level level, bool quiet, terminal term);
  std::string prefixed(log_level level) const;
  std::string composed(log_level level, std::string_view line) const;
  void put(std::string text);
  void tell(int level, std::string_view line);
  std::string erased_rows();
  log_writer::clock::time_point tell_due(log_writer::clock::time_point now);

  std::mutex mutex_;
  log_level level_;
  terminal term_;
  bool quiet_;
  bool stamps_ = false;
  std::atomic<int> result_error_ = 0;
  unsigned rows_ = 0;
  repetitions repeated_;
  std::function<int(std::string_view)> put_result_;
  std::ostream* err_ = nullptr;
  std::unique_ptr<log_writer> writer_;
};

}  // namespace rendr::cli
