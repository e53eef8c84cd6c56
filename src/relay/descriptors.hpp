// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <string_view>

namespace rendr::relay {

inline constexpr std::string_view few_descriptors =
    "new connections wait: this process is out of descriptors (ulimit -n, LimitNOFILE=)";

/// How long they wait before somebody looks again.
inline constexpr std::chrono::milliseconds descriptor_pause{100};

/// Whether new connections should wait: what is left of the process's descriptors is the reserve
/// for paths, names and files, a sixteenth of all, 8 to 256. The kernel gives the lowest free
/// number, so a new one far below the limit says that many are left. Any thread.
class descriptor_watch {
 public:
  /// The number of a connection that was opened just now.
  void opened(int number) noexcept { newest_ = number; }
  /// One that will be opened soon.
  void begin() noexcept { ++under_way_; }
  void end() noexcept { --under_way_; }
  bool is_short() const noexcept;

 private:
  std::atomic<int> newest_ = 0;
  mutable std::atomic<int> allowed_ = 0;  ///< numbers up to it were found far below the limit
  std::atomic<int> under_way_ = 0;
};

}  // namespace rendr::relay
