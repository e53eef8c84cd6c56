// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.hpp"

namespace rendr::policy {

/// The guard of a bond keeps the hard rule "never slower than the best single child": it measures
/// what the application gets, rests the child that spoils it, and tries it again seldom.

/// One child of the bond, in order.
struct guard_child {
  child_facts facts;  ///< state, rate, queued and min_rtt count; `rested` is ignored
  /// For how long, in all, the receiver waited for this child: time in which the lowest
  /// unacknowledged byte of some flow was charged to it while later bytes of that flow were
  /// acknowledged already. Only grows.
  duration blocked{0};
};

struct guard_sample {
  /// Bytes acknowledged in order (from the first missing one on nothing counts), of all flows that
  /// this bond carries, in all. Only grows.
  std::uint64_t in_order = 0;
  /// Since the last call there was a moment at which no flow of the bond had anything that waited,
  /// or the peer's credit held it back: what was carried then says nothing about the children.
  bool limited = false;
  std::span<const guard_child> children;
};

struct guard_options {
  duration window = std::chrono::seconds(2);  ///< but at least so many
  int round_trips = 8;                        ///< of the longest child: a start takes as long
  std::uint32_t growth_percent =
      10;  ///< of the best child since the window before: the start is not over
  std::uint32_t floor_percent = 98;  ///< of the best child's own rate, in order
  std::uint32_t gain_percent = 2;    ///< a child whose rest brings less was not the harmful one
  duration spared = std::chrono::minutes(1);  ///< such a child is not rested again for so long,
  duration spared_at_most = std::chrono::minutes(10);  ///< doubled each time to this
  duration probe = std::chrono::milliseconds(100);     ///< a rested child takes part for so long
  /// Between two probes of a child; doubled by each probe or return that fails, to `pause_at_most`.
  duration pause = std::chrono::seconds(20);
  duration pause_at_most = std::chrono::seconds(640);
  duration probation = std::chrono::minutes(1);  ///< after a return one failing window is enough
};
/// Probes take at most 0.5 % of the time, and so do windows lost to a return that fails.
inline constexpr guard_options guard_defaults{};
static_assert(guard_defaults.probe * 200 <= guard_defaults.pause + guard_defaults.probe);
static_assert(guard_defaults.window * 200 <= guard_defaults.pause_at_most);

enum class guard_phase : std::uint8_t {
  watching,   ///< the bond carries at least what its best child would
  doubting,   ///< one window failed
  settling,   ///< a child was rested: what it holds drains
  verifying,  ///< does the rest help?
  probing,    ///< a rested child takes part for a moment
  judging,    ///< the rest of the probe's window
};
std::string_view to_string(guard_phase phase) noexcept;

enum class guard_reason : std::uint8_t {
  nothing,       ///< no window ended
  good,          ///< the window was good, or said nothing
  failed,        ///< the window was below the floor
  rested,        ///< two windows failed: the child that the receiver waited for rests
  rested_again,  ///< a child that had just returned made a window fail
  harmful,       ///< the rest helped: the child stays rested
  spared,        ///< the rest did not help: the child takes part again
  probe,         ///< a rested child takes part for a moment
  probe_over,    ///< it rests again until the window ends
  returned,      ///< the probe was good: the child takes part again
  probe_failed,  ///< the probe was bad: the next one comes twice as late
  probe_void,    ///< the probe said nothing: the next one comes as usual
  needed,        ///< no other child is left: all take part again
};
/// The reason as a half sentence for events and status.
std::string_view to_string(guard_reason reason) noexcept;
/// The reason as a stable word.
std::string_view name(guard_reason reason) noexcept;

struct guard_child_state {
  bool rested = false;
  instant probe_at{};  ///< rested: the next probe
  duration pause{0};   ///< between probes; 0: never rested
  instant probation_until{};
  instant spared_until{};
  duration spared_for{0};
  duration blocked_then{0};    ///< at the start of the window
  duration blocked_before{0};  ///< in the failing window before this one
  friend bool operator==(const guard_child_state&, const guard_child_state&) = default;
};

struct guard_state {
  guard_phase phase = guard_phase::watching;
  bool open = false;  ///< a window is under way
  bool limited = false;
  instant begun{};
  instant probe_until{};
  std::uint64_t in_order_then = 0;
  std::uint64_t goodput = 0;    ///< bytes per second in order in the last window that counted
  std::uint64_t best_rate = 0;  ///< of the best child at the end of the window before
  std::uint64_t reference = 0;  ///< what a verification or a probe is held against
  std::optional<std::size_t> subject;  ///< the child that is verified or probed
  std::vector<guard_child_state> children;
  friend bool operator==(const guard_state&, const guard_state&) = default;

  bool rested(std::size_t child) const noexcept {
    return child < children.size() && children[child].rested;
  }
};

struct guard_decision {
  guard_reason reason = guard_reason::nothing;
  std::optional<std::size_t> child;  ///< whom the reason concerns
  bool changed = false;              ///< some child's `rested` changed
  std::string evidence;              ///< "4.1 MB/s in order, the best child alone 6.2 MB/s"
  instant again = never;             ///< call again then, while something is to be sent
  guard_state next;
};

/// One state per bond node. Call it at `again` while flows of the bond have something to send, and
/// at once when a child's health changes; a call that comes later than two windows begins a new
/// window. The first call begins one too. `children[i].rested` of the bond's facts is then
/// `next.rested(i)`.
guard_decision decide(const guard_state& state, const guard_sample& sample, instant now,
                      const guard_options& options = guard_defaults);

}  // namespace rendr::policy
