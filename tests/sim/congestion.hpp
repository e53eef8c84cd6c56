// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "rendr/time.hpp"

namespace rendr::sim {

enum class congestion : std::uint8_t { cubic, bbr };

/// What one acknowledgement told, all in bytes.
struct ack_sample {
  instant now{};
  std::uint64_t acked = 0;            ///< newly delivered, selectively or not
  std::uint64_t delivered = 0;        ///< in total
  std::uint64_t prior_delivered = 0;  ///< in total when the newest acknowledged segment was sent
  std::uint64_t prior_in_flight = 0;
  std::uint64_t in_flight = 0;  ///< after the acknowledgement
  std::uint64_t lost = 0;       ///< newly found missing
  std::uint64_t rate = 0;       ///< delivery rate sample per second; 0: none
  duration rtt{0};              ///< 0: none
  duration min_rtt{0};
  duration paced_for{0};  ///< how long pacing holds the next segment back
  bool delayed = false;   ///< by the receiver, it seems: it is for a lone short segment
  bool app_limited = false;
  bool cwnd_limited = false;  ///< the window held the sender back since the last acknowledgement
  bool advanced = false;      ///< the cumulative acknowledgement rose
  bool recovering = false;
};

/// A congestion window in the likeness of the kernel's, in bytes.
class congestion_control {
 public:
  static std::unique_ptr<congestion_control> make(congestion kind, std::uint32_t mss);
  virtual ~congestion_control() = default;

  /// The handshake took `rtt`; 0: nobody knows.
  virtual void connected(instant, duration) {}
  virtual void acked(const ack_sample& s) = 0;
  /// Fast recovery begins (once per window).
  virtual void lost(instant now, std::uint64_t in_flight) = 0;
  /// A recovery ended with segments that are missing, and the next began at once.
  virtual void relapsed(instant now, std::uint64_t in_flight) {
    recovered(now);
    lost(now, in_flight);
  }
  virtual void timed_out(std::uint64_t in_flight) = 0;
  virtual void recovered(instant now) = 0;
  virtual void sent(std::uint64_t) {}
  /// The sender was idle for `idle`, longer than its retransmission time-out `rto`.
  virtual void restarted(duration, duration) {}
  /// Something is sent while nothing is in flight.
  virtual void resumed(instant, bool /*app_limited*/) {}
  virtual std::uint64_t window() const = 0;
  /// The window still is far below where it last had to shrink.
  virtual bool starting() const { return false; }
  /// Bytes per second; 0: no pacing.
  virtual std::uint64_t pacing_rate() const { return 0; }
  /// Segments that go down to the device as one.
  virtual std::uint64_t least_aggregate() const { return 2; }
  /// Not 0: what is sent until that much is delivered tells nothing of the path's rate.
  virtual std::uint64_t limits_until() const { return 0; }
  /// It has emptied the line, or is about to, to measure the delay.
  virtual bool probing_delay() const { return false; }
};

}  // namespace rendr::sim
