// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/fifo.hpp"
#include "engine/route/bond_account.hpp"
#include "engine/route/root_target.hpp"
#include "policy/peak.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// Where a flow stands at a selector that names a child for bulk.
struct peak_watch {
  policy::node_id selector = policy::no_node;
  policy::peak_state state;
};

/// The lowest byte of a flow that its receiver waits for while later ones are there.
class hole_watch {
 public:
  /// The hole begins at `lowest` now. True: its copy was not sent yet.
  bool open(instant now, std::uint64_t lowest) noexcept;
  /// True, once: a copy is due, for the hole `holds_credit` up or is older than `patience`.
  bool take(instant now, duration patience, bool holds_credit) noexcept;

 private:
  std::uint64_t lowest_ = 0;
  instant since_{};
  bool copied_ = false;
};

/// What one flow asks for and gets, as `demand` and the guards of bonds look at it.
class flow_demand {
 public:
  hole_watch hole;

  /// The selectors of `target` that name a child for bulk. Those of another graph are forgotten.
  void watch(const root_target& target);
  std::span<peak_watch> peaks() noexcept { return peaks_; }
  std::span<const peak_watch> peaks() const noexcept { return peaks_; }
  /// It stands on the bulk child of some selector.
  bool on_bulk() const noexcept;

  /// Nothing of it waited for a moment.
  void drained() noexcept { drained_ = true; }
  /// It had more to send than its paths took, all the time since the last call.
  bool saturated(bool waiting) noexcept;
  /// What the peer acknowledged per second over about the last window; `acknowledged` in all.
  std::uint64_t goodput(instant now, std::uint64_t acknowledged);

  /// Charges the time since the last call to who had the lowest missing byte in hand then.
  /// `charged(bond)` says which child of the bond has it now; nullopt: none.
  template <class Charged>
  void wait(instant now, const root_target& target, bond_account& account, Charged charged) {
    const bool same = waits_version_ == target.version();
    waits_version_ = target.version();
    const auto bonds = account.bonds();
    waits_for_.resize(bonds.size());
    for (std::size_t i = 0; i < bonds.size(); ++i) {
      if (same && waits_for_[i]) account.waited(i, *waits_for_[i], now - waits_since_);
      waits_for_[i] = charged(bonds[i].node);
    }
    waits_since_ = now;
  }

 private:
  std::vector<peak_watch> peaks_;
  std::uint32_t peaks_version_ = 0;  // of their graph
  bool drained_ = false;             // since the last look
  fifo<std::pair<instant, std::uint64_t>> acknowledged_;
  std::vector<std::optional<std::size_t>> waits_for_;  // by bond: the child with the lowest byte
  std::uint32_t waits_version_ = 0;
  instant waits_since_{};
};

}  // namespace rendr::engine
