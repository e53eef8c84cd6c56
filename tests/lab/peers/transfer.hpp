// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "lab/peers/ends.hpp"
#include "support/emulator.hpp"

namespace rendr::test {

/// Runs in a process of its own, which dies with this one.
class child {
 public:
  /// `core`: where it is pinned to; -1: nowhere. What `body` throws goes to `errors`.
  child(const netns& where, int core, trace& errors, const std::function<void()>& body);
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child();
  bool running() const;
  /// User and system time so far, in seconds.
  double cpu_seconds() const;

 private:
  pid_t pid_ = -1;
  owned_fd handle_;
};

/// One transfer between two processes in the namespaces of an emulator, from its construction to
/// its destruction. Throws when it does not begin within 10 s.
class transfer {
 public:
  transfer(const emulator& net, const job& what, bool pinned = false);

  const trace& sent() const { return near_; }
  const trace& received() const { return far_; }
  double cpu_seconds() const { return sender_->cpu_seconds() + receiver_->cpu_seconds(); }
  bool running() const { return sender_->running() && receiver_->running(); }
  /// What ended one of the ends; empty: nothing did.
  std::string error() const;
  /// Looks every millisecond until `done` or `end`, or an end is gone. True: it is done.
  bool wait(instant end, const std::function<bool()>& done) const;
  void run_until(instant end) const;

 private:
  trace near_;
  trace far_;
  std::optional<child> receiver_;
  std::optional<child> sender_;
};

/// Runs a program in a namespace and waits for it; throws with its output when it failed.
void run_in(const netns& where, const std::vector<std::string>& command);

}  // namespace rendr::test
