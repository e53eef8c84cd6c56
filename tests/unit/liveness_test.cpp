// SPDX-License-Identifier: Apache-2.0
#include "engine/path/liveness.hpp"

#include <gtest/gtest.h>

#include "engine/path/peer_life.hpp"
#include "support/path_stages.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant now = instant{} + 1000s;
constexpr auto rtt = 20ms;

// A path of 20 ms whose only record, 1,000 bytes of a flow, has waited for 100 ms, beside another
// path that was heard just now.
liveness_facts overdue() {
  liveness_facts facts;
  facts.phase = path_phase::active;
  facts.oldest = {now - 100ms, 5000};
  facts.any_data = true;
  facts.round_trip = rtt;
  facts.wait = 65ms;
  facts.patience = 40ms;
  facts.death_after = 1s;
  facts.deadline = now - 35ms;
  facts.wrote_at = now - 100ms;
  facts.last_heard = now - 1s;
  facts.others_life = now;
  return facts;
}

// Its kernel sent everything, heard nothing for a second, and waits for the last 1,000 bytes.
carrier_evidence silent_kernel() {
  carrier_evidence e;
  e.delivered = 4000;
  e.unacked = 1000;
  e.last_ack_age = 1s;
  e.rtt = rtt;
  e.rttvar = 2ms;
  return e;
}

// Everything that was sent is acknowledged by the far kernel.
carrier_evidence all_delivered() {
  auto e = silent_kernel();
  e.delivered = 5000;
  e.unacked = 0;
  e.last_ack_age = 10ms;
  return e;
}

liveness_facts with(liveness_facts facts, const carrier_evidence& e) {
  facts.evidence = e;
  return facts;
}

TEST(liveness, a_record_that_nobody_waits_for_is_fine) {
  auto facts = with(overdue(), silent_kernel());
  facts.oldest.reset();
  EXPECT_EQ(judge(facts, now).what, finding::fine);
}

TEST(liveness, a_record_before_its_deadline_is_fine) {
  auto facts = with(overdue(), silent_kernel());
  facts.deadline = now + 1ms;
  facts.delivered_since = now - 5ms;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::fine);
  EXPECT_EQ(v.look_again_at, never);
  EXPECT_EQ(v.delivered_since, now - 5ms) << "nothing was learnt of that";
}

TEST(liveness, a_late_path_is_judged_whatever_its_deadline) {
  auto facts = with(overdue(), silent_kernel());
  facts.deadline = now + 1ms;
  facts.phase = path_phase::late;
  EXPECT_EQ(judge(facts, now).what, finding::suspect);
}

TEST(liveness, a_kernel_that_is_silent_too_makes_it_suspect) {
  const auto v = judge(with(overdue(), silent_kernel()), now);
  EXPECT_EQ(v.what, finding::suspect);
  EXPECT_EQ(v.why, cause::silence);
  EXPECT_EQ(v.detail, "nothing was acknowledged and the carrier is silent too");
}

TEST(liveness, a_path_that_was_seen_to_need_longer_is_late_until_then) {
  auto facts = with(overdue(), silent_kernel());
  facts.patience = 150ms;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_EQ(v.look_again_at, now + 50ms) << "150 ms after the record was sent";
}

TEST(liveness, a_kernel_that_hears_acknowledgements_makes_it_late_until_those_are_old) {
  auto e = silent_kernel();
  e.unacked = 100'000;
  e.delivered = 4000;
  e.last_ack_age = 10ms;
  const auto fresh = rtt + 4 * e.rttvar + defaults::evidence_slack;
  ASSERT_GE(4 * e.rttvar, defaults::evidence_slack);
  const auto v = judge(with(overdue(), e), now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_EQ(v.look_again_at, now + fresh - 10ms);
  e.last_ack_age = fresh;
  EXPECT_EQ(judge(with(overdue(), e), now).what, finding::suspect);
}

TEST(liveness, a_kernel_that_repairs_a_loss_is_given_the_time_of_a_time_out) {
  auto e = silent_kernel();
  e.unacked = 100'000;
  e.last_ack_age = 100ms;
  EXPECT_EQ(judge(with(overdue(), e), now).what, finding::suspect);
  e.recovering = true;
  EXPECT_EQ(judge(with(overdue(), e), now).what, finding::late);
}

TEST(liveness, a_kernel_with_few_packets_under_way_is_given_its_tail_loss_probe) {
  auto e = silent_kernel();
  e.unacked = defaults::few_packets - 1;
  e.last_ack_age = 80ms;
  EXPECT_EQ(judge(with(overdue(), e), now).what, finding::suspect);
  e.unsent = 1;
  auto facts = with(overdue(), e);
  facts.oldest->wire_end = 4500;
  EXPECT_EQ(judge(facts, now).what, finding::late);
}

TEST(liveness, a_transfer_of_the_peer_gives_its_kernel_the_time_of_a_delayed_acknowledgement) {
  auto e = silent_kernel();
  e.unacked = 100'000;
  e.last_ack_age = 60ms;
  auto facts = with(overdue(), e);
  EXPECT_EQ(judge(facts, now).what, finding::suspect);
  facts.filled_by_peer = true;
  EXPECT_EQ(judge(facts, now).what, finding::late);
}

TEST(liveness, a_record_that_waits_in_our_own_kernel_is_queued_and_not_late) {
  auto e = silent_kernel();
  e.unacked = 500;
  e.unsent = 500;
  e.last_ack_age = 5ms;
  const auto v = judge(with(overdue(), e), now);
  EXPECT_EQ(v.what, finding::queued);
  EXPECT_EQ(v.look_again_at, now + std::max<duration>(rtt, defaults::deadline_floor));
}

TEST(liveness, a_carrier_that_takes_no_bytes_is_questioned_though_no_record_waits) {
  auto e = silent_kernel();
  e.unsent = 200'000;
  e.unacked = 200'000;
  auto facts = with(overdue(), e);
  facts.oldest.reset();
  facts.blocked = true;
  EXPECT_EQ(judge(facts, now).what, finding::suspect);
  e.last_ack_age = 5ms;
  facts.evidence = e;
  EXPECT_EQ(judge(facts, now).what, finding::queued) << "its kernel makes progress";
}

TEST(liveness, a_record_without_data_is_waited_for_while_the_peer_is_heard) {
  auto facts = with(overdue(), silent_kernel());
  facts.any_data = false;
  facts.last_heard = now - 10ms;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_GT(v.look_again_at, now);
  facts.last_heard = now - 10s;
  EXPECT_EQ(judge(facts, now).what, finding::suspect);
}

TEST(liveness, what_the_far_kernel_has_is_given_the_peer_some_time) {
  const auto v = judge(with(overdue(), all_delivered()), now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_EQ(v.delivered_since, now);
  EXPECT_FALSE(v.stalled);
  EXPECT_EQ(v.look_again_at, now + 2 * rtt + defaults::max_ack_delay + defaults::delivered_grace);
}

TEST(liveness, a_peer_that_answers_elsewhere_alone_shows_a_carrier_of_the_first_hop) {
  auto facts = with(overdue(), all_delivered());
  facts.delivered_since = now - 500ms;
  facts.others_life = now - 99ms;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::suspect);
  EXPECT_EQ(v.why, cause::first_hop_only);
  EXPECT_TRUE(v.first_hop);
  EXPECT_FALSE(v.stalled);
}

TEST(liveness, a_peer_that_answers_nowhere_is_stalled_and_its_path_late) {
  auto facts = with(overdue(), all_delivered());
  facts.delivered_since = now - 500ms;
  facts.others_life = now - 600ms;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_TRUE(v.stalled);
  EXPECT_EQ(v.delivered_since, now - 500ms);
  EXPECT_EQ(v.look_again_at, now + 50ms);
}

TEST(liveness, a_peer_that_is_stalled_for_as_long_as_a_death_takes_is_doubted) {
  auto facts = with(overdue(), all_delivered());
  facts.delivered_since = now - 1s;
  facts.others_life = now - 2s;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::suspect);
  EXPECT_EQ(v.why, cause::first_hop_only);
  EXPECT_TRUE(v.stalled);
  EXPECT_FALSE(v.first_hop);
}

TEST(liveness, an_answer_that_waits_in_the_repair_of_the_peers_kernel_is_waited_for) {
  auto facts = with(overdue(), all_delivered());
  facts.delivered_since = now - 500ms;
  facts.gap_at = now - 10ms;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_EQ(v.delivered_since, never) << "its time begins anew";
  EXPECT_EQ(v.look_again_at, now - 10ms + rtt + defaults::repair_extra);
}

TEST(liveness, an_answer_behind_the_peers_own_transfer_is_waited_for) {
  auto facts = with(overdue(), all_delivered());
  facts.delivered_since = now - 500ms;
  facts.filled_by_peer = true;
  const auto v = judge(facts, now);
  EXPECT_EQ(v.what, finding::late);
  EXPECT_EQ(v.delivered_since, never);
  EXPECT_EQ(v.look_again_at, now + defaults::quiet_min);
}

TEST(liveness, where_no_path_lives_a_kernel_that_is_silent_says_more_than_what_it_delivered) {
  auto e = all_delivered();
  e.unacked = 100'000;
  e.last_ack_age = 1s;
  auto facts = with(overdue(), e);
  facts.others_life = instant::min();
  EXPECT_EQ(judge(facts, now).why, cause::silence);
  facts.others_life = now;
  EXPECT_EQ(judge(facts, now).what, finding::late) << "the peer is asked what it got";
}

TEST(liveness, a_carrier_without_evidence_is_judged_by_the_time_alone) {
  const auto v = judge(overdue(), now);
  EXPECT_EQ(v.what, finding::suspect);
  EXPECT_EQ(v.detail, "nothing was acknowledged in time");
  auto patient = overdue();
  patient.patience = 101ms;
  EXPECT_EQ(judge(patient, now).what, finding::late);
  EXPECT_EQ(judge(patient, now).look_again_at, now + 1ms);
}

TEST(liveness, a_carrier_without_evidence_that_takes_no_bytes_is_judged_from_its_last_write) {
  auto facts = overdue();
  facts.oldest.reset();
  facts.blocked = true;
  facts.wrote_at = now - 39ms;
  EXPECT_EQ(judge(facts, now).look_again_at, now + 1ms);
  facts.wrote_at = now - 40ms;
  EXPECT_EQ(judge(facts, now).what, finding::suspect);
}

liveness_facts doubted(duration silent) {
  auto facts = overdue();
  facts.phase = path_phase::suspect;
  facts.silent_since = now - silent;
  return facts;
}

TEST(liveness, a_suspect_path_is_dead_when_it_was_silent_long_enough_while_another_lives) {
  const auto v = judge(doubted(1s), now);
  EXPECT_EQ(v.what, finding::dead);
  EXPECT_EQ(v.why, cause::silence);
}

TEST(liveness, a_suspect_path_is_looked_at_again_before_that) {
  const auto v = judge(doubted(999ms), now);
  EXPECT_EQ(v.what, finding::silent);
  EXPECT_EQ(v.look_again_at, now + defaults::death_look);
}

TEST(liveness, a_suspect_path_does_not_die_while_no_other_lives) {
  auto facts = doubted(60s);
  facts.others_life = now - defaults::life_lately;
  EXPECT_EQ(judge(facts, now).what, finding::silent);
  facts.others_life = instant::min();
  EXPECT_EQ(judge(facts, now).what, finding::silent);
}

TEST(liveness, soon_after_another_death_the_longest_wait_has_no_upper_bound) {
  auto facts = doubted(5s);
  facts.death_after = 5s;
  facts.wait = 2s;
  EXPECT_EQ(judge(facts, now).what, finding::dead);
  facts.last_death = now - defaults::death_spacing + 1s;
  EXPECT_EQ(judge(facts, now).what, finding::silent) << "three waits are six seconds";
  facts.silent_since = now - 6s;
  EXPECT_EQ(judge(facts, now).what, finding::dead);
}

TEST(liveness, no_fact_of_a_carrier_matters_to_a_suspect_path) {
  EXPECT_EQ(judge(with(doubted(1s), all_delivered()), now).what, finding::dead);
}

class measured_path {
 public:
  measured_path() {
    p.life = life_at(path_stage::active);
    p.evidence = evidence_kind::end_to_end;
    for (int i = 0; i < 50; ++i) p.rtt.sample(rtt, now - 1s + i * rtt);
  }
  sent_record& send(std::uint32_t size, instant at) {
    sent_record record;
    record.size = size;
    record.eliciting = true;
    auto& added = p.sent.add(record);
    p.sent.transmitted(added, at, {});
    return added;
  }
  path p;
};

TEST(liveness, a_blind_carrier_is_given_twice_the_round_trip_more) {
  measured_path m;
  const auto seen = suspect_wait(m.p);
  EXPECT_GE(seen, rtt + defaults::max_ack_delay);
  m.p.evidence = evidence_kind::none;
  EXPECT_EQ(suspect_wait(m.p) - seen, std::max<duration>(defaults::blind_extra_min, 2 * rtt));
}

TEST(liveness, a_record_behind_a_queue_has_the_time_that_the_queue_takes_more) {
  measured_path m;
  auto& record = m.send(1000, now);
  EXPECT_EQ(record_deadline(m.p, record), now + suspect_wait(m.p));
  const auto mark = m.p.rate.on_transmitted(now - 2s, 0, false);
  m.p.rate.on_acknowledged(now - 1s, mark, now - 2s, 1'000'000, rtt);
  m.p.rate.finish_ack(now - 1s, rtt);
  ASSERT_EQ(m.p.rate.drain_rate(), 1'000'000u);
  record.in_flight = 499'000;
  EXPECT_EQ(record_deadline(m.p, record), now + suspect_wait(m.p) + 500ms - m.p.rtt.smoothed());
  EXPECT_EQ(death_after(m.p), defaults::death_min + 1ms) << "its own queue is a kilobyte";
}

TEST(liveness, no_deadline_counts_while_the_loop_was_late) {
  measured_path m;
  m.send(1000, now);
  m.p.hold_until = now + 10s;
  EXPECT_EQ(deadline_of(m.p), now + 10s);
}

TEST(liveness, a_path_that_owes_nothing_has_no_deadline_but_a_next_ping) {
  measured_path m;
  m.p.last_life = now;
  EXPECT_EQ(deadline_of(m.p), never);
  EXPECT_EQ(next_look(m.p), now + defaults::ping_standby);
  m.p.last_flow_data = m.p.last_eliciting = now;
  EXPECT_EQ(next_look(m.p), now + std::clamp<duration>(5 * rtt, defaults::ping_in_use_min,
                                                       defaults::ping_in_use_max));
}

TEST(liveness, a_path_that_is_not_attached_is_looked_at_when_its_handshake_takes_too_long) {
  measured_path m;
  m.p.life = life_at(path_stage::attach);
  m.p.attach_until = now + 3s;
  EXPECT_EQ(next_look(m.p), now + 3s);
  m.p.life.end(false);
  EXPECT_EQ(next_look(m.p), never);
}

TEST(liveness, a_suspect_path_that_owes_nothing_is_asked_again_and_again) {
  measured_path m;
  m.p.life.doubt(now, 1);
  m.p.last_eliciting = now;
  EXPECT_EQ(next_look(m.p), now + 50ms);
  m.send(1000, now);
  EXPECT_EQ(next_look(m.p), never) << "what it owes is waited for";
}

TEST(liveness, patience_is_what_the_path_has_shown_and_half_of_its_spread_more) {
  measured_path m;
  for (int i = 0; i < 20; ++i) m.p.quality.sample(now - 20s + i * 1s, rtt);
  m.p.quality.sample(now, 60ms);
  const auto& q = m.p.quality;
  const auto spread = std::max(q.peak() - q.latency(), 5 * q.jitter());
  EXPECT_EQ(patience(m.p), std::min(q.latency() + spread + spread / 2 + defaults::max_ack_delay,
                                    2 * (m.p.rtt.smoothed() + m.p.rtt.slack())));
}

TEST(liveness, a_path_is_filled_by_the_peer_while_its_transfer_arrives) {
  measured_path m;
  m.p.last_heard = now;
  EXPECT_FALSE(filled_by_peer(m.p, now));
  m.p.filled_until = now + 1s;
  EXPECT_TRUE(filled_by_peer(m.p, now));
  m.p.last_heard = now - 1s;
  EXPECT_FALSE(filled_by_peer(m.p, now)) << "it fell silent";
}

TEST(liveness, the_facts_of_a_path_are_its_own) {
  measured_path m;
  auto& record = m.send(1000, now);
  record.wire_end = 1234;
  m.p.delivered_since = now - 1s;
  const auto facts = liveness_of(m.p, now);
  ASSERT_TRUE(facts.oldest);
  EXPECT_EQ(facts.oldest->wire_end, 1234u);
  EXPECT_EQ(facts.deadline, deadline_of(m.p));
  EXPECT_EQ(facts.delivered_since, now - 1s);
  EXPECT_FALSE(facts.any_data);
  EXPECT_FALSE(facts.blocked);
  EXPECT_FALSE(facts.evidence);
  EXPECT_EQ(facts.others_life, instant::min());
}

TEST(liveness, a_peer_is_heard_again_after_no_path_had_shown_life_for_long) {
  peer_life peer;
  peer.heard(now, rtt);
  EXPECT_EQ(peer.again(), instant::min());
  peer.heard(now + defaults::link_silence, rtt);
  EXPECT_EQ(peer.again(), instant::min()) << "that was not long";
  const auto back = now + 2 * defaults::link_silence + 1ms;
  peer.heard(back, rtt);
  EXPECT_EQ(peer.again(), back);
  peer.heard(back + 1s, 1s);
  EXPECT_EQ(peer.again(), back) << "three round trips are longer";
}

TEST(liveness, a_peer_is_stalled_until_it_acts_or_a_path_dies) {
  peer_life peer;
  EXPECT_FALSE(peer.stalled());
  peer.stalls();
  EXPECT_TRUE(peer.stalled());
  peer.acted();
  EXPECT_FALSE(peer.stalled());
  peer.stalls();
  peer.path_died(now);
  EXPECT_FALSE(peer.stalled());
  EXPECT_EQ(peer.last_death(), now);
}

}  // namespace
}  // namespace rendr::engine
