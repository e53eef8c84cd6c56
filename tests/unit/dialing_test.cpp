// SPDX-License-Identifier: Apache-2.0
// What comes of dials, of one link without the link.
#include "engine/link/dialing.hpp"

#include <gtest/gtest.h>

#include "support/path_stages.hpp"
#include "support/rooms_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);
const std::error_code not_there = std::make_error_code(std::errc::connection_refused);

link_config leaves(std::size_t n) {
  link_config out;
  for (std::size_t i = 0; i < n; ++i) out.paths.emplace_back().name = std::string(1, "abc"[i]);
  return out;
}

struct stage : test::rooms_of_a_link {
  explicit stage(std::size_t n = 1) : rooms_of_a_link(role::dialer, {}, leaves(n)) {
    dials().begin(now);
  }
  dialing dials() { return dialing(in); }
  /// What is due is dialled; the orders that the driver gets.
  std::vector<event::dial> due() {
    dials().look_at_all(now);
    for (spec_id leaf = 0; leaf < in.slots.size(); ++leaf) {
      if (dials().is_due(now, leaf) && dials().room_for(now, leaf).free) dials().dial(now, leaf);
    }
    return all<event::dial>();
  }
  instant now = t0;
};

TEST(dialing, every_dial_is_counted_and_shown_of_its_leaf) {
  stage s(2);
  const auto orders = s.due();
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[1].spec, 1u);
  EXPECT_EQ(s.in.slots[1].totals.dials, 1u);
  EXPECT_EQ(s.in.slots[1].shown, path_phase::dialing);
}

TEST(dialing, a_connection_becomes_a_path_of_its_leaf_that_waits_for_its_handshake) {
  stage s;
  const auto orders = s.due();
  ASSERT_EQ(orders.size(), 1u);
  s.in.standing.start(s.now);
  s.in.standing.come_up(s.now, duration::max());  // no hello is owed: it waits for a token
  auto& living = s.connect(s.now);
  living.life = life_at(path_stage::suspect, s.now);
  carrier_traits traits;
  traits.remote = "192.0.2.1:7";
  auto* p = s.dials().connected(s.now, orders[0].attempt, traits);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->leaf, 0u);
  EXPECT_EQ(p->traits.remote, "192.0.2.1:7");
  EXPECT_EQ(p->attach_until, s.now + defaults::handshake_timeout);
  EXPECT_EQ(p->beside_at, s.now + defaults::dial_beside);
  EXPECT_EQ(s.in.slots[0].shown, path_phase::attaching);
  EXPECT_EQ(s.dials().connected(s.now, orders[0].attempt, traits), nullptr) << "only once";
}

TEST(dialing, a_failed_dial_is_told_and_is_the_last_word) {
  stage s;
  const auto orders = s.due();
  s.dials().failed(s.now, orders.at(0).attempt, not_there, "nobody listens");
  const auto ends = s.all<event::dial_ended>();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].name, "a");
  EXPECT_EQ(ends[0].detail, "nobody listens");
  EXPECT_EQ(s.in.redial.last_error(), "a: nobody listens");
}

TEST(dialing, without_a_detail_the_error_speaks_for_itself) {
  stage s;
  s.dials().failed(s.now, s.due().at(0).attempt, not_there, "");
  EXPECT_EQ(s.in.redial.last_error(), "a: " + not_there.message());
}

TEST(dialing, a_dial_that_takes_too_long_is_cancelled_and_counts_as_failed) {
  stage s;
  const auto first = s.due().at(0);
  s.now += first.timeout;
  s.dials().is_due(s.now, 0);
  bool cancelled = false;
  bool ended = false;
  while (auto e = s.events.poll()) {
    if (const auto* one = std::get_if<event::cancel_dial>(&*e))
      cancelled = one->attempt == first.attempt;
    if (std::holds_alternative<event::dial_ended>(*e)) ended = cancelled;
  }
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(ended) << "after it was cancelled";
}

TEST(dialing, a_leaf_that_does_not_come_up_is_told_in_time) {
  stage s;
  s.dials().failed(s.now, s.due().at(0).attempt, not_there, "nobody listens");
  s.due();
  EXPECT_LE(s.dials().next_timeout(), t0 + defaults::missing_after);
  s.now = t0 + defaults::missing_after;
  s.dials().look_at_all(s.now);
  const auto words = s.all<event::path_missing>();
  ASSERT_EQ(words.size(), 1u);
  EXPECT_EQ(words[0].name, "a");
  EXPECT_EQ(words[0].reason, "nobody listens");
}

TEST(dialing, a_carrier_that_ended_without_a_reason_is_the_last_word_and_one_with_a_reason_is_not) {
  stage s;
  s.due();
  s.in.redial.heard("a: the peer refused: full");
  s.dials().lost(s.now, 0, {false, false, true}, cause::refused, "full");
  EXPECT_EQ(s.in.redial.last_error(), "a: the peer refused: full");
  s.dials().lost(s.now, 0, {false, false, true}, cause::carrier_eof, "ended");
  EXPECT_EQ(s.in.redial.last_error(), "a: ended");
  EXPECT_EQ(s.all<event::dial_ended>().size(), 2u);
}

TEST(dialing, what_was_replaced_is_told_to_nobody) {
  stage s;
  s.due();
  s.dials().lost(s.now, 0, {true, false, false}, cause::replaced, "");
  EXPECT_TRUE(s.all<event::dial_ended>().empty());
}

TEST(dialing, the_end_of_a_link_cancels_its_dials) {
  stage s(2);
  s.due();
  s.in.standing.end();
  s.dials().end();
  EXPECT_EQ(s.all<event::cancel_dial>().size(), 2u);
  EXPECT_EQ(s.dials().next_timeout(), never);
}

}  // namespace
}  // namespace rendr::engine
