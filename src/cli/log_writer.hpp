// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace rendr::cli {

/// Writes lines to a descriptor from a thread of its own, in their order, so that no caller ever
/// waits for a pipe that nobody reads, a stopped terminal or a full disk. What waits is bounded;
/// what finds no room is lost, and a line tells how many were. The thread begins with the first
/// line.
///
/// A descriptor that takes nothing now (full, or out of space) is tried again until it does; on
/// one that never will (closed, a directory) the line is lost. The descriptor is left as it is: it
/// may be shared with other programs, so it is never made non-blocking.
class log_writer {
 public:
  using clock = std::chrono::steady_clock;

  struct options {
    std::size_t most_bytes = 256 * 1024;  ///< that wait
    /// What is left when the object goes has so long to be written.
    std::chrono::milliseconds linger{1000};
    /// The line that tells of so many lost ones.
    std::function<std::string(std::uint64_t lost)> of_lost;
    /// Called on the thread when its time has come and after lines were given; answers when next.
    /// It may call `write`.
    std::function<clock::time_point(clock::time_point now)> on_time;
  };

  log_writer(int fd, options chosen);
  /// Waits until everything is written, `linger` at most, and much less when nothing could be
  /// written for as long already.
  ~log_writer();
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  /// Queues `text`, which ends with a newline; at most PIPE_BUF bytes are never torn. False: there
  /// is no room, it was lost and counted. Any thread; never waits.
  bool write(std::string text);
  /// Whether all that was given is written.
  bool idle() const;

 private:
  struct state;
  static void run(const std::shared_ptr<state>& s);

  std::shared_ptr<state> state_;  ///< the thread's too: one that is stuck in a write is left to it
  std::thread thread_;
};

}  // namespace rendr::cli
