// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rendr/rendr.hpp"

namespace rendr::test {

using lab_clock = std::chrono::steady_clock;

/// What one end of a flow writes.
struct traffic {
  std::size_t size = 0;  ///< of each message; 0: no messages
  lab_clock::duration every{0};
  std::uint64_t total = 0;  ///< bytes, then the end of the stream
  bool echo = false;        ///< as much as arrived

  static constexpr std::uint64_t endless = ~std::uint64_t{0};
  static traffic none() { return {}; }
  static traffic bulk(std::uint64_t bytes = endless) { return {0, {}, bytes, false}; }
  static traffic paced(std::size_t size, lab_clock::duration every,
                       std::uint64_t messages = 1'000'000'000) {
    return {size, every, size * messages, false};
  }
  static traffic echoed() { return {0, {}, endless, true}; }
};

/// When a count of bytes was reached.
struct moment {
  lab_clock::time_point at;
  std::uint64_t total;
};

/// One end of a flow on its link's loop: writes bytes that tell where they belong, compares what
/// arrives, and keeps when that was. What is not said to be otherwise may be called from anywhere.
class talker : public std::enable_shared_from_this<talker> {
 public:
  talker(const asio::any_io_executor& loop, const traffic& what);

  void start(stream flow);
  /// Lets go of the flow and waits until the loop has done so; not on the loop.
  void stop();

  std::vector<moment> wanted() const;   ///< when how much was to be written
  std::vector<moment> arrived() const;  ///< when how much had been read
  std::uint64_t received() const;       ///< bytes
  std::uint64_t asked() const;          ///< bytes that were to be written so far
  bool ended() const;                   ///< the peer's end of stream was read
  std::string problem() const;          ///< what should not have happened; empty: nothing
  std::string addresses() const;        ///< of the flow, as the application sees them

 private:
  void begin();
  void read();
  void took(std::size_t n);
  void turn();
  void want(std::uint64_t more);
  void pump();
  void complain(const std::string& what);

  asio::any_io_executor loop_;
  traffic what_;
  std::optional<asio::steady_timer> timer_;
  stream flow_;
  lab_clock::time_point due_;
  std::vector<std::byte> piece_;
  std::uint64_t allowed_ = 0;
  std::uint64_t sent_ = 0;
  bool writing_ = false;
  bool stopped_ = false;

  mutable std::mutex mutex_;
  std::vector<moment> wanted_;
  std::vector<moment> arrived_;
  std::string problem_;
  bool ended_ = false;
};

/// Bytes at `at` <= t.
std::uint64_t total_at(const std::vector<moment>& all, lab_clock::time_point t);
/// When `total` bytes were there; max(): never.
lab_clock::time_point reached(const std::vector<moment>& all, std::uint64_t total);
/// A time without a new byte.
struct silence {
  lab_clock::time_point from{};
  lab_clock::time_point to{};
  lab_clock::duration length() const { return to - from; }
};
/// The longest of those that began in [from, to].
silence longest_silence(const std::vector<moment>& all, lab_clock::time_point from,
                        lab_clock::time_point to);

}  // namespace rendr::test
