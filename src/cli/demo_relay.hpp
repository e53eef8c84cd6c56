// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "rendr/error.hpp"
#include "rendr/time.hpp"

namespace rendr::cli {

struct relay_shape {
  std::uint64_t rate = 0;  ///< bytes/s each way; 0: unlimited
  duration delay{0};       ///< one way
};

/// A line with faults: accepts TCP connections on a loopback port of its own and carries their
/// bytes to another one, no faster than its rate (shared by the connections of a direction), each
/// byte delayed. The line buffers 40 ms of its rate, then pushes back, as a bottleneck does.
///
/// Runs on its executor, which one thread runs. The faults are told from any other thread and have
/// happened when the call returns.
class demo_relay {
 public:
  demo_relay(asio::any_io_executor loop, std::uint16_t target, relay_shape shape);
  /// The executor's thread must have ended, or run no more of it.
  ~demo_relay();
  demo_relay(const demo_relay&) = delete;
  demo_relay& operator=(const demo_relay&) = delete;

  /// Starts to listen; the failure of the system when it cannot.
  [[nodiscard]] failure open();
  std::uint16_t port() const noexcept;

  /// Resets every connection and refuses new ones for `length`. Returns how many it reset.
  unsigned kill(duration length);
  /// Carries nothing for `length`, either way, old connections or new: bytes are taken until the
  /// buffers are full, and arrive late. Returns how many connections went dark.
  unsigned silence(duration length);
  /// Ends everything.
  void close();

 private:
  struct shared;
  std::shared_ptr<shared> state_;
};

}  // namespace rendr::cli
