// SPDX-License-Identifier: Apache-2.0
// What a path loses or is late with goes by the others.
#include "engine/link/recovery.hpp"

#include <gtest/gtest.h>

#include "engine/link/sender.hpp"
#include "support/paths_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

constexpr auto start = test::paths_of_a_link::start;
constexpr std::size_t much = 1 << 20;

/// A stream of which one path carries everything.
struct carried : test::paths_of_a_link {
  carried() : paths_of_a_link("selector(a, b)") {
    sender(in).fill(start, a, much);
    sender(in).transmitted(start, a, a.out.pending());
  }
  void a_is_doubted() {
    a.life.doubt(start + 1s, a.sent.next_number());
    routing(in).route(start + 1s, cause::silence);
    b.want_ping = false;
    woken();
  }

  path& a = attach(0);
  path& b = attach(1);
  flow& f = stream(1000);
};

TEST(recovery, the_bytes_of_a_path_that_ended_go_by_another_with_their_opening) {
  carried l;
  EXPECT_FALSE(l.f.waiting());
  l.a_is_doubted();
  recovery(l.in).lost(l.a);
  EXPECT_TRUE(l.f.waiting());
  sender(l.in).fill(start + 1s, l.b, much);
  EXPECT_EQ(l.said(l.b), (words{"open", "data"}));
  EXPECT_FALSE(l.f.waiting());
}

TEST(recovery, what_was_given_to_others_already_is_not_given_again) {
  carried l;
  l.a_is_doubted();
  recovery(l.in).lost(l.a);
  sender(l.in).fill(start + 1s, l.b, much);
  recovery(l.in).lost(l.a);
  EXPECT_FALSE(l.f.waiting());
}

TEST(recovery, a_suspect_path_has_its_bytes_copied_to_another) {
  carried l;
  l.a_is_doubted();
  recovery(l.in).suspected(start + 1s, l.a);
  EXPECT_FALSE(l.b.copies.empty()) << "the head goes out of turn";
  const auto woken = l.woken();
  ASSERT_FALSE(woken.empty());
  EXPECT_EQ(woken.front(), l.b.carrier);
}

TEST(recovery, control_that_may_be_lost_is_owed_again) {
  carried l;
  l.woken();
  EXPECT_FALSE(l.in.router.owed());
  recovery(l.in).ask_again({control::graph, 0, 1});
  EXPECT_TRUE(l.in.router.owed());
  EXPECT_EQ(l.woken(), (std::vector<carrier_id>{l.in.paths.for_control()->carrier}));
  recovery(l.in).ask_again({control::open, l.f.number(), 0});
  EXPECT_TRUE(l.in.flows.any_owing());
  recovery(l.in).ask_again({control::open, 998, 0});  // a flow that is over owes nothing
}

TEST(recovery, a_bond_is_charged_the_time_in_which_its_receiver_waits) {
  test::paths_of_a_link l("bond(a, b)");
  auto& a = l.attach(0);
  l.attach(1);
  auto& f = l.stream(1000);
  sender(l.in).fill(start, a, much);
  ASSERT_EQ(f.place()->holder(0), l.in.root_of(f).target.places(0)[0]);
  recovery(l.in).account_waiting(start, f);
  f.acknowledge({500, 1000});
  recovery(l.in).account_waiting(start + 10ms, f);
  recovery(l.in).account_waiting(start + 40ms, f);
  const auto bonds = l.in.root_of(f).account.bonds();
  ASSERT_EQ(bonds.size(), 1u);
  EXPECT_EQ(bonds[0].blocked, (std::vector<duration>{30ms, 0ms}));
}

TEST(recovery, guards_are_asked_again_while_a_flow_of_their_bond_sends) {
  test::paths_of_a_link l("bond(a, b)");
  l.attach(0);
  l.attach(1);
  recovery(l.in).guard_bonds(start);
  EXPECT_EQ(l.in.demand.next_look(), never) << "nothing is sent";
  l.stream(1000);
  recovery(l.in).guard_bonds(start);
  EXPECT_LT(l.in.demand.next_look(), never);
}

}  // namespace
}  // namespace rendr::engine
