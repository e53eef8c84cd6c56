// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "policy/facts.hpp"

namespace rendr::policy {

/// Why a selector stands where it stands.
enum class selector_reason : std::uint8_t {
  first_choice,        ///< nothing was chosen before; this is the best child
  kept,                ///< the current child carries data well enough
  kept_late,           ///< the current child is late; lateness alone never moves
  died,                ///< the current child has no carrier any more
  suspected,           ///< the current child is suspect and another is better
  all_suspect,         ///< the current child is suspect and no child is better: stayed
  none_alive,          ///< no child has a carrier: nothing can be sent
  by_command,          ///< an explicit command chose it
  override_returned,   ///< the child chosen by command is good again
  override_died,       ///< the child chosen by command has no carrier: moved, availability first
  override_suspected,  ///< the child chosen by command is suspect: moved, availability first
  released,            ///< a command gave the choice back; the current child stays while it is good
  refused_unknown,     ///< the command named no child of this selector: nothing changed
  refused_dead,        ///< the command named a child without a carrier: nothing changed
  refused_suspect,     ///< the command named a suspect child while a better one is there
};
/// The reason as a half sentence for events and status, e.g. "the current child died".
std::string_view to_string(selector_reason reason) noexcept;
/// The reason as a stable word, e.g. "override_died".
std::string_view name(selector_reason reason) noexcept;

/// What a selector remembers: plain values, positions among its children.
struct selector_state {
  std::optional<std::size_t> current;   ///< the child in use
  std::optional<std::size_t> override;  ///< the child that a command asked for, until released
  friend bool operator==(const selector_state&, const selector_state&) = default;
};

struct selector_decision {
  std::optional<std::size_t> child;  ///< the child to use; nullopt: none has a carrier
  selector_reason reason = selector_reason::kept;
  bool changed = false;  ///< `child` differs from `state.current`: this is a migration
  bool refused = false;  ///< a command was refused; the state is as before
  selector_state next;   ///< what to remember
  friend bool operator==(const selector_decision&, const selector_decision&) = default;
};

/// Where the selector stands, given these facts. Ask after every change of a child's facts. Moves
/// on death and suspicion only, never on lateness and never because a better child came back,
/// except to the child that a command chose. The order of preference: usable before late before on
/// probation before suspect; measured before unmeasured; heavier before lighter; then the order in
/// the graph. When no child has a carrier, `next.current` is empty and the override stays.
selector_decision decide(const selector_state& state, std::span<const child_facts> children);

/// An explicit command: `child` to pin one, nullopt to give the choice back. A refusal changes
/// nothing and carries its reason. An end that mirrors its peer's choice does not ask this: it sets
/// `override` and calls `decide`, which follows as soon as that child is good.
selector_decision select(const selector_state& state, std::optional<std::size_t> child,
                         std::span<const child_facts> children);

}  // namespace rendr::policy
