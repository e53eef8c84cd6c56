// SPDX-License-Identifier: Apache-2.0
// Gate G12: random graphs, flows and faults from one seed, under the eyes of the invariant checker.
// RENDR_SEED=n replays one seed; RENDR_CHAOS_SEEDS=n sets how many run (default 300).
#include <cstdlib>

#include "sim/chaos.hpp"
#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

std::uint64_t seeds_wanted() {
  const char* text = std::getenv("RENDR_CHAOS_SEEDS");
  return text == nullptr ? 300 : std::strtoull(text, nullptr, 0);
}

TEST(chaos, keeps_the_contract) {
  const bool single = std::getenv("RENDR_SEED") != nullptr;
  const auto first = seed_or(1);
  const auto last = single ? first : first + seeds_wanted() - 1;
  std::uint64_t failed = 0;
  for (auto seed = first; seed <= last; ++seed) {
    const auto found = chaos(seed);
    if (found.empty()) continue;
    ADD_FAILURE() << "seed " << seed << "\n" << found;
    if (++failed >= 10 && std::getenv("RENDR_CHAOS_ALL") == nullptr) break;
  }
  expect_at_most("G12 violations in " + std::to_string(last - first + 1) + " seeds",
                 static_cast<double>(failed), 0, "seeds");
}

TEST(chaos, replays_a_seed_exactly) {
  std::array<std::uint64_t, 2> events{};
  for (auto& n : events) {
    random rng(7);
    const auto s = random_scenario(rng, 7);
    world w(s);
    w.connect();
    for (int i = 0; i < 5; ++i) random_fault(w, rng, s);
    w.open({.up = traffic::bulk(mib), .down = traffic::bulk(mib)});
    w.run(60s);
    n = w.queue.executed() * 1'000'003 + w.client().bytes_sent() * 31 + w.server().bytes_sent();
  }
  EXPECT_EQ(events[0], events[1]);
}

}  // namespace
}  // namespace rendr::sim
