// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace rendr::test {

/// A TCP relay on loopback that breaks things: a path dialled through it can be killed, made dark,
/// slowed down or delayed while it runs. Its own thread; every method may be called from any.
class fault_relay {
 public:
  /// Listens on a free port and forwards to `target_port` on 127.0.0.1.
  explicit fault_relay(std::uint16_t target_port);
  fault_relay(const fault_relay&) = delete;
  fault_relay& operator=(const fault_relay&) = delete;
  ~fault_relay();

  std::uint16_t port() const;
  /// Resets every connection that runs now. Returns how many there were.
  std::size_t kill();
  /// Accepts and acknowledges, but forwards nothing in either direction, until `lighten`.
  void blackhole();
  void lighten();
  /// Refuses new connections (they are reset at once) until `admit`.
  void refuse();
  void admit();
  /// Adds this delay to what arrives from now on, in each direction.
  void delay(std::chrono::milliseconds each_way);
  /// Bytes per second, direction and connection; 0: no limit. Connections that are made under a
  /// limit have little buffers.
  void limit(std::uint64_t bytes_per_second);

  std::size_t connections() const;  ///< running now
  std::size_t accepted() const;     ///< since the beginning
  std::uint64_t forwarded() const;  ///< bytes, both directions
  /// Waits until so many bytes more than now were forwarded. False after 10 s.
  bool wait_forwarded(std::uint64_t more) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace rendr::test
