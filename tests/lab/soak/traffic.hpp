// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "rendr/stream.hpp"
#include "rendr/time.hpp"
#include "support/netns.hpp"

namespace rendr::test {

/// One conversation, blocking; every method throws std::system_error, also when nothing moved for
/// `channel_patience`.
class channel {
 public:
  virtual ~channel() = default;
  /// At least one byte; 0: the end.
  virtual std::size_t read_some(std::span<std::byte> to) = 0;
  virtual void write(std::span<const std::byte> all) = 0;
  virtual void finish() = 0;  ///< the end of what is written
};
/// Longer than any conversation here is idle.
inline constexpr std::chrono::seconds channel_patience{150};

std::unique_ptr<channel> channel_over(owned_fd connected);
std::unique_ptr<channel> channel_over(stream flow);
/// To 127.0.0.1 of the namespace that the thread is in.
owned_fd connect_to(std::uint16_t port);
owned_fd listen_on(std::uint16_t port);

/// What the applications saw.
struct tally {
  std::atomic<std::uint64_t> bytes = 0;  ///< compared with what they must be
  std::atomic<std::uint64_t> messages = 0;
  std::atomic<std::uint64_t> flows = 0;
  std::atomic<std::uint64_t> idle_returns = 0;  ///< messages after a long silence
  std::atomic<std::int64_t> longest_wait = 0;   ///< ns, of an echo

  void fail(const std::string& what);
  std::vector<std::string> failures() const;
  void waited(duration how_long);

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> failures_;
};

/// Answers one conversation until its end: echoes messages, takes and gives bulk, and compares.
void answer(channel& with, tally& seen);

using opener = std::function<std::unique_ptr<channel>()>;

/// Bulk either way, echoes, short flows opened and closed, and idle flows, each in a thread of its
/// own, until it is stopped.
class traffic {
 public:
  /// `prepare` runs first in every thread and lives as long as it.
  traffic(std::string name, opener open, std::function<std::shared_ptr<void>()> prepare,
          std::uint64_t seed, tally& seen);
  /// Lets every conversation come to its end.
  void stop();
  ~traffic() { stop(); }

 private:
  using job = void (traffic::*)(const std::stop_token&, std::uint64_t seed);
  void start(const char* what, job work, std::uint64_t seed);
  bool rest(const std::stop_token& until, duration how_long);
  void upload(const std::stop_token& until, std::uint64_t seed);
  void download(const std::stop_token& until, std::uint64_t seed);
  void echo(const std::stop_token& until, std::uint64_t seed);
  void brief(const std::stop_token& until, std::uint64_t seed);
  void idle(const std::stop_token& until, std::uint64_t seed);

  std::string name_;
  opener open_;
  std::function<std::shared_ptr<void>()> prepare_;
  tally& seen_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<std::jthread> threads_;
};

}  // namespace rendr::test
