// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "base/seeded_random.hpp"
#include "rendr/time.hpp"

namespace rendr::test {

struct lane_settings {
  duration delay{std::chrono::milliseconds(10)};
  duration jitter{0};                ///< uniform on top of the delay
  bool reorder = false;              ///< jitter may let a packet overtake another
  std::uint64_t rate = 0;            ///< bytes of IP packets per second; 0: no bottleneck
  std::uint64_t queue = 256 * 1024;  ///< bytes at the bottleneck, drop-tail
  std::uint32_t loss_ppm = 0;        ///< each packet, independently
  std::uint32_t corrupt_ppm = 0;     ///< each packet: one bit behind the IP header flips
  std::uint32_t mtu = 65535;         ///< larger packets vanish without a word
  bool up = true;                    ///< down: nothing enters or leaves the queue for the wire
};

/// entered = forwarded + lost + overflowed + darkened + too_large + what is still on its way.
struct lane_counters {
  std::uint64_t entered = 0;
  std::uint64_t entered_bytes = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t forwarded_bytes = 0;
  std::uint64_t lost = 0;        ///< by the random loss
  std::uint64_t overflowed = 0;  ///< the queue was full
  std::uint64_t darkened = 0;    ///< the lane was down
  std::uint64_t too_large = 0;
  std::uint64_t corrupted = 0;   ///< forwarded all the same
  std::uint64_t queue_high = 0;  ///< most bytes that ever waited
  duration latest{0};            ///< longest time after its due that a packet was taken out
};

/// One direction of an emulated link: loss, then a bottleneck queue, then a delay. It has no clock:
/// times are computed from the settings and from when a packet entered, so that a caller that looks
/// late delays packets but does not lose rate.
class emulator_lane {
 public:
  explicit emulator_lane(std::uint64_t seed) noexcept : random_(seed) {}

  const lane_settings& settings() const noexcept { return settings_; }
  const lane_counters& counters() const noexcept { return counters_; }
  /// Holds for what waits in the queue too; what left it keeps its time of arrival.
  void change(instant now, const lane_settings& settings);
  /// Begins anew with what is drawn. With loss alone, each packet that enters draws one number.
  void reseed(std::uint64_t seed) noexcept { random_ = seeded_random(seed); }
  void enter(instant now, std::span<const std::byte> packet);
  /// When the next packet arrives; `never`: none is on its way.
  instant next_time() const noexcept;
  /// The next packet that has arrived by `now`; its bytes stay valid until the next call.
  std::optional<std::span<const std::byte>> leave(instant now);
  /// Bytes of memory: packets on their way, and spare ones.
  std::size_t memory() const noexcept;

 private:
  using packet = std::vector<std::byte>;
  struct flying {
    instant arrival;
    std::uint64_t order;
    packet data;
  };
  static bool later(const flying& a, const flying& b) noexcept {
    return a.arrival != b.arrival ? a.arrival > b.arrival : a.order > b.order;
  }
  duration serving(std::uint64_t bytes) const noexcept;
  void advance(instant now);
  void launch(instant when, packet data);
  void recycle(packet data);
  void corrupt(packet& data);

  seeded_random random_;
  lane_settings settings_;
  lane_counters counters_;
  std::deque<packet> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  instant head_done_ = never;
  std::vector<flying> flight_;  ///< a heap by (arrival, order)
  std::uint64_t launched_ = 0;
  instant last_arrival_{};
  packet out_;
  std::vector<packet> spare_;
};

}  // namespace rendr::test
