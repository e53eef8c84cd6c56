// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "sim/scenes.hpp"

namespace rendr::sim {

/// For so long a fault lasts.
inline constexpr duration faulty = 3s;

struct graph {
  const char* name;
  const char* root;
  std::uint64_t paths_at_once;  ///< how many paths' rates a transfer adds up
};

inline constexpr std::array graphs{
    graph{"S", "selector(a, b, c)", 1},
    graph{"R", "race(a, b, c)", 1},
    graph{"B", "bond(a, b, c)", 3},
    graph{"SR", "selector(a, race(b, c))", 1},
    graph{"SB", "selector(bond(a, b), c)", 2},
    graph{"RS", "race(selector(a, b), c)", 1},
    graph{"RB", "race(bond(a, b), c)", 2},
    graph{"BS", "bond(a, selector(b, c))", 2},
    graph{"BR", "bond(race(a, b), c)", 2},
};

/// What a fault may cost the application, and why.
enum class allowance : std::uint8_t {
  quarter,   ///< 250 ms: the end of a carrier is told at once, as in G1
  silent,    ///< the bound of G4
  muted,     ///< a relay acknowledges: 2 sRTT + 55 ms more, as for any first hop
  repaired,  ///< the carrier shows life all along: its head is rescued; lost repairs take 200 ms
             ///< more
  stopped,   ///< nobody can deliver to a process that stands still
  ended      ///< the peer has forgotten the link: an error, and soon
};

struct fault {
  const char* name;
  direction way;
  allowance may;
  std::function<void(world&, const std::string&)> begin;
  bool relayed = false;
  bool dies = false;   ///< the path must die of it
  bool lives = false;  ///< no path may die of it
};

std::string text_of(const fault& f);
std::vector<fault> every_fault();

/// The paths `a`, `b` and `c` under the graph.
scenario three_paths(const graph& g, const fault& f);
/// The path with the most flow data in `time`, both ways; a violation when there is none.
std::string busiest(world& w, duration time);
void heal(world& w, const fault& f, const std::string& hit);

/// Between messages of the paced load.
inline constexpr duration pace = 10ms;
flow_plan plan_of(bool bulk, const graph& g);

}  // namespace rendr::sim
