// SPDX-License-Identifier: Apache-2.0
// When a leaf is dialled, and when it is not.
#include "engine/path/redial.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);
const std::error_code not_there = std::make_error_code(std::errc::connection_refused);
const std::error_code too_late = errc::timed_out;

/// One `redial` and the link around it, of which the test says how it is.
struct dialler {
  redial dials;
  dial_facts facts;
  seeded_random jitter{7};
  instant now = t0;

  explicit dialler(std::vector<dial_facts::leaf> leaves) {
    facts.dials = true;
    facts.leaves = std::move(leaves);
    dials.begin(now, facts, jitter);
  }

  bool due(spec_id leaf) { return dials.is_due(now, leaf); }
  redial::order dial(spec_id leaf, redial::handshakes open = {}) {
    dials.take_due(leaf, facts);
    return dials.dial(now, leaf, open, facts);
  }
  void fail(const redial::order& order, const std::error_code& code = not_there) {
    dials.failed(now, order.attempt, code, facts, jitter);
  }
  /// How long it is until the link looks at its leaves again.
  duration wait() const {
    const auto next = dials.next_timeout(facts.up);
    return next == never ? duration::max() : next - now;
  }
  redial::room room(spec_id leaf, redial::handshakes open = {}) {
    return dials.room_for(now, leaf, open, facts);
  }

  // The link comes up by the path of leaf 0, and goes dark again.
  void come_up() {
    facts.up = facts.alive = true;
    facts.leaves[0].present = facts.leaves[0].good = facts.leaves[0].known = true;
    dials.path_up(0);
  }
  void go_dark() {
    facts.alive = false;
    facts.leaves[0].present = facts.leaves[0].good = false;
    facts.dark_since = now;
    dials.path_lost(now, 0, {true, false, false}, facts, jitter);
    dials.went_dark(now, facts, jitter);
  }
  void become_suspect(spec_id leaf) {
    facts.leaves[leaf].good = false;
    facts.leaves[leaf].suspected_at = now;
  }
};

dial_facts::leaf warm() { return {}; }
dial_facts::leaf cold() {
  dial_facts::leaf out;
  out.cold = true;
  return out;
}

/// A link that is up by leaf 0; leaf 1 was never dialled.
dialler one_lives() {
  dialler out({warm(), warm()});
  out.fail(out.dial(0));
  out.dial(1);
  out.come_up();
  out.dials.abandon(0);
  out.dials.abandon(1);
  return out;
}

// --- back-off

TEST(redial, a_new_link_dials_every_leaf_at_once) {
  dialler d({warm(), warm()});
  EXPECT_TRUE(d.due(0));
  EXPECT_TRUE(d.due(1));
}

TEST(redial, an_acceptor_dials_nothing) {
  dialler d({warm()});
  d.facts.dials = false;
  d.dials.none_lives(d.now, d.facts, d.jitter);
  EXPECT_EQ(d.wait(), duration::max());
  EXPECT_FALSE(d.dials.welcome(0, d.facts));
}

TEST(redial, a_leaf_that_fails_waits_twice_as_long_each_time) {
  auto d = one_lives();
  duration expected = defaults::redial_first;
  for (int i = 0; i < 8; ++i) {
    d.fail(d.dial(1));
    EXPECT_LE(d.wait(), expected) << i;
    EXPECT_GE(d.wait(), expected * 4 / 5) << i;
    d.now += d.wait();
    EXPECT_TRUE(d.due(1)) << i;
    expected = std::min<duration>(2 * expected, defaults::redial_max);
  }
}

TEST(redial, the_wait_is_drawn_from_the_last_fifth_of_the_back_off) {
  duration least = duration::max();
  duration most{0};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto d = one_lives();
    d.jitter = seeded_random(seed);
    d.fail(d.dial(1));
    least = std::min(least, d.wait());
    most = std::max(most, d.wait());
  }
  EXPECT_GE(least, defaults::redial_first * 4 / 5);
  EXPECT_LE(least, defaults::redial_first * 4 / 5 + 2ms);
  EXPECT_LE(most, defaults::redial_first);
  EXPECT_GE(most, defaults::redial_first - 2ms);
}

TEST(redial, what_is_away_for_longer_than_a_minute_is_dialled_seldom) {
  auto d = one_lives();
  duration longest{0};
  while (d.now - t0 < 10min) {
    d.fail(d.dial(1));
    if (d.now - t0 <= defaults::redial_quick) {
      EXPECT_LE(d.wait(), defaults::redial_max);
    }
    longest = std::max(longest, d.wait());
    d.now += d.wait();
  }
  EXPECT_LE(longest, defaults::redial_slow);
  EXPECT_GE(longest, defaults::redial_slow * 4 / 5);
}

TEST(redial, a_path_that_lived_is_dialled_at_once_and_one_that_broke_at_once_waits) {
  auto d = one_lives();
  d.dials.path_lost(d.now, 1, {true, false, false}, d.facts, d.jitter);
  EXPECT_TRUE(d.due(1));
  d.dials.abandon(1);
  d.dials.path_lost(d.now, 1, {false, false, false}, d.facts, d.jitter);
  EXPECT_FALSE(d.due(1));
  EXPECT_LE(d.wait(), defaults::redial_first);
}

TEST(redial, the_next_address_of_a_name_is_tried_at_once) {
  auto d = one_lives();
  d.dials.path_lost(d.now, 1, {false, true, true}, d.facts, d.jitter);
  EXPECT_TRUE(d.due(1));
}

TEST(redial, somebody_who_answers_is_asked_again_soon) {
  auto d = one_lives();
  d.now += 10min;
  for (int i = 0; i < 12; ++i) d.fail(d.dial(1));
  EXPECT_GT(d.wait(), 10s);
  d.dials.soon(d.now, 1, d.facts);
  EXPECT_EQ(d.wait(), defaults::dark_redial);
}

TEST(redial, a_removed_leaf_is_not_dialled_and_its_tries_are_cancelled) {
  auto d = one_lives();
  const auto order = d.dial(1);
  d.facts.leaves[1].removed = true;
  EXPECT_EQ(d.dials.abandon(1), std::vector{order.attempt});
  EXPECT_EQ(d.wait(), duration::max());
  EXPECT_FALSE(d.dials.connected(order.attempt)) << "it comes too late";
  d.dials.none_lives(d.now, d.facts, d.jitter);
  EXPECT_FALSE(d.due(1));
}

TEST(redial, a_leaf_that_is_attached_later_is_dialled_at_once) {
  auto d = one_lives();
  d.facts.leaves.push_back(warm());
  d.dials.attached(d.now, 2, d.facts, d.jitter);
  EXPECT_TRUE(d.due(2));
}

// --- in the dark

TEST(redial, a_link_without_a_path_dials_every_half_second_for_a_minute) {
  auto d = one_lives();
  d.go_dark();
  d.dials.abandon(1);
  ASSERT_TRUE(d.due(0));
  for (int i = 0; i < 10; ++i) {
    d.fail(d.dial(0), not_there);
    EXPECT_EQ(d.wait(), defaults::dark_redial) << i;
    d.now += defaults::dark_redial;
  }
  d.now += defaults::redial_quick;
  d.fail(d.dial(0));
  EXPECT_GT(d.wait(), defaults::dark_redial);
}

TEST(redial, a_patient_try_in_the_dark_gets_twice_the_time_after_each_that_was_abandoned) {
  auto d = one_lives();
  d.go_dark();
  duration expected = defaults::dark_redial;
  for (int i = 0; i < 5; ++i) {
    const auto order = d.dial(0);
    EXPECT_EQ(order.timeout, std::min<duration>(expected, defaults::dial_timeout)) << i;
    d.now += order.timeout;
    EXPECT_EQ(d.dials.overdue(d.now, 0), std::vector{order.attempt}) << i;
    d.fail(order, too_late);
    expected *= 2;
  }
  d.fail(d.dial(0), not_there);
  EXPECT_EQ(d.dial(0).timeout, defaults::dial_timeout) << "a refusal says nothing about its time";
}

TEST(redial, a_path_that_came_up_forgets_what_was_abandoned) {
  auto d = one_lives();
  d.go_dark();
  d.fail(d.dial(0), too_late);
  d.fail(d.dial(0), too_late);
  d.come_up();
  d.go_dark();
  EXPECT_EQ(d.dial(0).timeout, defaults::dark_redial);
}

TEST(redial, a_long_round_trip_makes_every_try_longer) {
  auto d = one_lives();
  d.dials.measured(0, 700ms);
  d.go_dark();
  EXPECT_EQ(d.dial(0).timeout, 2100ms);
}

// --- reasons to hurry

TEST(redial, a_change_of_the_network_makes_it_quick_again) {
  auto d = one_lives();
  d.now += 10min;
  for (int i = 0; i < 12; ++i) d.fail(d.dial(1));
  ASSERT_GT(d.wait(), defaults::redial_max);
  d.dials.network_changed(d.now);
  EXPECT_FALSE(d.dials.ask_anew(d.now, 1, d.facts, d.jitter)) << "it waits for no command";
  ASSERT_TRUE(d.due(1));
  const auto order = d.dial(1);
  EXPECT_EQ(order.away, duration(0)) << "since the network changed";
  d.fail(order);
  EXPECT_LE(d.wait(), defaults::redial_first);
}

TEST(redial, after_a_change_of_the_network_a_suspect_path_has_a_fresh_one_beside_it) {
  auto d = one_lives();
  d.facts.leaves[1].present = true;
  d.become_suspect(1);
  d.dials.network_changed(d.now);
  EXPECT_TRUE(d.dials.ask_anew(d.now, 1, d.facts, d.jitter));
  EXPECT_FALSE(d.dials.ask_anew(d.now, 0, d.facts, d.jitter)) << "nothing is wrong with it";
}

TEST(redial, a_suspect_path_is_dialled_beside_only_while_nothing_lives) {
  auto d = one_lives();
  d.facts.leaves[1].present = true;
  d.become_suspect(1);
  d.dials.none_lives(d.now, d.facts, d.jitter);
  EXPECT_FALSE(d.due(1)) << "leaf 0 lives";
  d.become_suspect(0);
  d.facts.alive = false;
  d.facts.dark_since = d.now;
  d.dials.none_lives(d.now, d.facts, d.jitter);
  EXPECT_TRUE(d.due(0));
  EXPECT_TRUE(d.due(1));
}

TEST(redial, a_connection_beside_a_suspect_path_is_welcome_and_one_beside_a_good_path_is_not) {
  auto d = one_lives();
  d.facts.leaves[1].present = true;
  EXPECT_FALSE(d.dials.welcome(1, d.facts));
  d.become_suspect(1);
  EXPECT_TRUE(d.dials.welcome(1, d.facts));
}

TEST(redial, an_application_that_asks_in_vain_has_what_sleeps_dialled_at_once) {
  auto d = one_lives();
  d.go_dark();
  d.now += 10min;
  for (int i = 0; i < 12; ++i) d.fail(d.dial(0));
  d.dials.abandon(1);
  ASSERT_GT(d.wait(), 10s);
  d.dials.wanted(d.now, d.facts, d.jitter);
  EXPECT_TRUE(d.due(0));
  EXPECT_TRUE(d.due(1));
  d.fail(d.dial(0));
  EXPECT_EQ(d.dials.next_timeout(true), d.now) << "leaf 1 is due still";
  d.fail(d.dial(1));
  EXPECT_EQ(d.wait(), defaults::dark_redial);
  d.now += defaults::redial_wanted;
  d.fail(d.dial(0));
  d.fail(d.dial(1));
  EXPECT_LT(d.wait(), defaults::dark_redial) << "the back-off began anew";
}

TEST(redial, an_application_that_asks_while_a_path_lives_or_all_is_tried_changes_nothing) {
  auto d = one_lives();
  d.now += 10min;
  d.fail(d.dial(1));
  const auto before = d.dials.next_timeout(true);
  d.dials.wanted(d.now, d.facts, d.jitter);
  EXPECT_EQ(d.dials.next_timeout(true), before) << "a path lives";
  d.go_dark();
  d.fail(d.dial(0));
  d.fail(d.dial(1));
  const auto quick = d.dials.next_timeout(true);
  d.dials.wanted(d.now, d.facts, d.jitter);
  EXPECT_EQ(d.dials.next_timeout(true), quick) << "it is quick already";
}

TEST(redial, a_dial_says_how_long_the_leaf_is_asked_for_in_vain) {
  auto d = one_lives();
  d.go_dark();
  d.now += 7s;
  EXPECT_EQ(d.dial(0).away, 7s);
}

// --- several tries at once

TEST(redial, a_try_without_an_answer_has_another_beside_it_after_a_second) {
  dialler d({warm()});
  d.dial(0);
  EXPECT_EQ(d.wait(), defaults::dial_beside);
  EXPECT_EQ(d.room(0), redial::room::full);
  d.now += defaults::dial_beside;
  EXPECT_EQ(d.room(0), redial::room::free);
}

TEST(redial, a_third_try_waits_until_the_second_is_over) {
  dialler d({warm()});
  const auto first = d.dial(0);
  d.now += defaults::dial_beside;
  const auto second = d.dial(0);
  EXPECT_LT(second.timeout, first.timeout) << "the oldest keeps its time";
  EXPECT_EQ(d.room(0), redial::room::full);
  EXPECT_EQ(d.wait(), second.timeout) << "asked again when the second one is over";
  d.now += second.timeout;
  EXPECT_EQ(d.dials.overdue(d.now, 0), std::vector{second.attempt});
}

TEST(redial, the_newest_handshake_gives_way_once_it_is_without_an_answer) {
  dialler d({warm()});
  const auto first = d.dials.connected(d.dial(0).attempt);
  ASSERT_TRUE(first);
  const auto beside_at = d.dials.await_answer(d.now, *first);
  EXPECT_EQ(beside_at, d.now + defaults::dial_beside);
  EXPECT_EQ(d.wait(), defaults::dial_beside);
  const redial::handshakes both{2, beside_at};
  EXPECT_EQ(d.room(0, both), redial::room::full);
  d.now = beside_at;
  EXPECT_EQ(d.room(0, both), redial::room::gives_way);
}

TEST(redial, a_connection_that_took_long_is_given_as_long_for_its_answer) {
  dialler d({warm()});
  const auto order = d.dial(0);
  d.now += 2s;
  const auto tried = d.dials.connected(order.attempt);
  ASSERT_TRUE(tried);
  EXPECT_EQ(tried->leaf, 0u);
  EXPECT_EQ(d.dials.await_answer(d.now, *tried), d.now + 8s);
}

TEST(redial, who_is_away_for_long_keeps_the_tries_that_are_under_way) {
  dialler d({warm()});
  d.now += 10min;
  d.dial(0);
  d.dial(0);
  EXPECT_EQ(d.room(0, {}), redial::room::full);
  EXPECT_FALSE(d.due(0));
  EXPECT_EQ(d.wait(), defaults::dial_beside) << "the second one's end, and no new try before it";
}

TEST(redial, an_attempt_that_is_over_is_none_of_ours) {
  dialler d({warm()});
  const auto order = d.dial(0);
  d.fail(order);
  EXPECT_FALSE(d.dials.connected(order.attempt));
  EXPECT_FALSE(d.dials.failed(d.now, order.attempt, not_there, d.facts, d.jitter));
}

// --- cold leaves

TEST(redial, a_cold_leaf_is_dialled_when_no_other_came_up_in_time) {
  dialler d({warm(), cold()});
  d.dial(0);
  EXPECT_FALSE(d.due(1));
  d.now += defaults::cold_wait - 1ms;
  d.dials.call_cold_in_time(d.now, d.facts, d.jitter);
  EXPECT_FALSE(d.due(1));
  d.now += 1ms;
  d.dials.call_cold_in_time(d.now, d.facts, d.jitter);
  EXPECT_TRUE(d.due(1));
}

TEST(redial, a_cold_leaf_is_dialled_at_once_when_every_other_failed) {
  dialler d({warm(), warm(), cold()});
  d.fail(d.dial(0));
  EXPECT_FALSE(d.due(2));
  d.fail(d.dial(1));
  EXPECT_TRUE(d.due(2));
}

TEST(redial, of_leaves_that_are_all_cold_the_first_is_dialled_at_once) {
  dialler d({cold(), cold()});
  EXPECT_TRUE(d.due(0));
  EXPECT_FALSE(d.due(1));
}

TEST(redial, a_cold_leaf_is_dialled_when_the_link_goes_dark_and_not_while_a_path_lives) {
  dialler d({warm(), cold()});
  d.dial(0);
  d.come_up();
  d.dials.none_lives(d.now, d.facts, d.jitter);
  EXPECT_FALSE(d.due(1));
  d.go_dark();
  EXPECT_TRUE(d.due(1));
}

TEST(redial, a_cold_path_rests_once_the_others_were_good_for_a_minute) {
  dialler d({warm(), cold()});
  d.dial(0);
  d.come_up();
  d.facts.leaves[1].present = d.facts.leaves[1].good = true;
  EXPECT_FALSE(d.dials.rests(d.now, d.facts, true));
  EXPECT_LE(d.wait(), defaults::cold_rest);
  d.now += defaults::cold_rest;
  EXPECT_FALSE(d.dials.rests(d.now, d.facts, false)) << "it was not asked whether it may";
  const auto leaf = d.dials.rests(d.now, d.facts, true);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(*leaf, 1u);
}

TEST(redial, what_was_not_good_for_a_moment_lets_no_cold_path_rest) {
  dialler d({warm(), cold()});
  d.dial(0);
  d.come_up();
  d.facts.leaves[1].present = d.facts.leaves[1].good = true;
  d.dials.rests(d.now, d.facts, true);
  d.now += defaults::cold_rest / 2;
  d.facts.leaves[0].good = false;
  d.dials.rests(d.now, d.facts, true);
  d.facts.leaves[0].good = true;
  d.dials.rests(d.now, d.facts, true);
  d.now += defaults::cold_rest / 2;
  EXPECT_FALSE(d.dials.rests(d.now, d.facts, true));
}

// --- what observers and the application are told

TEST(redial, a_leaf_that_does_not_come_up_is_told_after_a_while) {
  dialler d({warm()});
  d.dial(0);
  ASSERT_TRUE(d.dials.owes_a_word());
  EXPECT_EQ(d.dials.tells_missing_at(d.facts), d.now + defaults::missing_after);
  d.now += defaults::missing_after;
  const auto words = d.dials.missing_words(d.now, d.facts);
  ASSERT_EQ(words.size(), 1u);
  EXPECT_EQ(words[0].leaf, 0u);
  EXPECT_EQ(words[0].word.after, defaults::missing_after);
  EXPECT_EQ(words[0].word.reason, "there is no answer yet");
  EXPECT_TRUE(d.dials.missing_words(d.now + 1h, d.facts).empty()) << "once";
  EXPECT_FALSE(d.dials.owes_a_word());
}

TEST(redial, a_reason_that_lasts_is_told_at_once) {
  dialler d({warm()});
  d.dial(0);
  const auto code = std::make_error_code(std::errc::no_such_device);
  const auto word = d.dials.note_end(d.now, 0, code, "no device eth7", d.facts);
  ASSERT_TRUE(word);
  EXPECT_TRUE(word->lasting);
  EXPECT_EQ(word->reason, "no device eth7");
}

TEST(redial, what_came_up_is_missing_no_more) {
  dialler d({warm()});
  d.dial(0);
  d.come_up();
  EXPECT_FALSE(d.dials.owes_a_word());
  EXPECT_TRUE(d.dials.missing_words(d.now + 1h, d.facts).empty());
}

TEST(redial, a_leaf_that_nobody_dials_is_not_missing) {
  auto d = one_lives();
  d.dial(1);
  d.facts.leaves[1].cold = true;
  d.now += 1h;
  EXPECT_TRUE(d.dials.missing_words(d.now, d.facts).empty());
  d.facts.leaves[1].cold = false;
  EXPECT_TRUE(d.dials.missing_words(d.now, d.facts).empty()) << "its absence begins anew";
}

TEST(redial, the_last_word_of_a_dial_is_kept_with_its_code) {
  dialler d({warm()});
  EXPECT_EQ(d.dials.last_code(), errc::no_path);
  d.dials.heard("a: nobody is there");
  EXPECT_EQ(d.dials.last_error(), "a: nobody is there");
  d.dials.heard(errc::refused, "a: the peer refused");
  EXPECT_EQ(d.dials.last_code(), errc::refused);
  d.fail(d.dial(0), errc::auth_failed);
  EXPECT_EQ(d.dials.last_code(), errc::auth_failed);
  d.fail(d.dial(0), not_there);
  EXPECT_EQ(d.dials.last_code(), errc::auth_failed) << "an error of the system has no code of ours";
}

}  // namespace
}  // namespace rendr::engine
