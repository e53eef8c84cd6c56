// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "support/emulator.hpp"

namespace rendr::test {

/// An address translator in front of the client of an emulator, on all of its links: connections
/// leave with another source port (20000 to 29999), nothing comes in but answers, and what belongs
/// to no mapping vanishes without a word, in both directions. Goes with the namespaces of the
/// emulator.
/// Throws std::runtime_error or std::system_error; see nft::unavailable().
class emulated_nat {
 public:
  static constexpr std::uint16_t lowest_port = 20'000;
  static constexpr std::uint16_t highest_port = 29'999;

  explicit emulated_nat(const emulator& net);

  /// Forgets every mapping, as a router does that restarts.
  void flush() const;
  /// Mappings live so long without a packet; holds for each from its next packet on.
  void lifetime(std::chrono::seconds idle) const;
  std::size_t mappings() const;
  /// Packets that belonged to no mapping and vanished.
  std::uint64_t strays() const;

 private:
  const netns& where_;
  const netns& beyond_;
};

}  // namespace rendr::test
