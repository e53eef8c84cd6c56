// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sim/random.hpp"
#include "sim/world.hpp"

namespace rendr::sim {

/// A random graph over all `names`, nested to `depth`; `counter` numbers its nodes.
std::string random_graph(random& rng, std::vector<std::string> names, int depth, int& counter);
scenario random_scenario(random& rng, std::uint64_t seed);
traffic random_traffic(random& rng);
packet_traffic random_packets(random& rng);
/// One that begins within 15 s and is over 20 s later at the latest.
void random_fault(world& w, random& rng, const scenario& s);

/// Random paths, flows, faults and commands, all from one seed. Empty when the contract held.
std::string chaos(std::uint64_t seed, journal* notes = nullptr);

}  // namespace rendr::sim
