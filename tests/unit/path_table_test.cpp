// SPDX-License-Identifier: Apache-2.0
#include "engine/path/path_table.hpp"

#include <gtest/gtest.h>

#include "support/path_stages.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant start = instant{} + 100s;

class table {
 public:
  path& connected(spec_id leaf, path_stage stage = path_stage::waiting) {
    auto made = std::make_unique<path>();
    made->carrier = carrier_id{++carriers_};
    made->leaf = leaf;
    made->life = life_at(stage);
    return paths.add(std::move(made));
  }

  path& attached(spec_id leaf, path_stage stage, duration rtt = 20ms) {
    auto& p = connected(leaf, stage);
    p.id = ++ids_;
    p.rtt.sample(rtt, start);
    return p;
  }

  // It drained 1 MB within its round trip.
  static void give_rate(path& p, duration rtt) {
    const auto mark = p.rate.on_transmitted(start, 0, false);
    p.rate.on_acknowledged(start + rtt, mark, start, 1'000'000, rtt);
    p.rate.finish_ack(start + rtt, rtt);
  }

  path_table paths;

 private:
  std::uint64_t carriers_ = 0;
  std::uint64_t ids_ = 0;
};

TEST(path_table, finds_a_path_by_its_carrier_and_an_attached_one_by_its_id) {
  table t;
  auto& unfinished = t.connected(0, path_stage::attach);
  unfinished.id = 7;
  auto& standby = t.attached(0, path_stage::standby);
  EXPECT_EQ(t.paths.find(unfinished.carrier), &unfinished);
  EXPECT_EQ(t.paths.find(standby.carrier), &standby);
  EXPECT_EQ(t.paths.find(carrier_id{99}), nullptr);
  EXPECT_EQ(t.paths.with_id(standby.id), &standby);
  EXPECT_EQ(t.paths.with_id(7), nullptr) << "it is not attached";
  standby.life.end(false);
  EXPECT_EQ(t.paths.with_id(standby.id), nullptr) << "it has ended";
}

TEST(path_table, a_path_lives_while_it_is_attached_and_carries) {
  table t;
  t.connected(0, path_stage::hello);
  auto& late = t.attached(0, path_stage::late);
  auto& suspect = t.attached(1, path_stage::suspect);
  EXPECT_EQ(t.paths.living(), 1u);
  late.life.leave(false);
  EXPECT_FALSE(t.paths.any_alive()) << "one drains, one is doubted, one is not attached";
  EXPECT_TRUE(t.paths.any_attached());
  late.life.end(false);
  suspect.life.end(false);
  EXPECT_FALSE(t.paths.any_attached());
}

TEST(path_table, the_life_of_others_is_the_newest_of_those_that_live) {
  table t;
  auto& p = t.attached(0, path_stage::late);
  auto& other = t.attached(1, path_stage::standby);
  p.last_life = start + 5s;
  other.last_life = start;
  EXPECT_EQ(t.paths.life_of_others(p), start) << "its own life does not count";
  EXPECT_EQ(t.paths.life_of_others(other), start + 5s);
  p.life.doubt(start, 0);
  EXPECT_EQ(t.paths.life_of_others(other), instant::min());
}

TEST(path_table, the_best_other_is_the_quickest_that_lives) {
  table t;
  auto& p = t.attached(0, path_stage::active, 5ms);
  EXPECT_EQ(t.paths.best_other(p), nullptr);
  auto& slow = t.attached(1, path_stage::standby, 40ms);
  auto& quick = t.attached(2, path_stage::late, 10ms);
  EXPECT_EQ(t.paths.best_other(p), &quick);
  quick.life.doubt(start, 0);
  EXPECT_EQ(t.paths.best_other(p), &slow);
  EXPECT_EQ(t.paths.best_other(slow), &p);
}

TEST(path_table, control_goes_by_the_healthiest_then_by_the_quickest) {
  table t;
  auto& suspect = t.attached(0, path_stage::suspect, 1ms);
  EXPECT_EQ(t.paths.for_control(), &suspect) << "there is no better one";
  auto& late = t.attached(1, path_stage::late, 2ms);
  EXPECT_EQ(t.paths.for_control(), &late);
  auto& slow = t.attached(2, path_stage::standby, 50ms);
  auto& quick = t.attached(3, path_stage::active, 20ms);
  EXPECT_EQ(t.paths.for_control(), &quick);
  quick.life.end(true);
  EXPECT_EQ(t.paths.for_control(), &slow);
}

TEST(path_table, the_current_path_of_a_leaf_is_its_newest_that_nobody_doubts) {
  table t;
  EXPECT_EQ(t.paths.current_of(0), nullptr);
  auto& older = t.attached(0, path_stage::standby);
  auto& newer = t.attached(0, path_stage::standby);
  t.attached(1, path_stage::standby);
  EXPECT_EQ(t.paths.current_of(0), &newer);
  newer.life.doubt(start, 0);
  EXPECT_EQ(t.paths.current_of(0), &older);
  older.life.doubt(start, 0);
  EXPECT_EQ(t.paths.current_of(0), &newer) << "doubted both";
  newer.life.leave(true);
  older.life.leave(true);
  EXPECT_EQ(t.paths.current_of(0), nullptr);
}

TEST(path_table, a_path_of_the_same_leaf_is_newer_by_its_number) {
  table t;
  auto& older = t.attached(0, path_stage::suspect);
  EXPECT_FALSE(t.paths.newer_than(older));
  t.attached(1, path_stage::standby);
  EXPECT_FALSE(t.paths.newer_than(older)) << "of another leaf";
  auto& newer = t.attached(0, path_stage::standby);
  EXPECT_TRUE(t.paths.newer_than(older));
  EXPECT_FALSE(t.paths.newer_than(newer));
}

TEST(path_table, counts_the_carriers_that_are_not_paths_yet) {
  table t;
  EXPECT_EQ(t.paths.unfinished(0).count, 0u);
  t.attached(0, path_stage::standby);
  auto& first = t.connected(0, path_stage::hello);
  auto& second = t.connected(0, path_stage::waiting);
  t.connected(1, path_stage::hello);
  first.beside_at = start + 2s;
  second.beside_at = start + 1s;
  EXPECT_EQ(t.paths.unfinished(0).count, 2u);
  EXPECT_EQ(t.paths.unfinished(0).newest, &first);
  first.life.end(false);
  EXPECT_EQ(t.paths.unfinished(0).newest, &second);
}

TEST(path_table, the_newest_hello_is_of_those_under_way) {
  table t;
  EXPECT_EQ(t.paths.newest_hello(), instant::min());
  t.connected(0, path_stage::hello).attached_at = start;
  auto& newer = t.connected(1, path_stage::hello);
  newer.attached_at = start + 1s;
  EXPECT_EQ(t.paths.newest_hello(), start + 1s);
  newer.life.end(false);
  EXPECT_EQ(t.paths.newest_hello(), start);
}

TEST(path_table, the_throughput_is_that_of_paths_that_carry_data) {
  table t;
  auto& standby = t.attached(0, path_stage::standby, 10ms);
  table::give_rate(standby, 10ms);
  EXPECT_EQ(t.paths.throughput().rate, 0);
  auto& active = t.attached(1, path_stage::active, 100ms);
  table::give_rate(active, 100ms);
  auto& late = t.attached(2, path_stage::late, 50ms);
  table::give_rate(late, 50ms);
  EXPECT_DOUBLE_EQ(t.paths.throughput().rate, 10e6 + 20e6);
  EXPECT_DOUBLE_EQ(t.paths.throughput().product, 1e6 + 1e6);
  EXPECT_EQ(t.paths.throughput().slowest, 100ms);
}

TEST(path_table, the_longest_round_trip_is_that_of_a_living_path) {
  table t;
  EXPECT_EQ(t.paths.longest_round_trip(1ms), 1ms);
  t.attached(0, path_stage::standby, 30ms);
  t.attached(1, path_stage::suspect, 300ms);
  EXPECT_EQ(t.paths.longest_round_trip(1ms), 30ms);
}

TEST(path_table, forgets_what_is_closing_when_it_is_flushed) {
  slab_pool pool;
  table t;
  auto& reported = t.attached(0, path_stage::ended);
  auto& flushing = t.attached(1, path_stage::active);
  flushing.life.end(true);
  flushing.out.add(flushing.out.scratch(pool, 3));
  t.attached(2, path_stage::active);
  const auto gone = reported.carrier;
  EXPECT_EQ(t.paths.sweep(), std::vector{gone});
  EXPECT_EQ(t.paths.size(), 2u);
  EXPECT_EQ(t.paths.carriers(), (std::vector{carrier_id{2}, carrier_id{3}}));
  t.paths.forget(flushing);
  EXPECT_EQ(t.paths.size(), 1u);
  EXPECT_EQ(t.paths.sweep(), std::vector<carrier_id>{});
}

TEST(path_table, is_full_at_its_bound) {
  table t;
  while (t.paths.size() < defaults::paths_per_link) {
    EXPECT_FALSE(t.paths.full());
    t.connected(0);
  }
  EXPECT_TRUE(t.paths.full());
  EXPECT_TRUE(t.paths.any_of(0));
  EXPECT_FALSE(t.paths.any_of(1));
}

}  // namespace
}  // namespace rendr::engine
