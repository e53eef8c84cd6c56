// SPDX-License-Identifier: Apache-2.0
// What a change of one path means for the rooms of its link.
#include "engine/link/path_changes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/link/sender.hpp"
#include "support/paths_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto start = test::paths_of_a_link::start;

/// A link whose first path carries; what made it so is told already.
struct two_paths : test::paths_of_a_link {
  two_paths() : paths_of_a_link("selector(a, b)") {
    b.evidence = a.evidence = evidence_kind::none;
    all<event::path_changed>();
    woken();
  }
  path_changes changes() { return path_changes(in); }
  std::string told() {
    std::string out;
    for (const auto& e : all<event::path_changed>())
      out += e.name + ":" + std::string(to_string(e.to)) + " ";
    return out;
  }
  /// A record of `p` that was sent then and is not acknowledged.
  void send(path& p, instant at) {
    sent_record record;
    record.size = 100;
    record.eliciting = true;
    p.sent.transmitted(p.sent.add(record), at, {});
  }

  path& a = attach(0);
  path& b = attach(1);
};

TEST(path_changes, a_path_that_is_attached_takes_the_data_of_its_leaf) {
  test::paths_of_a_link l("selector(a, b)");
  auto& p = l.connect(start, 1);
  p.life.on(path_event::say_attach);
  path_changes(l.in).establish(start, p);
  EXPECT_EQ(l.in.slots[1].current, &p);
  EXPECT_TRUE(l.in.slots[1].known);
  EXPECT_EQ(p.life.phase(), path_phase::active) << "there is no other";
  EXPECT_TRUE(p.want_ping) << "its first record asks for an answer";
  EXPECT_EQ(l.woken(), std::vector{p.carrier});
}

TEST(path_changes, a_doubted_path_gives_its_place_to_another) {
  two_paths l;
  ASSERT_TRUE(l.a.life.at(path_stage::active));
  l.changes().suspect(start, l.a, cause::silence, "a test");
  EXPECT_EQ(l.told(), "a:suspect ");
  EXPECT_TRUE(l.b.life.at(path_stage::active));
  EXPECT_EQ(l.in.slots[0].totals.suspicions, 1u);
  EXPECT_TRUE(l.a.want_ping) << "it is asked";
  EXPECT_TRUE(l.b.want_ping) << "so are those that live";
  EXPECT_EQ(l.in.standing.dark_since(), never);
}

TEST(path_changes, a_link_whose_last_path_is_doubted_is_dark_until_one_is_trusted_again) {
  two_paths l;
  l.changes().suspect(start, l.a, cause::silence, "a test");
  l.changes().suspect(start + 1s, l.b, cause::silence, "a test");
  EXPECT_EQ(l.in.standing.dark_since(), start + 1s);
  l.changes().life(start + 2s, l.b, l.b.life.clear_number());
  EXPECT_EQ(l.in.standing.dark_since(), never);
  EXPECT_EQ(l.told(), "a:suspect b:suspect b:standby ");
}

TEST(path_changes, an_old_acknowledgement_does_not_clear_a_suspicion) {
  two_paths l;
  l.send(l.a, start);
  l.changes().suspect(start + 1s, l.a, cause::silence, "a test");
  l.changes().life(start + 2s, l.a, 0);
  EXPECT_TRUE(l.a.life.suspect());
  l.changes().life(start + 2s, l.a, 1);
  EXPECT_FALSE(l.a.life.suspect());
}

TEST(path_changes, a_carrier_that_can_say_nothing_is_doubted_by_the_clock) {
  two_paths l;
  l.send(l.a, start);
  l.changes().check(deadline_of(l.a) - 1ns, l.a);
  EXPECT_FALSE(l.a.life.suspect());
  l.changes().check(start + 1s, l.a);
  EXPECT_TRUE(l.a.life.suspect());
}

TEST(path_changes, a_carrier_that_can_say_more_is_asked_before_it_is_doubted) {
  two_paths l;
  l.a.evidence = evidence_kind::end_to_end;
  l.send(l.a, start);
  l.changes().check(start + 1s, l.a);
  EXPECT_EQ(l.all<event::need_evidence>().size(), 1u);
  EXPECT_FALSE(l.a.life.suspect());
  carrier_evidence silent;
  silent.unacked = 100'000;
  silent.last_ack_age = 1s;
  l.changes().evidence(start + 1s, l.a, silent);
  EXPECT_TRUE(l.a.life.suspect());
  EXPECT_EQ(l.told(), "a:suspect ");
}

TEST(path_changes, evidence_that_nobody_asked_for_is_not_judged) {
  two_paths l;
  l.send(l.a, start);
  carrier_evidence silent;
  silent.unacked = 100'000;
  silent.last_ack_age = 10s;
  l.changes().evidence(start + 10s, l.a, silent);
  EXPECT_FALSE(l.a.life.suspect());
}

TEST(path_changes, a_suspect_path_dies_while_another_shows_life) {
  two_paths l;
  l.send(l.a, start);
  l.changes().suspect(start, l.a, cause::silence, "a test");
  l.b.last_life = start + 10s;
  l.changes().check(start + 10s, l.a);
  EXPECT_TRUE(l.a.life.ended());
  EXPECT_EQ(l.in.slots[0].totals.deaths, 1u);
  EXPECT_EQ(l.in.slots[0].current, nullptr);
  EXPECT_TRUE(l.in.slots[0].silent_end);
  EXPECT_EQ(l.in.peer.last_death(), start + 10s);
}

TEST(path_changes, a_close_that_the_driver_reported_is_not_ordered_again) {
  two_paths l;
  l.changes().down(start, l.a, cause::carrier_eof, "it closed");
  EXPECT_EQ(l.in.paths.size(), 1u);
  EXPECT_FALSE(l.in.slots[0].silent_end) << "a FIN came";
  l.changes().down(start, l.b, cause::protocol, "a test");
  EXPECT_EQ(l.in.paths.size(), 1u) << "until its carrier is closed";
  EXPECT_EQ(l.all<event::close_carrier>().size(), 1u);
}

TEST(path_changes, a_path_that_this_end_leaves_drains_and_the_peer_is_told) {
  two_paths l;
  l.changes().leave(start, l.a, "a test");
  EXPECT_TRUE(l.a.life.leaving());
  EXPECT_EQ(l.told(), "a:draining ");
  sender(l.in).fill(start, l.a, 1 << 20);
  EXPECT_TRUE(std::ranges::count(l.said(l.a), "another")) << "a word about the path";
  EXPECT_TRUE(l.b.life.at(path_stage::active));
}

TEST(path_changes, a_path_that_replaces_another_says_goodbye_on_it) {
  two_paths l;
  l.changes().suspect(start, l.a, cause::silence, "a test");
  auto& fresh = l.connect(start, 0);
  fresh.id = 9;
  fresh.life.on(path_event::say_attach);
  l.changes().establish(start + 1s, fresh);
  EXPECT_EQ(l.in.slots[0].current, &fresh);
  l.changes().replace_old(start + 1s, fresh);
  EXPECT_TRUE(l.a.life.ended());
  EXPECT_FALSE(l.b.life.ended()) << "it is of another leaf";
  EXPECT_EQ(l.in.slots[0].totals.deaths, 0u) << "that is no death";
}

TEST(path_changes, a_handshake_that_takes_too_long_is_given_up) {
  two_paths l;
  auto& p = l.connect(start, 0);
  p.attach_until = start + 3s;
  l.changes().check(start + 2s, p);
  EXPECT_FALSE(p.life.ended());
  l.changes().check(start + 3s, p);
  EXPECT_TRUE(p.life.ended());
}

TEST(path_keeper, a_phase_is_told_and_kept_in_the_history_of_its_leaf) {
  two_paths l;
  path_keeper keeper(l.in);
  keeper.move(start, l.b, path_event::overdue, cause::silence, "late");
  keeper.move(start, l.b, path_event::answered, cause::none, "not any more");
  const auto before = l.in.slots[1].records.size();
  keeper.tell(start, l.b, l.b.life.doubt(start, 0), cause::silence, "why");
  EXPECT_EQ(l.told(), "b:late b:standby b:suspect ");
  ASSERT_EQ(l.in.slots[1].records.size(), before + 1);
  EXPECT_EQ(l.in.slots[1].records.back().detail, "why");
  EXPECT_EQ(l.in.slots[1].shown, path_phase::suspect);
}

TEST(path_keeper, the_history_of_a_leaf_is_bounded) {
  two_paths l;
  path_keeper keeper(l.in);
  for (int i = 0; i < 20; ++i) {
    keeper.tell(start, l.b, l.b.life.doubt(start, 0), cause::silence, std::to_string(i));
    keeper.move(start, l.b, path_event::cleared, cause::returned, "good");
  }
  EXPECT_EQ(l.in.slots[1].records.size(), 16u);
}

TEST(path_keeper, a_late_loop_puts_every_deadline_off) {
  two_paths l;
  l.a.check_at = start;
  path_keeper(l.in).hold_deadlines(start, 200ms);
  EXPECT_EQ(l.a.hold_until, start + 200ms);
  EXPECT_EQ(l.a.check_at, start + 200ms);
  EXPECT_EQ(l.b.check_at, never) << "nothing was to be looked at";
}

TEST(path_keeper, what_is_known_of_a_path_includes_the_life_of_others) {
  two_paths l;
  l.b.last_life = start + 3s;
  EXPECT_EQ(path_keeper(l.in).known_of(start + 4s, l.a).others_life, start + 3s);
}

TEST(path_keeper, a_silent_transfer_is_acknowledged_on_another_path_too) {
  two_paths l;
  l.a.burst = 5000;
  l.a.quiet_at = start;
  path_keeper(l.in).tell_quiet(l.a);
  EXPECT_TRUE(l.a.ack_elsewhere);
  EXPECT_EQ(l.a.quiet_at, never);
  EXPECT_EQ(l.woken(), std::vector{l.b.carrier});
}

TEST(path_keeper, everything_is_closed_when_nothing_is_attached_and_nothing_ended_in_silence) {
  two_paths l;
  path_keeper keeper(l.in);
  EXPECT_FALSE(keeper.all_closed());
  l.a.life.end(false);
  l.b.life.end(false);
  EXPECT_TRUE(keeper.all_closed());
  l.in.slots[0].silent_end = true;
  EXPECT_FALSE(keeper.all_closed());
}

}  // namespace
}  // namespace rendr::engine
