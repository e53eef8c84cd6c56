// SPDX-License-Identifier: Apache-2.0
#include "sim/tcp_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace rendr::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mbit = 1'000'000 / 8;

std::byte pattern(std::uint64_t offset) { return static_cast<std::byte>((offset * 131) >> 3); }

/// A connection whose dialer writes as much as it may of `total` bytes and whose acceptor reads.
struct pair_of_sockets {
  explicit pair_of_sockets(lane_options line, tcp_options options = {}, std::uint64_t seed = 1)
      : rng(seed),
        forward(queue, rng.fork(), line),
        backward(queue, rng.fork(), line),
        tcp(queue, forward, backward, options) {
    backward.set_loss(0);
    tcp.dialer.on_ready = [this](tcp_socket&) { pump(); };
    tcp.acceptor.on_ready = [this](tcp_socket&) { drain(); };
    tcp.dialer.connect();
  }

  void send(std::uint64_t n) {
    total += n;
    pump();
  }
  void pump() {
    std::array<std::byte, 65536> chunk;
    while (written < total && tcp.dialer.writable()) {
      const auto n = std::min<std::uint64_t>(chunk.size(), total - written);
      for (std::size_t i = 0; i < n; ++i) chunk[i] = pattern(written + i);
      const bytes_view piece(chunk.data(), n);
      const auto accepted = tcp.dialer.write({&piece, 1});
      if (accepted == 0) break;
      written += accepted;
    }
  }
  void drain() {
    if (!reading) return;
    std::array<std::byte, 65536> chunk;
    while (const auto n = tcp.acceptor.read(chunk)) {
      for (std::size_t i = 0; i < n; ++i) damaged += chunk[i] != pattern(received + i) ? 1u : 0u;
      if (received < total && received + n >= total) completed = queue.now();
      received += n;
      if (received > n) longest_gap = std::max(longest_gap, queue.now() - last_read);
      last_read = queue.now();
    }
  }
  void run(duration d) { queue.run_until(queue.now() + d); }

  event_queue queue;
  random rng;
  lane forward;
  lane backward;
  tcp_connection tcp;
  std::uint64_t total = 0;
  std::uint64_t written = 0;
  std::uint64_t received = 0;
  std::uint64_t damaged = 0;
  bool reading = true;
  instant completed = never;
  instant last_read{};
  duration longest_gap{0};
};

lane_options line(duration delay, std::uint64_t rate, std::uint32_t loss_ppm = 0) {
  lane_options o;
  o.delay = delay;
  o.rate = rate;
  o.loss_ppm = loss_ppm;
  return o;
}

double rate_of(pair_of_sockets& p, duration d) {
  p.run(2s);
  const auto before = p.received;
  p.run(d);
  return static_cast<double>(p.received - before) / std::chrono::duration<double>(d).count();
}

TEST(tcp_model, connects_in_one_round_trip_and_delivers_in_order) {
  pair_of_sockets p(line(10ms, 0));
  p.run(19ms);
  EXPECT_FALSE(p.tcp.dialer.established());
  p.run(1ms);
  EXPECT_TRUE(p.tcp.dialer.established());
  p.send(1'000'000);
  p.run(1s);
  EXPECT_EQ(p.received, 1'000'000u);
  EXPECT_EQ(p.damaged, 0u);
  EXPECT_EQ(p.tcp.dialer.evidence().delivered, 1'000'000u);
  EXPECT_EQ(p.tcp.dialer.evidence().unacked, 0u);
}

TEST(tcp_model, fills_a_clean_line_with_either_congestion_control) {
  for (const auto control : {congestion::cubic, congestion::bbr}) {
    pair_of_sockets p(line(10ms, 50 * mbit), {.control = control});
    p.send(1u << 30);
    const auto rate = rate_of(p, 20s);
    EXPECT_GT(rate, 0.93 * 50 * mbit) << static_cast<int>(control);
    EXPECT_LT(rate, 50.0 * mbit);
    EXPECT_EQ(p.damaged, 0u);
  }
}

TEST(tcp_model, loss_costs_cubic_much_and_bbr_little) {
  std::array<double, 2> rates{};
  for (const auto control : {congestion::cubic, congestion::bbr}) {
    pair_of_sockets p(line(20ms, 50 * mbit, 10'000), {.control = control});
    p.send(1u << 30);
    rates.at(static_cast<std::size_t>(control)) = rate_of(p, 30s);
    EXPECT_GT(p.forward.counters().lost, 50u);
    EXPECT_GT(p.tcp.dialer.retransmissions(), 50u);
    EXPECT_EQ(p.damaged, 0u);
  }
  EXPECT_LT(rates[0], 0.4 * 50 * mbit);
  EXPECT_GT(rates[0], 0.05 * 50 * mbit);
  EXPECT_GT(rates[1], 0.8 * 50 * mbit);
}

TEST(tcp_model, a_bulk_receiver_acknowledges_every_second_segment) {
  pair_of_sockets p(line(20ms, 20 * mbit));
  p.send(1u << 30);
  p.run(3s);
  const auto sent = p.forward.counters().packets;
  const auto told = p.backward.counters().packets;
  p.run(5s);
  const auto per_mille =
      (p.backward.counters().packets - told) * 1000 / (p.forward.counters().packets - sent);
  EXPECT_GE(per_mille, 450u);
  EXPECT_LE(per_mille, 600u);
}

TEST(tcp_model, what_a_program_wrote_last_is_acknowledged_without_delay) {
  pair_of_sockets p(line(20ms, 0));
  p.run(100ms);
  for (int i = 0; i < 40; ++i) {
    p.send(1448);
    p.run(41ms);
    EXPECT_EQ(p.tcp.dialer.evidence().unacked, 0u) << i;
  }
}

TEST(tcp_model, bbr_empties_the_line_every_ten_seconds_to_measure_it) {
  pair_of_sockets p(line(20ms, 20 * mbit), {.control = congestion::bbr});
  p.send(1u << 30);
  p.run(2s);
  std::vector<duration> low;
  for (int i = 0; i < 30'000; ++i) {
    p.run(1ms);
    if (p.tcp.dialer.in_flight() <= 4u * 1448) low.push_back(p.queue.now().time_since_epoch());
  }
  EXPECT_GE(low.size(), 3u * 100);
  EXPECT_LE(low.size(), 3u * 250);
}

TEST(tcp_model, bbr_does_not_empty_the_line_after_a_silence) {
  pair_of_sockets p(line(20ms, 20 * mbit), {.control = congestion::bbr});
  p.send(1u << 20);
  p.run(4s);
  ASSERT_EQ(p.tcp.dialer.evidence().unacked, 0u);
  p.run(8s);
  p.send(1u << 20);
  for (int i = 0; i < 400; ++i) {
    p.run(1ms);
    EXPECT_GT(p.tcp.dialer.congestion_window(), 4u * 1448) << i;
  }
}

TEST(tcp_model, bbr_takes_the_round_trip_of_the_handshake_for_its_first) {
  pair_of_sockets p(line(50ms, 20 * mbit), {.control = congestion::bbr});
  p.run(9s);
  p.send(1u << 30);
  instant probe = never;
  while (probe == never && p.queue.now() < instant(15s)) {
    p.run(1ms);
    if (p.tcp.dialer.probing_delay()) probe = p.queue.now();
  }
  EXPECT_GE(probe, instant(10'100ms)) << "ten seconds after it";
  EXPECT_LE(probe, instant(10'300ms)) << "what was sent since was queued or larger";
}

TEST(tcp_model, what_closes_a_gap_tells_its_round_trip_by_the_time_stamp) {
  pair_of_sockets p(line(50ms, 0));
  p.run(200ms);
  p.send(1000);
  p.run(300ms);
  ASSERT_EQ(p.tcp.dialer.smoothed_rtt(), 100ms);
  p.forward.set_loss(1'000'000);
  p.send(1000);
  p.forward.set_loss(0);
  p.forward.set_delay(82ms);
  p.run(2s);
  EXPECT_EQ(p.tcp.dialer.retransmissions(), 1u);
  EXPECT_EQ(p.tcp.dialer.smoothed_rtt(), 104ms) << "an eighth of 32 ms more";
}

TEST(tcp_model, what_a_probe_of_the_delay_delivers_tells_nothing_of_the_rate) {
  pair_of_sockets p(line(50ms, 20 * mbit), {.control = congestion::bbr});
  p.send(1u << 30);
  p.run(5s);
  for (int i = 0; i < 10'000; ++i) {
    p.run(1ms);
    ASSERT_GT(p.tcp.dialer.evidence().rate, 15.0 * mbit) << i;
  }
}

TEST(tcp_model, what_was_sent_late_holds_back_the_next_for_half_as_long) {
  pair_of_sockets p(line(50ms, 20 * mbit), {.control = congestion::bbr});
  p.send(1u << 20);
  p.run(3s);
  ASSERT_EQ(p.tcp.dialer.evidence().unacked, 0u);
  p.send(1u << 20);
  std::vector<instant> sent;
  for (auto count = p.forward.counters().packets; sent.size() < 2; p.run(10us)) {
    if (p.forward.counters().packets != count) sent.push_back(p.queue.now());
    count = p.forward.counters().packets;
  }
  const auto first = sent[0] - instant(3s);
  const auto second = sent[1] - sent[0];
  EXPECT_GE(first, second * 45 / 100);
  EXPECT_LE(first, second * 55 / 100);
}

TEST(tcp_model, bbr_sends_ten_segments_before_it_paces) {
  pair_of_sockets p(line(50ms, 0), {.control = congestion::bbr});
  p.run(200ms);
  p.send(1u << 20);
  EXPECT_EQ(p.forward.counters().packets, 2u + 10) << "behind the handshake";
}

TEST(tcp_model, a_lost_segment_holds_back_what_follows_it_for_about_a_round_trip) {
  pair_of_sockets p(line(50ms, 0));
  p.run(200ms);
  for (int i = 0; i < 40; ++i) {
    if (i == 10) p.forward.set_loss(1'000'000);
    if (i == 11) p.forward.set_loss(0);
    p.send(1000);
    p.run(5ms);
  }
  p.run(1s);
  EXPECT_EQ(p.forward.counters().lost, 1u);
  EXPECT_EQ(p.received, 40'000u);
  EXPECT_EQ(p.tcp.dialer.time_outs(), 0u);
  EXPECT_GT(p.longest_gap, 100ms);
  EXPECT_LT(p.longest_gap, 140ms);
}

TEST(tcp_model, resumes_after_a_blackhole_only_at_its_next_time_out) {
  pair_of_sockets p(line(10ms, 10 * mbit));
  p.send(100u << 20);
  p.run(5s);
  ASSERT_GT(p.forward.data_packets(), 0u);
  p.forward.blackhole(true);
  p.run(20s);
  const auto stuck = p.received;
  const auto e = p.tcp.dialer.evidence();
  EXPECT_GT(e.unacked, 0u);
  EXPECT_GT(e.last_ack_age, 19s);
  EXPECT_TRUE(e.recovering);
  p.forward.blackhole(false);
  p.run(2s);
  EXPECT_EQ(p.received, stuck) << "the next time-out is many seconds away";
  p.run(30s);
  EXPECT_GT(p.received, stuck + 10'000'000);
  EXPECT_EQ(p.damaged, 0u);
}

TEST(tcp_model, a_one_way_blackhole_of_the_acknowledgements_silences_the_evidence) {
  pair_of_sockets p(line(10ms, 10 * mbit));
  p.send(100u << 20);
  p.run(3s);
  const auto before = p.received;
  p.backward.blackhole(true);
  p.run(1s);
  EXPECT_GT(p.received, before) << "what was sent still arrives";
  EXPECT_GT(p.tcp.dialer.evidence().last_ack_age, 900ms);
  EXPECT_GT(p.tcp.dialer.evidence().unacked, 0u);
}

TEST(tcp_model, a_kill_loses_what_is_in_flight_and_keeps_what_had_arrived) {
  pair_of_sockets p(line(20ms, 10 * mbit));
  p.reading = false;
  p.send(1u << 20);
  p.run(90ms);
  ASSERT_GT(p.forward.data_packets(), 0u);
  p.tcp.kill();
  EXPECT_EQ(p.tcp.dialer.error(), std::errc::connection_reset);
  EXPECT_FALSE(p.tcp.acceptor.error()) << "not before everything was read";
  p.reading = true;
  p.drain();
  EXPECT_GT(p.received, 0u);
  EXPECT_LT(p.received, p.written);
  EXPECT_EQ(p.damaged, 0u);
  EXPECT_EQ(p.tcp.acceptor.error(), std::errc::connection_reset);
  p.run(10s);
  EXPECT_FALSE(p.tcp.acceptor.eof());
}

TEST(tcp_model, an_end_that_learns_nothing_of_a_reset_is_told_when_it_sends) {
  pair_of_sockets p(line(10ms, 0));
  p.run(100ms);
  p.tcp.acceptor.fail(std::errc::connection_reset);
  p.run(10s);
  EXPECT_FALSE(p.tcp.dialer.error());
  p.send(100);
  p.run(20ms);
  EXPECT_EQ(p.tcp.dialer.error(), std::errc::connection_reset);
}

TEST(tcp_model, the_unsent_limit_bounds_what_waits_in_the_kernel) {
  pair_of_sockets p(line(10ms, 10 * mbit));
  p.tcp.dialer.unsent_limit(16384);
  p.send(10u << 20);
  for (int i = 0; i < 1000; ++i) {
    p.run(1ms);
    EXPECT_LT(p.tcp.dialer.evidence().unsent, 16384u + 65536u);
  }
  p.run(20s);
  EXPECT_EQ(p.received, std::uint64_t{10} << 20);
}

TEST(tcp_model, a_stopped_reader_is_sent_the_first_window_and_its_kernel_still_acknowledges) {
  pair_of_sockets p(line(10ms, 0));
  p.reading = false;
  p.send(1'000'000);
  p.run(10s);
  EXPECT_EQ(p.tcp.acceptor.unread(), 65536u);
  EXPECT_EQ(p.tcp.dialer.evidence().unacked, 0u);
  EXPECT_EQ(p.tcp.dialer.evidence().delivered, 65536u);
  p.reading = true;
  p.drain();
  p.run(1s);
  EXPECT_EQ(p.received, 1'000'000u);
  EXPECT_EQ(p.damaged, 0u);
}

TEST(tcp_model, a_receiver_acknowledges_each_segment_while_its_window_opens) {
  pair_of_sockets p(line(50ms, 0));
  p.send(1u << 20);
  p.run(450ms);
  EXPECT_GE(p.backward.counters().packets * 1000, p.forward.counters().packets * 700);
}

TEST(tcp_model, a_burst_asks_for_the_acknowledgement_of_its_last_segment) {
  pair_of_sockets p(line(50ms, 20 * mbit), {}, 3);
  p.run(200ms);
  p.forward.set_loss(10'000);
  p.send(1u << 30);
  p.run(60s);
  const auto per_mille = p.backward.counters().packets * 1000 / p.forward.counters().packets;
  EXPECT_GE(per_mille, 570u) << "the kernel sends 580 to 600";
  EXPECT_LE(per_mille, 720u);
}

TEST(tcp_model, a_single_hole_waits_a_quarter_of_the_round_trip_for_reordering) {
  pair_of_sockets p(line(50ms, 0));
  p.run(200ms);
  p.send(1000);
  p.run(300ms);
  const auto lost_at = p.queue.now();
  p.forward.set_loss(1'000'000);
  p.send(1000);
  p.forward.set_loss(0);
  p.send(1000);
  p.run(1s);
  EXPECT_EQ(p.forward.counters().lost, 1u);
  EXPECT_EQ(p.received, 3000u);
  EXPECT_GE(p.completed - lost_at, 150ms + 25ms);
  EXPECT_LE(p.completed - lost_at, 150ms + 40ms);
}

TEST(tcp_model, a_recovery_that_ends_with_more_missing_shrinks_the_window_again) {
  pair_of_sockets p(line(50ms, 20 * mbit));
  p.send(1u << 30);
  p.run(1s);
  const auto lose_one = [&p] {
    const auto before = p.forward.counters().lost;
    p.forward.set_loss(1'000'000);
    while (p.forward.counters().lost == before) p.run(100us);
    p.forward.set_loss(0);
  };
  const auto before = p.tcp.dialer.congestion_window();
  const auto rtt = p.tcp.dialer.smoothed_rtt();
  lose_one();
  p.run(rtt / 2);
  lose_one();
  p.run(rtt * 3 / 4);
  EXPECT_TRUE(p.tcp.dialer.evidence().recovering);
  lose_one();  // within the first recovery; told before that ends
  p.run(rtt * 3);
  EXPECT_FALSE(p.tcp.dialer.evidence().recovering);
  EXPECT_LT(p.tcp.dialer.congestion_window(), before * 55 / 100);
  EXPECT_GT(p.tcp.dialer.congestion_window(), before * 45 / 100);
}

/// What an acknowledgement of one segment tells a congestion control.
ack_sample one_segment(instant now, std::uint64_t in_flight, bool recovering) {
  ack_sample s;
  s.now = now;
  s.acked = 1448;
  s.in_flight = in_flight * 1448;
  s.min_rtt = 100ms;
  s.cwnd_limited = s.advanced = true;
  s.recovering = recovering;
  return s;
}

TEST(cubic, sends_in_a_recovery_as_the_new_window_is_to_the_old) {
  const auto c = congestion_control::make(congestion::cubic, 1448);
  ASSERT_EQ(c->window(), 10u * 1448);
  c->lost(instant(1s), std::uint64_t{9} * 1448);
  std::uint64_t in_flight = 9;
  std::uint64_t sent = 0;
  for (int i = 0; i < 4; ++i) {
    --in_flight;
    c->acked(one_segment(instant(1s), in_flight, true));
    for (; in_flight < c->window() / 1448; ++in_flight, ++sent) c->sent(1448);
  }
  EXPECT_EQ(sent, 3u) << "seven tenths of four, and the first at once";
  EXPECT_EQ(in_flight, 8u);
}

TEST(cubic, gains_nothing_in_a_recovery_by_what_is_only_told_beyond_a_gap) {
  const auto c = congestion_control::make(congestion::cubic, 1448);
  c->lost(instant(1s), std::uint64_t{4} * 1448);
  auto s = one_segment(instant(1s), 3, true);
  s.advanced = false;
  c->acked(s);
  EXPECT_EQ(c->window(), 4u * 1448) << "one for one";
  s.advanced = true;
  c->sent(1448);
  c->acked(s);
  EXPECT_EQ(c->window(), 5u * 1448) << "and one more";
}

TEST(cubic, forgets_at_a_loss_what_had_been_counted_towards_the_next_segment) {
  const auto c = congestion_control::make(congestion::cubic, 1448);
  c->lost(instant(1s), std::uint64_t{9} * 1448);
  c->recovered(instant(1s));
  ASSERT_EQ(c->window(), 7u * 1448);
  for (int i = 0; i < 6; ++i) c->acked(one_segment(instant(2s), 7, false));
  ASSERT_EQ(c->window(), 7u * 1448);
  c->lost(instant(3s), std::uint64_t{6} * 1448);
  c->recovered(instant(3s));
  ASSERT_EQ(c->window(), 5u * 1448 - 1448);
  for (int i = 0; i < 3; ++i) c->acked(one_segment(instant(4s), 4, false));
  EXPECT_EQ(c->window(), 4u * 1448);
  c->acked(one_segment(instant(4s), 4, false));
  EXPECT_EQ(c->window(), 5u * 1448);
}

/// bbr on a line that delivers two segments in each millisecond and never more.
struct steady_line {
  explicit steady_line(instant from = instant(1s)) : now(from) { control->connected(now, 100ms); }
  /// One acknowledgement of `segments`; it tells that `lost` more are missing.
  void acknowledge(std::uint64_t segments = 2, std::uint64_t lost = 0) {
    ack_sample s;
    s.now = now;
    s.acked = segments * mss;
    s.delivered = delivered += s.acked;
    in_flight = std::min<std::uint64_t>(control->window(), (gain() > 1.1 ? more : 200) * mss);
    s.prior_in_flight = in_flight;
    s.in_flight = in_flight - std::min(in_flight, (segments + lost) * mss);
    s.prior_delivered = std::min(delivered - std::min(delivered, in_flight), oldest);
    s.lost = lost * mss;
    s.rate = rate * mss;
    s.rtt = rtt;
    s.paced_for = paced_for;
    s.delayed = delayed;
    control->acked(s);
  }
  void run(duration span) {
    for (const auto end = now + span; now < end;) {
      now += 1ms;
      acknowledge();
    }
  }
  bool run_until(bool probing) {
    for (const auto end = now + 20s; now < end && control->probing_delay() != probing;) run(1ms);
    return control->probing_delay() == probing;
  }
  double gain() const {
    return static_cast<double>(control->pacing_rate()) / (0.99 * static_cast<double>(rate * mss));
  }
  bool runs_until_it_sends_more() {
    for (const auto end = now + 5s; now < end && (gain() < 1.1 || gain() > 1.4);) run(1ms);
    return gain() > 1.1;
  }
  std::uint64_t window() const { return control->window() / mss; }

  static constexpr std::uint64_t mss = 1448;
  std::unique_ptr<congestion_control> control =
      congestion_control::make(congestion::bbr, static_cast<std::uint32_t>(mss));
  instant now;
  duration rtt = 100ms;
  duration paced_for{0};
  bool delayed = false;
  std::uint64_t rate = 2'000;  ///< segments per second
  std::uint64_t more = 280;    ///< in flight while it sends more than the rate
  std::uint64_t oldest =
      ~std::uint64_t{0};  ///< no segment was sent when more than this had been delivered
  std::uint64_t delivered = 0;
  std::uint64_t in_flight = 0;
};

TEST(bbr, keeps_the_line_empty_for_a_round_trip_however_long_that_is) {
  steady_line l;
  ASSERT_TRUE(l.run_until(true));
  l.oldest = l.delivered - 1;
  l.run(1s);
  EXPECT_TRUE(l.control->probing_delay()) << "nothing came back that was sent since";
  l.oldest = ~std::uint64_t{0};
  l.run(10ms);
  EXPECT_FALSE(l.control->probing_delay());
  ASSERT_TRUE(l.run_until(true));
  const auto from = l.now;
  ASSERT_TRUE(l.run_until(false));
  EXPECT_GE(l.now - from, 200ms);
  EXPECT_LE(l.now - from, 210ms);
}

TEST(bbr, sends_more_until_that_much_was_in_flight_when_the_next_segment_may_go) {
  steady_line l;
  l.more = 256;  // with the two that may go the 258 that it wants
  ASSERT_TRUE(l.runs_until_it_sends_more());
  l.run(110ms);
  EXPECT_LT(l.gain(), 1.1);
  l.paced_for = 1ms;  // in which two are delivered
  ASSERT_TRUE(l.runs_until_it_sends_more());
  l.run(500ms);
  EXPECT_GT(l.gain(), 1.1);
}

TEST(bbr, has_an_even_window_of_whole_segments) {
  steady_line l;
  l.rate = 1'985;
  l.run(3s);
  EXPECT_GE(l.window(), 404u);
  for (int i = 0; i < 1000; ++i) {
    l.run(1ms);
    EXPECT_EQ(l.control->window() % (2 * l.mss), 0u);
  }
}

TEST(bbr, sends_single_segments_only_on_a_slow_line) {
  steady_line l;
  l.run(1s);
  EXPECT_EQ(l.control->least_aggregate(), 2u);
  steady_line slow;
  slow.rate = 50;
  slow.run(5s);
  EXPECT_EQ(slow.control->least_aggregate(), 1u);
}

TEST(bbr, begins_its_cycle_anywhere_but_where_it_drains) {
  std::array<int, 3> begun{};
  for (int i = 0; i < 40; ++i) {
    steady_line l(instant(1s + 37ms * i));
    ASSERT_TRUE(l.run_until(true));
    ASSERT_TRUE(l.run_until(false));
    EXPECT_GE(l.gain(), 0.99);
    ++begun.at(l.gain() > 1.1 ? 2 : l.gain() > 0.9 ? 1 : 0);
  }
  EXPECT_EQ(begun[0], 0);
  EXPECT_GE(begun[1], 25);
  EXPECT_GE(begun[2], 1);
}

TEST(bbr, takes_no_delayed_acknowledgement_for_the_delay_of_the_line) {
  steady_line l;
  l.run(9s);
  const auto before = l.window();
  l.delayed = true;
  l.rtt = 150ms;
  ASSERT_TRUE(l.run_until(true));
  ASSERT_TRUE(l.run_until(false));
  l.run(1s);
  EXPECT_LE(l.window(), before + 2);
  EXPECT_GE(l.window(), before - 2);
}

TEST(bbr, widens_its_window_by_what_came_at_once) {
  steady_line l;
  l.run(3s);
  const auto before = l.window();
  l.acknowledge(40);
  l.now += 20ms;
  l.run(100ms);
  EXPECT_GE(l.window(), before + 35);
  EXPECT_LE(l.window(), before + 45);
  l.run(3s);
  EXPECT_LE(l.window(), before + 2) << "and forgets it";
}

TEST(bbr, takes_from_its_window_what_is_lost_after_the_first_round_of_a_recovery) {
  steady_line l;
  l.run(3s);
  l.control->lost(l.now, l.in_flight);
  l.run(150ms);
  const auto before = l.window();
  l.acknowledge(2, 60);
  EXPECT_EQ(l.window(), before - 60 + 2);
}

TEST(bbr, probes_the_delay_in_its_start_as_well_and_starts_on) {
  const auto c = congestion_control::make(congestion::bbr, 1448);
  c->connected(instant(1s), 100ms);
  ack_sample s;
  s.rate = 1'000'000;
  s.app_limited = true;  // so that the start never ends
  s.rtt = 100ms;
  s.acked = 1448;
  const auto rate = [&] {
    for (int i = 0; i < 200; ++i) {
      s.now += 1ms;
      s.delivered += 1448;
      s.prior_delivered = s.delivered - 1448;
      c->acked(s);
    }
    return c->pacing_rate();
  };
  s.now = instant(1s);
  const auto before = rate();
  s.now = instant(11s);
  rate();
  EXPECT_TRUE(c->probing_delay());
  EXPECT_EQ(c->window(), 4u * 1448);
  rate();
  EXPECT_FALSE(c->probing_delay());
  s.rate = 2'000'000;
  EXPECT_GE(rate(), before * 19 / 10) << "with the gain of the start";
}

TEST(tcp_model, a_window_update_that_is_lost_is_asked_for_again) {
  pair_of_sockets p(line(10ms, 0), {.receive_buffer = 200'000});
  p.reading = false;
  p.send(1'000'000);
  p.run(1s);
  p.backward.set_loss(1'000'000);
  p.reading = true;
  p.drain();
  p.run(100ms);
  p.backward.set_loss(0);
  EXPECT_GT(p.backward.counters().lost, 0u);
  p.run(20s);
  EXPECT_EQ(p.received, 1'000'000u);
}

TEST(tcp_model, a_lost_syn_is_repeated_after_one_second) {
  lane_options o = line(10ms, 0);
  pair_of_sockets p(o);
  p.backward.blackhole(true);
  p.run(900ms);
  EXPECT_FALSE(p.tcp.dialer.established());
  p.backward.blackhole(false);
  p.run(100ms);
  EXPECT_FALSE(p.tcp.dialer.established());
  p.run(21ms);
  EXPECT_TRUE(p.tcp.dialer.established());
}

TEST(tcp_model, a_refused_dial_fails_after_one_round_trip) {
  pair_of_sockets p(line(10ms, 0));
  p.tcp.acceptor.accepts = [] { return false; };
  p.run(20ms);
  EXPECT_EQ(p.tcp.dialer.error(), std::errc::connection_refused);
}

TEST(tcp_model, corruption_reaches_the_reader_unseen) {
  pair_of_sockets p(line(10ms, 0));
  p.forward.set_corruption(10'000);
  p.send(10u << 20);
  p.run(10s);
  EXPECT_EQ(p.received, std::uint64_t{10} << 20);
  EXPECT_GT(p.damaged, 10u);
  EXPECT_LE(p.damaged, p.forward.counters().corrupted);
}

TEST(tcp_model, a_stall_delivers_its_old_bytes_minutes_later_even_after_close) {
  pair_of_sockets p(line(10ms, 10 * mbit));
  p.run(100ms);
  p.forward.stall(true);
  p.send(100'000);
  p.run(1s);
  p.tcp.dialer.close();
  p.run(120s);
  EXPECT_EQ(p.received, 0u);
  p.forward.stall(false);
  p.run(120s);
  EXPECT_EQ(p.received, 100'000u);
  EXPECT_EQ(p.damaged, 0u);
  EXPECT_TRUE(p.tcp.acceptor.eof());
}

TEST(tcp_model, close_delivers_and_then_ends_with_an_eof_and_abort_with_an_error) {
  pair_of_sockets p(line(10ms, 10 * mbit));
  p.send(300'000);
  p.run(50ms);
  p.pump();
  p.tcp.dialer.close();
  p.run(5s);
  EXPECT_EQ(p.received, 300'000u);
  EXPECT_TRUE(p.tcp.acceptor.eof());
  p.tcp.acceptor.close();
  p.run(1s);
  EXPECT_EQ(p.tcp.dialer.state(), tcp_socket::phase::closed);

  pair_of_sockets q(line(10ms, 10 * mbit));
  q.send(300'000);
  q.run(100ms);
  q.tcp.dialer.abort();
  q.run(5s);
  EXPECT_FALSE(q.tcp.acceptor.eof());
  EXPECT_EQ(q.tcp.acceptor.error(), std::errc::connection_reset);
}

TEST(tcp_model, a_rate_collapse_slows_what_is_already_queued) {
  pair_of_sockets p(line(10ms, 100 * mbit));
  p.send(100u << 20);
  p.run(2s);
  ASSERT_GT(p.forward.queued_bytes(), 0u);
  p.forward.set_rate(1 * mbit);
  const auto before = p.received;
  p.run(1s);
  EXPECT_LT(p.received - before, 500'000u);
}

TEST(tcp_model, the_same_seed_gives_the_same_run) {
  std::vector<std::uint64_t> outcomes;
  for (int i = 0; i < 2; ++i) {
    pair_of_sockets p(line(10ms, 20 * mbit, 5'000), {}, 42);
    p.send(20u << 20);
    p.run(10s);
    outcomes.push_back(p.received * 1'000'003 + p.queue.executed());
  }
  EXPECT_EQ(outcomes[0], outcomes[1]);
  pair_of_sockets other(line(10ms, 20 * mbit, 5'000), {}, 43);
  other.send(20u << 20);
  other.run(10s);
  EXPECT_NE(other.received * 1'000'003 + other.queue.executed(), outcomes[0]);
}

}  // namespace
}  // namespace rendr::sim
