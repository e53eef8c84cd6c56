// SPDX-License-Identifier: Apache-2.0
// Leaves that come and go by command, and are dialled, without the link.
#include "engine/link/leaf_changes.hpp"

#include <gtest/gtest.h>

#include "engine/link/dialing.hpp"
#include "support/path_stages.hpp"
#include "support/rooms_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);

path_config leaf_named(std::string name) {
  path_config out;
  out.name = std::move(name);
  return out;
}

link_config two_leaves() {
  link_config out;
  out.paths = {leaf_named("a"), leaf_named("b")};
  return out;
}

struct stage : test::rooms_of_a_link {
  explicit stage(role side = role::dialer) : rooms_of_a_link(side, {}, two_leaves()) {
    dialing(in).begin(now);
    leaves().dial_due(now);
  }
  leaf_changes leaves() { return leaf_changes(in); }
  instant now = t0;
};

TEST(leaf_changes, only_the_dialer_attaches) {
  stage s(role::acceptor);
  const auto out = s.leaves().attach(s.now, leaf_named("c"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, errc::refused);
}

TEST(leaf_changes, a_name_is_attached_once_and_must_be_one) {
  stage s;
  EXPECT_FALSE(s.leaves().attach(s.now, leaf_named("a")));
  EXPECT_FALSE(s.leaves().attach(s.now, leaf_named("not a name")));
}

TEST(leaf_changes, a_leaf_that_is_attached_is_dialled_at_once) {
  stage s;
  s.all<event::dial>();
  const auto leaf = s.leaves().attach(s.now, leaf_named("c"));
  ASSERT_TRUE(leaf);
  EXPECT_EQ(*leaf, 2u);
  const auto orders = s.all<event::dial>();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].spec, 2u);
}

TEST(leaf_changes, what_is_detached_is_dialled_no_more_and_has_its_number_again) {
  stage s;
  s.all<event::dial>();
  EXPECT_FALSE(s.leaves().detach(s.now, "b"));
  EXPECT_EQ(s.all<event::cancel_dial>().size(), 1u);
  EXPECT_TRUE(s.leaves().detach(s.now, "b")) << "no path has this name any more";
  const auto again = s.leaves().attach(s.now, leaf_named("b"));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, 1u);
}

TEST(leaf_changes, the_last_living_path_is_not_detached) {
  stage s;
  auto& p = s.connect(s.now);
  p.life = life_at(path_stage::standby);
  s.in.slots[0].current = &p;
  const auto out = s.leaves().detach(s.now, "a");
  ASSERT_TRUE(out);
  EXPECT_EQ(out->code, errc::refused);
  EXPECT_FALSE(s.in.slots[0].removed);
}

TEST(leaf_changes, a_change_of_the_network_dials_what_waits) {
  stage s;
  for (const auto& order : s.all<event::dial>())
    dialing(s.in).failed(s.now, order.attempt, std::make_error_code(std::errc::host_unreachable),
                         "no route");
  s.leaves().dial_due(s.now);
  EXPECT_TRUE(s.all<event::dial>().empty()) << "they wait";
  s.leaves().network_changed(s.now);
  s.leaves().dial_due(s.now);
  EXPECT_EQ(s.all<event::dial>().size(), 2u);
}

}  // namespace
}  // namespace rendr::engine
