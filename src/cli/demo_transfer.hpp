// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "cli/demo_file.hpp"
#include "cli/sha256.hpp"
#include "rendr/link.hpp"
#include "rendr/listener.hpp"

namespace rendr::cli {

/// One file over one flow, by two threads with blocking calls, as any plain program would: a sender
/// on the dialer's side and a receiver on the acceptor's. The receiver answers with the SHA-256 of
/// what it got; the sender knows the one of what it read.
class demo_transfer {
 public:
  using clock = std::chrono::steady_clock;

  struct outcome {
    failure why;  ///< no code: the bytes arrived; compare the sums
    digest sent{};
    digest received{};
    duration time{0};         ///< from the first byte written to the last one read
    duration largest_gap{0};  ///< the longest time between two reads that gave bytes
    duration gap_at{0};       ///< when it ended, since the start
  };

  /// Nothing happens before `start`. `at` must listen, `over` must be started.
  demo_transfer(const demo_file& file, link& over, listener& at);
  /// Waits for both threads: end them by `link::abort` and `listener::close` first.
  ~demo_transfer();

  void start();
  bool done() const noexcept { return threads_left_.load() == 0; }
  /// Bytes that the receiver has read.
  std::uint64_t received() const noexcept { return received_.load(); }
  /// Waits for the end.
  outcome finish();

 private:
  duration age() const;
  void send();
  void receive();
  void fail(const std::error_code& code, const char* side);

  const demo_file& file_;
  link& over_;
  listener& at_;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<clock::rep> begun_ = 0;
  std::atomic<int> threads_left_ = 2;
  std::atomic<bool> failed_ = false;
  outcome outcome_;
  std::thread sender_;
  std::thread receiver_;
};

}  // namespace rendr::cli
