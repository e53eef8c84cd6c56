// SPDX-License-Identifier: Apache-2.0
// What goes out on a path: in which order, how much, and what it is the end of.
#include "engine/link/sender.hpp"

#include <gtest/gtest.h>

#include "support/paths_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

constexpr auto start = test::paths_of_a_link::start;
constexpr std::size_t all = 1 << 20;

TEST(sender, acknowledgements_and_control_go_before_data) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  l.in.router.owe_graphs();
  l.stream(100);
  p.acks.received(start, 0, true, 40);
  p.acks.hasten(start);
  p.want_ping = true;
  EXPECT_EQ(sender(l.in).fill(start, p, all), sender::ended::no);
  EXPECT_EQ(l.said(p), (words{"ack", "ping", "graph", "open", "data"}));
  EXPECT_FALSE(p.want_ping);
}

TEST(sender, data_goes_by_the_path_that_the_root_chose) {
  test::paths_of_a_link l("selector(a, b)");
  auto& a = l.attach(0);
  auto& b = l.attach(1);
  auto& f = l.stream(100);
  sender(l.in).fill(start, b, all);
  EXPECT_EQ(l.said(b), (words{"ping"})) << "it is only measured";
  sender(l.in).fill(start, a, all);
  EXPECT_EQ(l.said(a), (words{"open", "data"}));
  EXPECT_FALSE(f.waiting());
}

TEST(sender, a_batch_that_waits_for_its_carrier_is_not_made_again) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  l.stream(100);
  sender(l.in).fill(start, p, all);
  const auto size = p.out.pending();
  ASSERT_GT(size, 0u);
  l.stream(100);
  sender(l.in).fill(start, p, all);
  EXPECT_EQ(p.out.pending(), size);
}

TEST(sender, a_path_of_unknown_rate_gets_no_more_than_a_first_window) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  for (int i = 0; i < 4; ++i) l.stream(15'000);
  sender(l.in).fill(start, p, all);
  EXPECT_GE(p.out.pending(), 16u * 1024);
  EXPECT_LT(p.out.pending(), 24u * 1024);
  EXPECT_FALSE(p.app_limited);
  EXPECT_EQ(p.load_number, p.sent.next_number()) << "what comes before it fills the path";
  EXPECT_EQ(sender::unsent_limit(p), 16u * 1024);
}

TEST(sender, nothing_of_flows_goes_before_the_link_is_up) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  l.stream(100);
  l.in.standing.start_over();
  sender(l.in).fill(start, p, all);
  EXPECT_EQ(l.said(p), (words{"open"})) << "it is control";
}

TEST(sender, what_the_carrier_took_is_under_way_and_it_is_asked_for_more) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  l.stream(100);
  sender(l.in).fill(start, p, all);
  EXPECT_EQ(p.sent.in_flight(), 0u) << "nobody took it yet";
  l.woken();
  const auto size = p.out.pending();
  sender(l.in).transmitted(start + 1ms, p, size - 1);
  EXPECT_EQ(p.sent.in_flight(), 0u) << "its last byte is missing";
  EXPECT_TRUE(l.woken().empty());
  sender(l.in).transmitted(start + 2ms, p, 1);
  EXPECT_EQ(p.sent.in_flight(), size);
  EXPECT_EQ(p.sent.find(p.sent.oldest_number())->sent_at, start + 2ms);
  EXPECT_EQ(l.woken(), (std::vector<carrier_id>{p.carrier}));
  EXPECT_EQ(l.in.slots[0].totals.sent_bytes, size);
}

TEST(sender, a_path_that_is_left_says_goodbye_once_everything_on_it_is_acknowledged) {
  test::paths_of_a_link l("selector(a, b)");
  auto& a = l.attach(0);
  l.attach(1);
  a.want_ping = true;
  sender(l.in).fill(start, a, all);
  sender(l.in).transmitted(start, a, a.out.pending());
  a.life.leave(true);
  EXPECT_EQ(sender(l.in).fill(start, a, all), sender::ended::no) << "its PING is under way";
  wire::path_ack ack;
  ack.count = 1;
  ack.ranges[0] = {0, a.sent.next_number()};
  ASSERT_EQ(a.sent.acknowledge(ack, [](std::uint64_t, sent_record&) {}), errc{});
  EXPECT_EQ(sender(l.in).fill(start, a, all), sender::ended::drained);
  EXPECT_EQ(l.said(a), (words{"bye"}));
}

TEST(sender, a_goodbye_may_end_the_link_too) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  sender(l.in).append_bye(p, false);
  EXPECT_EQ(l.said(p), (words{"bye"}));
  sender(l.in).transmitted(start, p, p.out.pending());
  sender(l.in).append_bye(p, true);
  EXPECT_EQ(l.said(p), (words{"goaway", "bye"}));
}

TEST(sender, flows_take_turns) {
  test::paths_of_a_link l("a", 1);
  auto& p = l.attach(0);
  auto& first = l.stream(15'000);
  auto& second = l.stream(100);
  sender(l.in).fill(start, p, 1);
  EXPECT_TRUE(first.waiting()) << "one record carries a part of it";
  while (second.waiting()) {
    sender(l.in).transmitted(start, p, p.out.pending());
    sender(l.in).fill(start, p, 1);
  }
  EXPECT_FALSE(first.waiting()) << "its turn is longer than what it has";
}

}  // namespace
}  // namespace rendr::engine
