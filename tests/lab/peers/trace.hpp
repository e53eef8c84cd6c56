// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rendr/time.hpp"

namespace rendr::test {

instant monotonic_now();

/// When a count of bytes was reached.
struct trace_entry {
  instant at;
  std::uint64_t total;
};

/// What one end of a transfer did, in memory that its process shares with the one that started it.
/// One process writes, others read at any time.
class trace {
 public:
  trace();
  trace(const trace&) = delete;
  trace& operator=(const trace&) = delete;
  ~trace();

  void moved(std::uint64_t more);  ///< bytes that were accepted for sending, or received
  void set_ready() { head_->ready = true; }
  void set_port(std::uint16_t port) { head_->port = port; }
  /// The first one stays.
  void set_error(std::string_view why);
  void set_links(std::uint32_t links) { head_->links = links; }

  bool ready() const { return head_->ready; }
  std::uint16_t port() const { return head_->port; }
  std::uint64_t total() const { return head_->total; }
  std::string error() const;
  /// How many links the kernel says that the connection uses; 0: it was not asked.
  std::uint32_t links() const { return head_->links; }
  std::span<const trace_entry> entries() const;

 private:
  static constexpr std::size_t most_entries = 400'000;
  struct head {
    std::atomic<bool> ready;
    std::atomic<std::uint16_t> port;
    std::atomic<std::uint32_t> links;
    std::atomic<std::uint64_t> total;
    std::atomic<std::size_t> entries;
    std::atomic<bool> failed;
    char why[256];
  };
  head* head_;
  trace_entry* entries_;
};

}  // namespace rendr::test
