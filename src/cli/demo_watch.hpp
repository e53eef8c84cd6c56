// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/timeline.hpp"
#include "rendr/events.hpp"
#include "rendr/status.hpp"

namespace rendr::cli {

/// A cut as it was carried out.
struct done_cut {
  duration at{0};
  cut_kind kind{};
  std::size_t path = 0;
  unsigned connections = 0;         ///< how many it hit; 0: it did not happen
  failure why;                      ///< of a migration that was refused
  std::optional<duration> noticed;  ///< so long after it the dialer doubted or left the path
  std::string how;                  ///< by what
};

/// Collects what happens in the demo: samples of the counters, events of the link, cuts.
/// `on_event` is called by the link's loop, all else by one other thread.
class demo_watch {
 public:
  demo_watch();

  /// The run starts now; what happens before is at time 0. From any thread.
  void begin();
  duration age() const;

  void on_event(const link_event& event);
  /// Takes over the events since the last call; a line of text for each that people want to see.
  std::vector<std::string> new_lines();
  void sample(const link_status& status, std::uint64_t delivered);
  void note(done_cut cut);

  /// The path that carried most since the last samples, among those that are attached.
  std::size_t busiest() const;
  const link_status& status() const noexcept { return status_; }
  const timeline& run() const noexcept { return run_; }
  const std::vector<done_cut>& cuts() const noexcept { return cuts_; }
  std::size_t migrations() const noexcept { return migrations_; }
  /// Bytes/s by path and delivered, at the last sample.
  const timeline::sample& now() const noexcept { return last_; }

 private:
  struct timed {
    duration at;
    link_event event;
  };
  void judge(const timed& happened);

  std::atomic<std::chrono::steady_clock::rep> begun_ = 0;
  std::mutex mutex_;
  std::vector<timed> arrived_;  ///< guarded by the mutex
  link_status status_;
  timeline run_;
  timeline::sample last_;
  std::vector<std::vector<std::uint64_t>> counters_;  ///< payload by path at the last samples
  std::uint64_t last_delivered_ = 0;
  std::vector<done_cut> cuts_;
  std::size_t migrations_ = 0;
};

/// "kill fiber", "silence lte", "migrate to wifi".
std::string to_text(const done_cut& cut);

}  // namespace rendr::cli
