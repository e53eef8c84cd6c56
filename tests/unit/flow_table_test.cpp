// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/flow_table.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {
namespace {

constexpr std::size_t most = 4;
constexpr auto stream = wire::flow_kind::stream;

struct table {
  explicit table(role side = role::acceptor, std::size_t limit = 1u << 30)
      : memory(limit), flows(side, pool, memory) {}

  static wire::open open_of(std::uint64_t number) {
    wire::open frame;
    frame.flow = number;
    frame.id[0] = static_cast<std::byte>(number);
    return frame;
  }
  result<flow*> take(std::uint64_t number, bool closing = false) {
    return flows.take(open_of(number), {most, closing, nullptr});
  }
  flow& opened() { return flows.open(flow_id{}, stream); }
  void end(flow& f) {
    flows.remove(f);
    flows.sweep();
  }

  slab_pool pool;
  budget memory;
  flow_table flows;
};

bool violates(const result<flow*>& taken) {
  return !taken && taken.error() == errc::protocol_violation;
}

root_target one_path() {
  auto g = policy::parse_graph("a", std::vector<policy::leaf_info>{{"a", 1, std::nullopt}});
  EXPECT_TRUE(g);
  return root_target(std::move(*g), 1);
}

// --- numbers

TEST(flow_table, a_dialer_opens_even_numbers_and_an_acceptor_odd_ones) {
  table dialer(role::dialer);
  EXPECT_EQ(dialer.opened().number(), 0u);
  EXPECT_EQ(dialer.opened().number(), 2u);
  table acceptor(role::acceptor);
  EXPECT_EQ(acceptor.opened().number(), 1u);
  EXPECT_EQ(acceptor.opened().number(), 3u);
  EXPECT_EQ(acceptor.flows.opened(), 2u);
}

TEST(flow_table, a_number_that_never_was_is_a_violation_and_one_that_is_over_says_nothing) {
  table t(role::dialer);
  auto& f = t.opened();
  EXPECT_EQ(*t.flows.of(0), &f);
  EXPECT_TRUE(violates(t.flows.of(2))) << "not opened yet";
  EXPECT_TRUE(violates(t.flows.of(1))) << "the peer has not opened it";
  t.end(f);
  ASSERT_TRUE(t.flows.of(0));
  EXPECT_EQ(*t.flows.of(0), nullptr);
  EXPECT_TRUE(t.flows.closed(0));
}

TEST(flow_table, a_peer_may_open_only_numbers_of_its_own) {
  table acceptor(role::acceptor);
  EXPECT_TRUE(violates(acceptor.take(1)));
  ASSERT_TRUE(acceptor.take(0));
  table dialer(role::dialer);
  EXPECT_TRUE(violates(dialer.take(0)));
  ASSERT_TRUE(dialer.take(1));
  EXPECT_EQ(dialer.flows.accepted(), 1u);
}

TEST(flow_table, an_open_that_comes_again_makes_no_second_flow) {
  table t;
  auto* f = *t.take(0);
  ASSERT_NE(f, nullptr);
  EXPECT_EQ(*t.take(0), nullptr);
  t.end(*f);
  EXPECT_EQ(*t.take(0), nullptr) << "nor does one of a flow that is over";
  EXPECT_EQ(t.flows.size(), 0u);
}

TEST(flow_table, numbers_may_come_in_any_order_within_bounds_above_the_highest) {
  table t;
  EXPECT_TRUE(violates(t.take(2 * 4 * most)));
  ASSERT_TRUE(t.take(2 * (4 * most - 1)));
  EXPECT_NE(*t.take(0), nullptr) << "skipped before, and comes now";
  EXPECT_TRUE(violates(t.take(2 * (8 * most))));
  EXPECT_NE(*t.take(2 * (8 * most - 1)), nullptr);
}

TEST(flow_table, gaps_that_a_peer_leaves_for_ever_are_given_up_from_the_lowest) {
  table t;
  const auto gaps = 4 * defaults::flows_per_link;
  for (std::uint64_t i = 0; i < gaps; ++i) {
    const auto taken = t.take(2 * (2 * i + 1));
    ASSERT_TRUE(taken);
    t.end(**taken);
    ASSERT_FALSE(t.flows.closed(0));
  }
  t.end(**t.take(2 * (2 * gaps + 1)));
  EXPECT_FALSE(t.flows.closed(0)) << "below the lowest that closed";
  EXPECT_TRUE(t.flows.closed(2 * 2)) << "between the two lowest";
  EXPECT_FALSE(t.flows.closed(2 * 4));
}

// --- quotas

TEST(flow_table, one_flow_too_many_is_rejected_and_twice_as_many_end_the_peer) {
  table t;
  for (std::uint64_t i = 0; i < most; ++i) EXPECT_FALSE((*t.take(2 * i))->refused());
  EXPECT_FALSE(t.flows.room(stream, most));
  for (std::uint64_t i = most; i < 2 * most; ++i) EXPECT_TRUE((*t.take(2 * i))->refused());
  EXPECT_TRUE(violates(t.take(2 * 2 * most)));
  EXPECT_EQ(t.flows.accepted(), most);
}

TEST(flow_table, a_flow_without_room_for_its_reserve_is_rejected) {
  table t(role::acceptor, defaults::flow_reserve);
  EXPECT_FALSE((*t.take(0))->refused());
  EXPECT_FALSE(t.flows.room(stream, most));
  EXPECT_TRUE((*t.take(2))->refused());
}

TEST(flow_table, a_link_that_is_closing_takes_no_flow) {
  table t;
  EXPECT_TRUE((*t.take(0, true))->refused());
  EXPECT_EQ(t.flows.accepted(), 0u);
}

// --- ends

TEST(flow_table, a_flow_that_is_removed_is_found_no_more_and_lives_until_the_sweep) {
  table t(role::dialer);
  flow_id id{};
  id[3] = std::byte{9};
  auto& f = t.flows.open(id, stream);
  EXPECT_EQ(t.flows.named(id), 0u);
  t.flows.remove(f);
  EXPECT_EQ(t.flows.find(0), nullptr);
  EXPECT_EQ(t.flows.named(id), std::nullopt);
  EXPECT_EQ(t.flows.size(), 1u);
  EXPECT_EQ(f.number(), 0u);
  t.flows.sweep();
  EXPECT_TRUE(t.flows.empty());
}

TEST(flow_table, a_flow_gives_its_memory_back_once) {
  table t(role::dialer);
  auto& f = t.opened();
  EXPECT_EQ(t.memory.used(), defaults::flow_reserve);
  t.flows.remove(f);
  t.flows.remove(f);
  EXPECT_EQ(t.memory.used(), 0u);
}

TEST(flow_table, a_table_that_goes_gives_back_what_its_flows_have) {
  slab_pool pool;
  budget memory(1u << 30);
  {
    flow_table flows(role::dialer, pool, memory);
    flows.remove(flows.open(flow_id{}, stream));
    flows.open(flow_id{}, stream);
    EXPECT_EQ(memory.used(), defaults::flow_reserve);
  }
  EXPECT_EQ(memory.used(), 0u);
}

// --- queues

TEST(flow_table, flows_with_bytes_to_place_have_their_turns_one_after_another) {
  table t(role::dialer);
  auto root = one_path();
  auto& a = t.opened();
  auto& b = t.opened();
  t.flows.enter_ring(a);
  EXPECT_FALSE(t.flows.any_in_ring()) << "it has nothing to place";
  for (auto* f : {&a, &b}) {
    f->write(t.pool, as_bytes("hello"), {100, 100, 1u << 30, &t.pool});
    ASSERT_TRUE(f->offer(root));
    t.flows.enter_ring(*f);
    t.flows.enter_ring(*f);
  }
  EXPECT_EQ(t.flows.in_ring(), 2u);
  EXPECT_EQ(t.flows.in_turn(), &a);
  t.flows.end_turn();
  EXPECT_EQ(t.flows.in_turn(), &b);
  b.discard();
  EXPECT_EQ(t.flows.in_turn(), nullptr) << "nothing of it waits any more";
  EXPECT_EQ(t.flows.leave_ring(), &b);
  t.flows.remove(a);
  EXPECT_EQ(t.flows.leave_ring(), nullptr);
  EXPECT_FALSE(t.flows.any_in_ring());
}

TEST(flow_table, a_flow_owes_in_turn_and_stays_first_until_it_has_paid) {
  table t(role::dialer);
  auto& gone = t.opened();
  auto& a = t.opened();
  auto& b = t.opened();
  for (auto* f : {&gone, &a, &b, &a}) t.flows.queue_control(*f);
  t.flows.remove(gone);
  EXPECT_EQ(t.flows.owing(), &a);
  EXPECT_EQ(t.flows.owing(), &a);
  t.flows.paid(a);
  EXPECT_EQ(t.flows.owing(), &b);
  t.flows.queue_control(a);
  t.flows.paid(b);
  EXPECT_EQ(t.flows.owing(), &a);
  t.flows.paid(a);
  EXPECT_FALSE(t.flows.any_owing());
}

TEST(flow_table, an_application_is_told_once_that_a_flow_is_ready) {
  table t(role::dialer);
  auto& a = t.opened();
  auto& b = t.opened();
  auto& gone = t.opened();
  EXPECT_TRUE(t.flows.queue_ready(gone)) << "the first of the link";
  EXPECT_FALSE(t.flows.queue_ready(a));
  EXPECT_FALSE(t.flows.queue_ready(a));
  EXPECT_FALSE(t.flows.queue_ready(b));
  t.flows.remove(gone);
  b.let_go(0);
  EXPECT_EQ(t.flows.next_ready(), &a);
  EXPECT_EQ(t.flows.next_ready(), nullptr) << "nobody hears of what was let go of";
  EXPECT_FALSE(t.flows.queue_ready(b));
  EXPECT_TRUE(t.flows.queue_ready(a));
}

}  // namespace
}  // namespace rendr::engine
