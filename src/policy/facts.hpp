// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "policy/graph.hpp"
#include "rendr/time.hpp"

namespace rendr::policy {

/// How well a child carries data, best first; the order of the values is the order of preference.
enum class health : std::uint8_t {
  usable,   ///< evidence of life is fresh
  late,     ///< an acknowledgement is overdue, but the carrier itself still makes progress
  suspect,  ///< overdue, and the carrier is silent too
  dead,     ///< no carrier: it broke, or was judged dead
  absent,   ///< no carrier: never attached, cold, or left on purpose
};
std::string_view to_string(health state) noexcept;

/// Whether a child in this state has a carrier that can take bytes.
constexpr bool alive(health state) noexcept { return state <= health::suspect; }

/// All that a policy knows of one child, measured by the engine. Unknown is zero.
struct child_facts {
  health state = health::absent;
  /// False while the child is on probation after a death or suspicion (see `return_delay`).
  bool eligible = true;
  bool measured = false;  ///< srtt rests on samples of this carrier, not on a guess
  duration srtt{0};
  duration rttvar{0};
  /// The smallest RTT seen lately, without this link's own queue. Zero: srtt stands in for it.
  duration min_rtt{0};
  /// Bytes per second that the child drained while it was kept busy. A time when the application
  /// offered too little says nothing about it and must not lower it. Zero: unknown.
  std::uint64_t rate = 0;
  /// Its carrier begins with a first window again, as after an idle time: `rate` comes later.
  bool cold = false;
  /// Of a path: what it takes now waits in its carrier, for want of window or buffer.
  bool blocked = false;
  std::uint64_t queued = 0;  ///< bytes given to it and not yet acknowledged, the kernel's included
  std::uint32_t weight = 1;  ///< preference between otherwise equal children; never a share

  // --- quality: a selector compares these. Unlike srtt, which deadlines need, they leave out own
  // load: a sample counts only when this link's own bytes did not fill the path while it was taken,
  // and the carrier was not repairing a loss. A bulk transfer thus adds no sample, its path's
  // evidence grows stale, and nothing flees from its own queue.

  duration latency{0};               ///< smoothed RTT of those samples (1/8 of each new one)
  duration jitter{0};                ///< their smoothed mean deviation (1/4 of each new one)
  std::uint32_t loss_per_mille = 0;  ///< datagrams lost on the way; 0 on a stream carrier
  /// Deaths and suspicions of late: those that `return_delay` counts. Zero: steady.
  std::uint32_t flaps = 0;
  /// latency and jitter rest on several samples of this very carrier: unmeasured is not fast.
  bool quality_known = false;
  /// The newest sample is at most two of the intervals old in which this child is measured at
  /// least. Stale evidence neither wins nor loses a move for quality.
  bool fresh = false;
  instant quality_at{};    ///< when the newest sample was taken; a later one renews the evidence
  std::uint32_t cost = 0;  ///< how dear a byte is, 0 to 1000 for a path; cheap is preferred

  /// The bond guard rests it: it takes nothing while another child of the bond can.
  bool rested = false;

  friend bool operator==(const child_facts&, const child_facts&) = default;
};

/// What the parent of a composite sees. A composite lives while one child lives, and its figures
/// are those of the children that would carry data now (the usable and late ones; the suspect ones
/// when there is no other):
/// - selector: all of `current` when that child is one of them, else of the best of them;
/// - race: the best state, the smallest RTT, the largest rate, the queue that drains first; the
///   latency, jitter and freshness of its quickest child, the least loss and flaps (what one child
///   loses another delivers), and the sum of the costs, as each byte is paid for on every child;
/// - bond: the best state, the smallest RTT, the sum of rates and queues; the latency, jitter and
///   freshness of its quickest child, the most flaps, and the mean loss and cost, by the rates. Not
///   the latency of the slowest nor a mean of all: the bond gives a short message to the child that
///   delivers it first and never to a slow one, so that a slow child makes nothing later; what bulk
///   waits for is queue, and own queue is not quality. A flap, a loss and a price do hit whatever
///   share goes that way. Rested children count only when all are.
/// The weight is 1: the caller sets the composite's own. `kind` path is as a selector.
child_facts combine(node_kind kind, std::span<const child_facts> children,
                    std::optional<std::size_t> current = std::nullopt) noexcept;

/// How long a child that came back must have been good before it is eligible again: four times the
/// time it was judged by, doubled by each further flap, at most 60 s. `flaps` counts deaths and
/// suspicions of that child; zero flaps need no probation.
duration return_delay(duration judged_by, unsigned flaps) noexcept;

}  // namespace rendr::policy
