// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/route/root_target.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// What the guards of the bonds of one root are told of its flows.
class bond_account {
 public:
  struct bond {
    policy::node_id node = policy::no_node;
    std::vector<duration> blocked;  ///< by child: how long the receiver waited for it
  };

  /// The bonds of `target`: those of another graph are forgotten.
  void watch(const root_target& target);
  std::span<const bond> bonds() const noexcept { return bonds_; }

  /// The peer acknowledged so many more bytes in order.
  void delivered(std::uint64_t bytes) noexcept { in_order_ += bytes; }
  /// The receiver waited so long for `child` of the bond at `position`.
  void waited(std::size_t position, std::size_t child, duration time) noexcept;

  /// A flow ran out of bytes. True: it is to be looked whether another one has more, and `limited`
  /// called if none has. Seldom, for there may be many flows.
  bool asks_for_demand(instant now, const root_target& target) noexcept;
  /// There is a moment when no application has more.
  void limited() noexcept { limited_ = true; }

  /// A window of the guard of the bond at `position`. @param sending some flow has bytes under way.
  policy::guard_decision guard(instant now, root_target& target, std::size_t position,
                               bool sending) const;
  /// All guards were asked.
  void begin_window() noexcept { limited_ = false; }

 private:
  std::uint64_t in_order_ = 0;
  bool limited_ = false;
  instant demand_seen_ = instant::min();
  std::vector<bond> bonds_;
  std::uint32_t version_ = 0;  // of their graph
};

}  // namespace rendr::engine
