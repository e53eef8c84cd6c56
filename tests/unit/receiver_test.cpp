// SPDX-License-Identifier: Apache-2.0
// What frames mean, told to the rooms of a link without the link.
#include "engine/link/receiver.hpp"

#include <gtest/gtest.h>

#include "support/rooms_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using kind = frame_effect::kind;

const instant t0 = instant(1h);

/// An end of a link that is up by two paths.
struct stage : test::rooms_of_a_link {
  explicit stage(role side = role::dialer) : rooms_of_a_link(side, {}, test::two_leaves()) {
    in.standing.come_up(t0, duration::max());
  }
  path& attach(spec_id leaf) {
    auto& p = connect(t0, leaf);
    p.id = leaf;
    p.life.on(path_event::say_attach);
    p.life.on(path_event::attached);
    return p;
  }
  frame_effect hear(path& p, const wire::frame& f, instant now = t0) {
    return receiver(in).take(now, p, f);
  }
  /// A record of `p` with a PING goes out.
  std::uint64_t send(path& p, instant now = t0) {
    const auto number = p.sent.next_number();
    sent_record record;
    record.size = 40;
    record.eliciting = true;
    auto& kept = p.sent.add(std::move(record));
    p.sent.transmitted(kept, now, p.rate.on_transmitted(now, p.sent.in_flight(), false));
    return number;
  }
  static wire::path_ack ack_of(const path& p, std::uint64_t number) {
    wire::path_ack out;
    out.path = p.id;
    out.count = 1;
    out.ranges[0] = {0, number + 1};
    return out;
  }

  path& wifi = attach(0);
  path& mobile = attach(1);
};

wire::path_state word_of(const path& p, wire::path_report state, std::uint64_t epoch = 1) {
  wire::path_state out;
  out.path = p.id;
  out.epoch = epoch;
  out.state = state;
  return out;
}

TEST(receiver, a_record_that_comes_out_of_turn_is_refused) {
  stage s;
  wire::record_view record;
  record.number = 7;
  EXPECT_TRUE(receiver::begin(s.wifi, record).empty());
  EXPECT_FALSE(receiver::begin(s.wifi, record).empty()) << "it comes twice";
  record.number = 8;
  EXPECT_TRUE(receiver::begin(s.wifi, record).empty());
  auto& waits = s.connect(t0);
  EXPECT_FALSE(receiver::begin(waits, record).empty()) << "it is no path yet";
}

TEST(receiver, of_very_many_pings_a_few_are_answered) {
  stage s;
  for (std::uint64_t n = 0; n < 100; ++n)
    EXPECT_EQ(s.hear(s.wifi, wire::ping{n}).what, kind::nothing);
  EXPECT_EQ(s.wifi.pongs, (std::vector<std::uint64_t>{0, 1, 2, 3}));
}

TEST(receiver, an_acknowledgement_of_a_new_record_is_life_and_a_round_trip) {
  stage s;
  const auto number = s.send(s.wifi);
  const auto e = s.hear(s.wifi, stage::ack_of(s.wifi, number), t0 + 30ms);
  EXPECT_EQ(e.what, kind::life);
  EXPECT_EQ(e.about, &s.wifi);
  EXPECT_EQ(e.number, number);
  EXPECT_TRUE(e.fresh);
  EXPECT_EQ(s.wifi.rtt.smoothed(), 30ms);
  EXPECT_TRUE(s.wifi.sent.all_acknowledged());
}

TEST(receiver, a_copy_of_an_acknowledgement_on_another_path_is_no_life_of_the_first) {
  stage s;
  const auto number = s.send(s.wifi);
  EXPECT_EQ(s.hear(s.mobile, stage::ack_of(s.wifi, number), t0 + 30ms).what, kind::nothing);
  EXPECT_TRUE(s.wifi.sent.all_acknowledged());
  EXPECT_FALSE(s.wifi.rtt.measured());
  EXPECT_EQ(s.hear(s.wifi, stage::ack_of(s.wifi, number), t0 + 40ms).what, kind::life)
      << "what came here shows that it lives, though it settles nothing any more";
}

TEST(receiver, an_acknowledgement_of_what_was_never_sent_is_a_violation) {
  stage s;
  EXPECT_EQ(s.hear(s.wifi, stage::ack_of(s.wifi, 5)).what, kind::violation);
  EXPECT_EQ(s.hear(s.wifi, wire::pong{5}).what, kind::violation);
}

TEST(receiver, a_path_that_is_gone_is_acknowledged_in_vain) {
  stage s;
  auto ack = stage::ack_of(s.wifi, 0);
  ack.path = 9;
  EXPECT_EQ(s.hear(s.wifi, ack).what, kind::nothing);
}

TEST(receiver, a_word_about_another_path_is_carried_out_once) {
  using wire::path_report;
  stage s;
  const auto suspect = word_of(s.mobile, path_report::suspect);
  auto e = s.hear(s.wifi, suspect);
  EXPECT_EQ(e.what, kind::unheard);
  EXPECT_EQ(e.about, &s.mobile);
  EXPECT_EQ(s.hear(s.wifi, suspect).what, kind::nothing);
  EXPECT_EQ(s.hear(s.wifi, word_of(s.mobile, path_report::draining, 2)).what, kind::draining);
  EXPECT_EQ(s.hear(s.wifi, word_of(s.mobile, path_report::dead, 3)).what, kind::given_up);
}

TEST(receiver, what_came_by_a_path_does_not_doubt_it) {
  using wire::path_report;
  stage s;
  EXPECT_EQ(s.hear(s.wifi, word_of(s.wifi, path_report::suspect)).what, kind::nothing);
  EXPECT_EQ(s.hear(s.wifi, word_of(s.wifi, path_report::dead, 2)).what, kind::nothing);
}

TEST(receiver, a_bye_behind_a_goaway_in_its_record_ends_the_link) {
  stage s;
  EXPECT_EQ(s.hear(s.wifi, wire::bye{}).what, kind::left);
  s.in.ledger.begin_record();
  EXPECT_EQ(s.hear(s.wifi, wire::goaway{1, 7, "enough"}).what, kind::nothing);
  EXPECT_EQ(s.hear(s.wifi, wire::bye{}).what, kind::closed);
  const auto told = s.all<event::going_away>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].code, 7u);
}

TEST(receiver, graphs_and_tokens_go_one_way) {
  stage dialer(role::dialer);
  EXPECT_EQ(dialer.hear(dialer.wifi, wire::graph{1, "", "leaf 0"}).what, kind::violation);
  EXPECT_EQ(dialer.hear(dialer.wifi, wire::retire_token{0}).what, kind::violation);
  stage acceptor(role::acceptor);
  EXPECT_EQ(acceptor.hear(acceptor.wifi, wire::new_token{}).what, kind::violation);
}

TEST(receiver, data_of_a_flow_that_never_was_is_a_violation) {
  stage s;
  wire::data frame;
  frame.flow = 3;
  EXPECT_EQ(s.hear(s.wifi, frame).what, kind::violation);
  EXPECT_EQ(s.hear(s.wifi, wire::fin{3, 0}).what, kind::violation);
}

TEST(receiver, a_record_that_asks_is_acknowledged_soon_and_by_another_path_too_under_suspicion) {
  stage s;
  wire::record_view record;
  record.size = 100;
  receiver(s.in).end(t0, s.wifi, record, false);
  EXPECT_FALSE(s.wifi.acks.pending());
  record.number = 1;
  receiver(s.in).end(t0, s.wifi, record, true);
  EXPECT_TRUE(s.wifi.acks.pending());
  EXPECT_LE(s.wifi.acks.due(), t0 + defaults::max_ack_delay);
  EXPECT_FALSE(s.wifi.ack_elsewhere);
  s.wifi.life.doubt(t0, 1);
  record.number = 2;
  receiver(s.in).end(t0, s.wifi, record, true);
  EXPECT_TRUE(s.wifi.ack_elsewhere);
}

}  // namespace
}  // namespace rendr::engine
