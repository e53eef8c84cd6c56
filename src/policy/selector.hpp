// layer: policy
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "policy/evidence.hpp"
#include "policy/facts.hpp"
#include "policy/preference.hpp"

namespace rendr::policy {

/// Why a selector stands where it stands.
enum class selector_reason : std::uint8_t {
  first_choice,        ///< nothing was chosen before; this is the best child
  kept,                ///< the current child carries data well enough
  kept_late,           ///< the current child is late; lateness alone never moves
  kept_dwell,          ///< another child is better, but not for long enough yet
  kept_unproven,       ///< another child looks better, but its evidence was not renewed yet
  kept_cooldown,       ///< another child is better, but the last move for quality is too recent
  died,                ///< the current child has no carrier any more
  suspected,           ///< the current child is suspect and another is better
  all_suspect,         ///< the current child is suspect and no child is better: stayed
  none_alive,          ///< no child has a carrier: nothing can be sent
  less_loss,           ///< quality: another child loses clearly less
  steadier,            ///< quality: another child flapped less
  cheaper,             ///< quality: another child is cheaper, and good enough
  worth_its_cost,      ///< quality: the cheaper child is worse than the bound allows
  quicker,             ///< quality: another child is quicker by more than the band
  less_jitter,         ///< quality: another child is about as quick and steadier in time
  heavier,             ///< quality: another child is as good and preferred by its weight
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
/// Whether this is a move for quality: one that dwell and cooldown hold back.
bool for_quality(selector_reason reason) noexcept;

/// What a selector remembers: plain values, positions among its children.
struct selector_state {
  std::optional<std::size_t> current;   ///< the child in use
  std::optional<std::size_t> override;  ///< the child that a command asked for, until released
  std::optional<std::size_t> rival;     ///< the child that is better than the current one
  instant rival_since{};                ///< since when
  instant rival_seen{};                 ///< the rival's newest evidence that was counted
  std::uint32_t rival_renewals = 0;     ///< how often that evidence was renewed since
  instant cooldown_until = instant::min();
  friend bool operator==(const selector_state&, const selector_state&) = default;
};

struct selector_decision {
  std::optional<std::size_t> child;  ///< the child to use; nullopt: none has a carrier
  selector_reason reason = selector_reason::kept;
  bool changed = false;        ///< `child` differs from `state.current`: this is a migration
  bool refused = false;        ///< a command was refused; the state is as before
  selector_state next{};       ///< what to remember
  instant again = never;       ///< ask again then, and after any change of facts
  selector_evidence evidence;  ///< of a change; empty otherwise
  friend bool operator==(const selector_decision&, const selector_decision&) = default;
};

/// Where the selector stands, given these facts at `now`. Ask after every change of a child's
/// health at once, after renewed evidence of quality at least every 200 ms, and at `again`.
///
/// Death and suspicion move at once, to the best child there is: usable before late before on
/// probation before suspect, measured before unmeasured, then by `preferred`; where a quality is
/// unknown cheap before dear, known before unknown, heavier before lighter; then the order in the
/// graph. Lateness alone never moves. A better child moves the flow when it and the current one are
/// known, fresh and without doubt about their health, `preferred` holds it better without a break
/// for `dwell` (lateness is none, but nothing moves while it lasts), the evidence of both was
/// renewed meanwhile (the rival's three times), and the last move for quality is `cooldown` ago. A
/// command overrides all of this. When no child has a carrier, `next.current` is empty and the
/// override stays.
selector_decision decide(const selector_state& state, std::span<const child_facts> children,
                         instant now, const selector_options& options = {});

/// An explicit command: `child` to pin one, nullopt to give the choice back. A refusal changes
/// nothing and carries its reason. An end that mirrors its peer's choice does not ask this: it sets
/// `override` and calls `decide`, which follows as soon as that child is good.
selector_decision select(const selector_state& state, std::optional<std::size_t> child,
                         std::span<const child_facts> children, instant now,
                         const selector_options& options = {});

/// Whether a PING on `child` now would help this selector: its quality is unknown, or a move to or
/// from it is being weighed and its evidence is older than a sixth of `dwell` (50 to 500 ms). To be
/// asked after `decide`, with `state` = its `next`; `again` is set so that no question is missed.
bool wants_evidence(const selector_state& state, std::span<const child_facts> children,
                    std::size_t child, instant now, const selector_options& options = {});

}  // namespace rendr::policy
