// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "policy/facts.hpp"

namespace rendr::policy {

/// Why a bond let a child take a range, or declined.
enum class bond_reason : std::uint8_t {
  fastest,        ///< takes: no child delivers this range sooner
  backlog,        ///< takes: the others alone would need longer for what waits
  probe,          ///< takes: its rate is unknown, and what waits is enough to measure it
  all_suspect,    ///< takes: suspect, but no child is better
  nothing,        ///< declines: nothing waits
  unusable,       ///< declines: no carrier
  suspect,        ///< declines: suspect, and another child is not
  rested,         ///< declines: the guard rests it, and another child is not rested
  probation,      ///< declines: it came back a moment ago, and another child is good
  full,           ///< declines: it holds as much as it drains in about two round trips
  others_sooner,  ///< declines: the others deliver all that waits before this child would deliver
};
/// The reason as a half sentence for events and status.
std::string_view to_string(bond_reason reason) noexcept;
/// The reason as a stable word, e.g. "others_sooner".
std::string_view name(bond_reason reason) noexcept;

struct bond_ask {
  std::size_t child = 0;      ///< who asks: position among the children
  std::uint64_t backlog = 0;  ///< bytes that wait for a child, those asked for included
  std::uint64_t size = 0;     ///< what the child would take now: one record
  /// The range asked for was given to a child before and must be sent again: the receiver waits
  /// for it, so only the child that delivers it first takes it.
  bool again = false;
};

struct bond_decision {
  std::uint64_t take = 0;  ///< bytes; 0: declined
  /// Takes: of what waits, the others deliver this much before this child's part arrives. A caller
  /// that can hand out ranges out of order takes the part from behind it, so that the receiver gets
  /// all in order and waits for nothing; one that cannot may ignore it.
  std::uint64_t skip = 0;
  /// Declined: ask again after this time at the latest, and after any change of facts or backlog.
  /// `duration::max()`: a change alone can alter the answer.
  duration after{0};
  bond_reason reason = bond_reason::nothing;
  friend bool operator==(const bond_decision&, const bond_decision&) = default;
};

/// Whether the asking child takes the next range, by completion time: it declines when the other
/// children deliver all that waits before this child would deliver its part. With a large backlog
/// every child takes, as fast as it drains; a short message goes to the child that delivers it
/// first. The child that would deliver first is never declined for another's sake, so of the
/// children with room one always takes. Weights play no part.
bond_decision decide(const bond_ask& ask, std::span<const child_facts> children);

/// When `child` would have delivered `size` more bytes, from now.
duration completion_time(const child_facts& child, std::uint64_t size) noexcept;

/// What a child may hold unacknowledged before it is full.
std::uint64_t in_flight_limit(const child_facts& child, std::uint64_t record_size) noexcept;

}  // namespace rendr::policy
