// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "base/range_set.hpp"
#include "sim/event_queue.hpp"
#include "sim/random.hpp"

namespace rendr::sim {

class tcp_socket;

enum class packet_kind : std::uint8_t { syn, syn_ack, segment, probe, rst };

/// A TCP packet as the model needs it: the bytes themselves stay with the sender until read.
struct packet {
  tcp_socket* to = nullptr;
  packet_kind kind = packet_kind::segment;
  bool fin = false;
  bool push = false;  ///< ends what the program has written
  std::uint8_t sack_count = 0;
  std::uint32_t length = 0;
  std::uint64_t seq = 0;
  std::uint64_t ack = 0;
  std::uint64_t window_end = 0;  ///< highest sequence number that the receiver lets us send, + 1
  std::array<range, 3> sacks{};
};

struct lane_options {
  duration delay{std::chrono::milliseconds(10)};
  duration jitter{0};                ///< uniform on top of the delay; never reorders
  duration deviation{0};             ///< of a delay that is normally distributed, cut at zero
  std::uint64_t rate = 0;            ///< bytes per second; 0: no bottleneck
  std::uint64_t queue = 256 * 1024;  ///< bytes at the bottleneck, drop-tail
  std::uint32_t loss_ppm = 0;        ///< each packet, independently
  std::uint32_t corrupt_ppm = 0;     ///< each packet: one bit arrives flipped, unseen by TCP
};

struct lane_counters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t overflowed = 0;
  std::uint64_t darkened = 0;  ///< dropped because the lane was dark
  std::uint64_t corrupted = 0;
};

/// One direction of a line: a bottleneck queue, then a delay. All connections on a line share it.
class lane {
 public:
  lane(event_queue& queue, random rng, const lane_options& options);

  void send(const packet& p);

  // Faults; each may come at any time.
  /// Nothing enters the wire any more. What already is on it (past the queue) still arrives.
  void blackhole(bool on) noexcept { dark_ = on; }
  bool dark() const noexcept { return dark_; }
  /// The queue does not drain; nothing is lost that fits into it.
  void stall(bool on);
  void set_rate(std::uint64_t rate);
  void set_delay(duration delay) noexcept { options_.delay = delay; }
  void set_jitter(duration jitter) noexcept { options_.jitter = jitter; }
  void set_loss(std::uint32_t ppm) noexcept { options_.loss_ppm = ppm; }
  void set_corruption(std::uint32_t ppm) noexcept { options_.corrupt_ppm = ppm; }
  void set_queue(std::uint64_t bytes) noexcept { options_.queue = bytes; }

  const lane_options& options() const noexcept { return options_; }
  const lane_counters& counters() const noexcept { return counters_; }
  std::uint64_t queued_bytes() const noexcept { return queued_bytes_; }
  /// Packets with payload in the queue or on the wire.
  std::size_t data_packets() const noexcept { return data_packets_; }
  random& rng() noexcept { return rng_; }
  /// Whether the payload of a packet that arrives now is damaged.
  bool corrupts() noexcept;

 private:
  struct flying {
    instant arrival;
    packet p;
  };
  static std::uint64_t wire_size(const packet& p) noexcept;
  void serve();
  void depart();
  void launch(const packet& p);
  void arrive();
  void account_progress();

  event_queue& queue_;
  random rng_;
  lane_options options_;
  lane_counters counters_;
  bool dark_ = false;
  bool stalled_ = false;
  std::deque<packet> waiting_;
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t head_left_ = 0;  ///< nano-bytes of the head packet still to serve
  instant served_since_{};
  std::deque<flying> flight_;
  instant last_arrival_{};
  std::size_t data_packets_ = 0;
  alarm departure_;
  alarm arrival_;
};

}  // namespace rendr::sim
