// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=300
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "relay/basic_bridge.hpp"
#include "support/memory_relay.hpp"
#include "support/relay_script.hpp"

namespace rendr::relay {
namespace {

using namespace test;
using bridge_in_memory = basic_bridge<memory_flow>;
using program = scripted_program<memory_socket>;

constexpr std::size_t largest_write = 20'000;
constexpr std::size_t patience = 2'000;  // turns in which nothing moved

taken taken_by(const memory_kernel& kernel) {
  return {kernel.arrived, kernel.arrived, kernel.fin_received, kernel.fin_received, false};
}

/// What both programs saw against the rules.
std::string judge_both(const program& near, const taken& up, const program& far,
                       const taken& down) {
  std::string text;
  if (const auto said = judge(near, up, far); !said.empty()) text += "up: " + said;
  if (const auto said = judge(far, down, near); !said.empty()) text += "down: " + said;
  return text;
}

/// Both programs on one connection: the rules must hold for it, else they are wrong.
std::string run_direct(std::uint64_t seed) {
  script_random random(seed);
  memory_connection wire(random);
  program near(0, {&wire.near}, make_script(random, largest_write));
  program far(1, {&wire.far}, make_script(random, largest_write));
  for (std::size_t idle = 0; idle < patience && !(near.done() && far.done() && idle > 100);) {
    bool moved = false;
    switch (below(random, 4)) {
      case 0:
        moved = near.turn(far.stuck());
        break;
      case 1:
        moved = far.turn(near.stuck());
        break;
      case 2:
        moved = wire.near.move(1 + below(random, 4000));
        break;
      default:
        moved = wire.far.move(1 + below(random, 4000));
    }
    idle = moved ? 0 : idle + 1;
  }
  return judge_both(near, taken_by(wire.far), far, taken_by(wire.near));
}

/// Both programs with relays and a flow between them.
std::string run_relayed(std::uint64_t seed) {
  script_random random(seed);
  asio::io_context io(1);
  memory_connection near_wire(random);
  memory_connection far_wire(random);
  memory_flow_pair flow(io, random);
  std::array<int, 2> ended{};
  const auto join = [&](memory_kernel& kernel, std::optional<memory_flow>& of, int& count) {
    std::make_shared<bridge_in_memory>(std::make_unique<memory_end>(io, kernel), std::move(*of),
                                       [&count](const bridge_result&) { ++count; })
        ->start();
    of.reset();
  };
  join(near_wire.far, flow.near, ended[0]);
  join(far_wire.near, flow.far, ended[1]);
  program near(0, {&near_wire.near}, make_script(random, largest_write));
  program far(1, {&far_wire.far}, make_script(random, largest_write));
  const std::array<memory_kernel*, 4> kernels{&near_wire.near, &near_wire.far, &far_wire.near,
                                              &far_wire.far};
  // One link of eight fails under way.
  std::optional<std::size_t> breaks;
  if (below(random, 8) == 0) breaks = below(random, 4'000);
  bool broken = false;
  for (std::size_t idle = 0, turn = 0; idle < patience; ++turn) {
    if (turn == breaks) {
      flow.fail();
      broken = true;
    }
    bool moved = false;
    const auto n = 1 + below(random, 4000);
    switch (const auto what = below(random, 12)) {
      case 0:
      case 1:
        moved = near.turn(far.stuck());
        break;
      case 2:
      case 3:
        moved = far.turn(near.stuck());
        break;
      case 4:
      case 5:
        moved = flow.move(what == 4, n);
        break;
      case 6:
        moved = flow.stop(below(random, 2) == 0);
        break;
      case 7:
        moved = kernels[below(random, 4)]->move(n);
        break;
      default:
        moved = kernels[what - 8]->move(n);
    }
    if (io.stopped()) io.restart();
    for (auto some = below(random, 4); some > 0; --some) moved = io.poll_one() > 0 || moved;
    idle = moved ? 0 : idle + 1;
    if (idle > 100 && near.gone() && far.gone() && ended[0] + ended[1] == 2) break;
  }
  auto up = taken_by(near_wire.far);
  auto down = taken_by(far_wire.near);
  if (broken) {
    up.least = std::min(up.least, flow.carried(true));
    down.least = std::min(down.least, flow.carried(false));
    up.broken = down.broken = true;
  }
  auto text = judge_both(near, up, far, down);
  if (ended != std::array{1, 1}) {
    text += " bridges that ended: " + std::to_string(ended[0]) + ", " + std::to_string(ended[1]);
  }
  return text;
}

std::uint64_t seeds() {
  const char* wanted = std::getenv("RENDR_RELAY_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 10'000;
}

TEST(relay_random, the_rules_hold_for_a_direct_connection) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    ASSERT_EQ(run_direct(seed), "") << "seed " << seed;
  }
}

TEST(relay_random, a_relayed_connection_is_as_good_as_a_direct_one) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    ASSERT_EQ(run_relayed(seed), "") << "seed " << seed;
  }
}

// Here the program that waits until its kernel has given everything away, and the one that waits
// until the other cannot write, waited for each other.
TEST(relay_random, seed_470_has_no_two_programs_that_wait_for_each_other) {
  EXPECT_EQ(run_direct(470), "");
  EXPECT_EQ(run_relayed(470), "");
}

}  // namespace
}  // namespace rendr::relay
