// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/range_set.hpp"
#include "base/result.hpp"
#include "engine/path/quality.hpp"
#include "policy/graph.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// Bytes of a stream, or sequence numbers of a packet flow, that a record carried; the FIN counts
/// as one behind the last.
struct sent_range {
  std::uint64_t flow = 0;
  range bytes;
  policy::node_id node =
      policy::no_node;      ///< the leaf node charged; no_node: a rescue, charged to nobody
  std::uint32_t graph = 0;  ///< the version of the flow's graph that `node` belongs to
};

/// Which piece of control state a record carried. What is lost is regenerated from current state.
enum class control : std::uint8_t {
  open,
  accept,
  reject,
  reset,
  stop,
  max_data,
  skip,
  path_state,
  graph,
  select,
  goaway,
  new_token,
  retire_token,
  slot,
};

struct sent_control {
  control what{};
  std::uint64_t key = 0;    ///< flow number, path id or number of a token
  std::uint64_t value = 0;  ///< limit, epoch or version that was sent
};

struct sent_record {
  static constexpr std::uint64_t unknown = ~std::uint64_t{0};

  std::uint64_t wire_end = 0;  ///< carrier position behind its last byte
  std::uint32_t size = 0;
  std::uint64_t heard = 0;  ///< bytes that had arrived on the path when it was made
  bool unloaded = false;    ///< nothing of ours stood before it: its round trip tells of the path
  bool eliciting = false;
  bool acknowledged = false;
  bool requeued = false;     ///< its ranges were given to other paths
  bool asked_again = false;  ///< so did its control frames
  bool transmitted = false;
  std::uint64_t in_flight = 0;  ///< bytes unacknowledged before it, when it was transmitted
  instant sent_at = never;      ///< when the carrier took its last byte
  delivery_mark delivery;
  /// Bytes that the receiver lacked of it when they last went by another path too, for it was late.
  std::uint64_t lacked = unknown;
  std::vector<sent_range> ranges;
  std::vector<sent_control> controls;

  bool opens_a_flow() const noexcept {
    return std::any_of(controls.begin(), controls.end(),
                       [](const sent_control& c) { return c.what == control::open; });
  }
};

/// The sending side of one path's record numbers.
class sent_log {
 public:
  std::uint64_t next_number() const noexcept { return base_ + records_.size(); }
  /// Numbers below were used by the handshake. Only while nothing was added.
  void start_at(std::uint64_t number) noexcept { base_ = number; }
  /// The number was used for a record that the carrier took whole.
  bool was_transmitted(std::uint64_t number) const noexcept {
    if (number >= next_number()) return false;
    return number < base_ || records_[number - base_].transmitted;
  }
  sent_record& add(sent_record record);
  sent_record* find(std::uint64_t number) noexcept;
  /// Eliciting bytes transmitted and not acknowledged.
  std::uint64_t in_flight() const noexcept { return in_flight_; }
  void transmitted(sent_record& record, instant now, const delivery_mark& mark) noexcept;
  /// The oldest eliciting record that was transmitted and is not acknowledged.
  const sent_record* oldest() const noexcept;
  /// Some record under way carries bytes of a flow.
  bool any_ranges() const noexcept;
  std::uint64_t oldest_number() const noexcept { return base_; }
  bool all_acknowledged() const noexcept { return records_.empty(); }

  /// Calls `on_acked(number, record)` for each record that this frame acknowledges for the first
  /// time, in order. protocol_violation: it names a number that was never transmitted.
  template <class OnAcked>
  errc acknowledge(const wire::path_ack& ack, OnAcked&& on_acked) {
    if (ack.count == 0) return errc::protocol_violation;
    if (ack.largest() >= next_number()) return errc::protocol_violation;
    for (std::size_t i = ack.count; i-- > 0;) {
      for (auto n = std::max(ack.ranges[i].begin, base_); n < ack.ranges[i].end; ++n) {
        auto& record = records_[n - base_];
        if (!record.transmitted) return errc::protocol_violation;
        if (record.acknowledged) continue;
        record.acknowledged = true;
        if (record.eliciting) in_flight_ -= record.size;
        on_acked(n, record);
      }
    }
    trim();
    return errc{};
  }
  /// Every record that is not acknowledged, in order, transmitted or not.
  template <class Visit>
  void each_open(Visit&& visit) {
    for (auto& record : records_) {
      if (!record.acknowledged) visit(record);
    }
  }

 private:
  void trim() noexcept;

  std::deque<sent_record> records_;
  std::uint64_t base_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace rendr::engine
