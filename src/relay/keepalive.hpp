// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace rendr::relay {

/// TCP keepalive of the sockets of applications, so that a program or target that vanished without
/// a word ends in bounded time. What is not given has the system's value
/// (net.ipv4.tcp_keepalive_time, _intvl, _probes).
struct keepalive {
  bool on = true;
  std::optional<std::chrono::seconds> idle;      ///< 1 to 32767: until the first probe
  std::optional<std::chrono::seconds> interval;  ///< 1 to 32767: between probes
  std::optional<std::uint8_t> count;             ///< 1 to 127: unanswered ones that end it

  friend bool operator==(const keepalive&, const keepalive&) = default;
};

}  // namespace rendr::relay
