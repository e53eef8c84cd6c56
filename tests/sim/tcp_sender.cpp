// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sim/tcp_model.hpp"

namespace rendr::sim {

using namespace std::chrono_literals;

namespace {
constexpr std::uint64_t nano = 1'000'000'000;
constexpr std::uint64_t duplicate_threshold = 3;
constexpr std::uint64_t largest_aggregate = 65536;
constexpr std::uint64_t unpaced_segments = 10;
}  // namespace

/// What one acknowledgement delivered.
struct tcp_socket::delivery {
  std::uint64_t bytes = 0;
  std::size_t segments = 0;
  std::uint64_t prior_in_flight = 0;
  std::uint64_t lost = 0;
  bool had_gaps = false;
  bool cumulative = false;
  duration echoed{0};  ///< the round trip by the time stamp that the receiver sends back
  round_trips in_sequence;
  round_trips selective;
  segment newest;  ///< the most recently sent one
  bool any = false;

  static void add(round_trips& to, const segment& s, instant now) {
    if (s.repeated) return;
    to.newest = now - s.sent;
    if (to.oldest.count() == 0) to.oldest = to.newest;
  }
};

void tcp_socket::mark_delivered(segment& s, delivery& d) {
  const auto now = queue_.now();
  const auto size = s.end() - s.seq;
  if (s.missing) --missing_segments_;
  s.missing = false;
  if (s.lost) {
    --lost_segments_;
    s.lost = false;
  } else {
    pipe_ -= size;
  }
  d.bytes += size;
  ++d.segments;
  delivered_ += size;
  delivered_when_ = now;
  if (!d.any || s.sent > d.newest.sent || (s.sent == d.newest.sent && s.seq > d.newest.seq)) {
    d.newest = s;
    d.any = true;
  }
  if (s.repeated && now - s.sent < min_rtt_) return;  // the first copy was acknowledged
  if (s.sent > rack_sent_ || (s.sent == rack_sent_ && s.end() > rack_end_)) {
    rack_sent_ = s.sent;
    rack_end_ = s.end();
    rack_rtt_ = now - s.sent;
  }
}

/// Time stamps count milliseconds. Sent back is that of the segment which was next in sequence; 0:
/// of a copy that was sent too long ago to be known.
duration tcp_socket::echo_of(const segment& s) const {
  const auto now = queue_.now();
  if (s.repeated && min_rtt_ != duration::max() && now - s.sent < min_rtt_) return duration(0);
  const auto stamp = [](instant t) { return std::chrono::floor<std::chrono::milliseconds>(t); };
  return std::max<duration>(stamp(now) - stamp(s.sent), 1ms);
}

void tcp_socket::take_cumulative(std::uint64_t ack, delivery& d) {
  if (!segments_.empty()) d.echoed = echo_of(segments_.front());
  while (!segments_.empty() && segments_.front().end() <= ack) {
    auto& s = segments_.front();
    if (!s.sacked) {
      delivery::add(d.in_sequence, s, queue_.now());
      mark_delivered(s, d);
    }
    segments_.pop_front();
  }
  snd_una_ = ack;
  if (!sacked_.empty()) sacked_.remove({0, ack});
  d.cumulative = true;
}

void tcp_socket::take_selective(range block, delivery& d) {
  if (block.begin < snd_una_ || block.end > snd_nxt_ || sacked_.contains(block)) return;
  auto it = std::lower_bound(segments_.begin(), segments_.end(), block.begin,
                             [](const segment& s, std::uint64_t seq) { return s.seq < seq; });
  for (; it != segments_.end() && it->end() <= block.end; ++it) {
    if (it->sacked) continue;
    delivery::add(d.selective, *it, queue_.now());
    mark_delivered(*it, d);
    it->sacked = true;
  }
  sacked_.add(block);
}

void tcp_socket::accept_ack(const packet& p) {
  const auto now = queue_.now();
  if (p.ack < snd_una_ || p.ack > snd_nxt_) return;
  const bool pure = p.length == 0 && !p.fin;
  if (pure || p.ack != snd_una_ || p.sack_count != 0) {
    last_ack_ = now;
    any_ack_ = true;
  }
  const bool opened = p.window_end > send_limit_;
  send_limit_ = std::max(send_limit_, p.window_end);
  delivery d;
  d.prior_in_flight = pipe_;
  d.had_gaps = !sacked_.empty();
  if (p.ack > snd_una_) take_cumulative(p.ack, d);
  for (std::size_t i = 0; i < p.sack_count; ++i) take_selective(p.sacks[i], d);
  if (opened) {
    persist_at_ = never;
    persist_backoff_ = 0;
  }
  if (d.any) {
    const auto lost = lost_;
    update_recovery();
    d.lost = lost_ - lost;
    measure(d);
    if (d.cumulative) {
      backoff_ = 0;
      probe_out_ = false;
    }
    arm_retransmission();
  }
  push();
}

/// Acknowledged in sequence, or selectively, or by the echo when nothing else tells (Karn).
tcp_socket::round_trips tcp_socket::round_trips_of(const delivery& d) const {
  auto seen = d.in_sequence;
  if (seen.oldest.count() == 0) seen.oldest = d.selective.oldest;
  if (d.selective.newest.count() != 0) seen.newest = d.selective.newest;
  if (seen.oldest.count() == 0 && d.cumulative) seen = {d.echoed, d.echoed};
  return seen;
}

void tcp_socket::learn_round_trip(const round_trips& seen) {
  const auto [oldest, newest] = seen;
  if (oldest.count() == 0) return;
  min_rtt_ = std::min(min_rtt_, newest);
  if (srtt_.count() == 0) {
    srtt_ = oldest;
    rttvar_ = oldest / 2;
    return;
  }
  const auto error = oldest > srtt_ ? oldest - srtt_ : srtt_ - oldest;
  rttvar_ += (error - rttvar_) / 4;
  srtt_ += (oldest - srtt_) / 8;
}

void tcp_socket::measure(const delivery& d) {
  const auto now = queue_.now();
  const auto rtts = round_trips_of(d);
  learn_round_trip(rtts);
  ack_sample s;
  s.now = now;
  s.acked = d.bytes;
  s.delivered = delivered_;
  s.prior_delivered = d.newest.delivered;
  s.prior_in_flight = d.prior_in_flight;
  s.in_flight = pipe_;
  s.lost = d.lost;
  s.rtt = rtts.newest;
  s.min_rtt = min_rtt_ == duration::max() ? duration(0) : min_rtt_;
  s.paced_for = std::max(pace_next_ - now, duration(0));
  s.delayed = d.segments == 1 && d.cumulative && !d.had_gaps && d.bytes < options_.mss &&
              d.newest.delivered + d.bytes == delivered_;
  s.app_limited = d.newest.app_limited;
  s.cwnd_limited = cwnd_limited_;
  s.advanced = d.cumulative;
  s.recovering = recovery_ != recovery::open;
  if (app_limited_until_ != 0 && delivered_ > app_limited_until_) app_limited_until_ = 0;
  first_sent_ = d.newest.sent;
  const auto interval =
      std::max(d.newest.sent - d.newest.first_sent, now - d.newest.delivered_when);
  if (interval.count() > 0 && interval >= s.min_rtt) {
    const auto bytes = delivered_ - d.newest.delivered;
    s.rate = bytes * nano / static_cast<std::uint64_t>(interval.count());
    if (!s.app_limited || s.rate > rate_) rate_ = s.rate;
  }
  cwnd_limited_ = false;
  control_->acked(s);
  if (const auto until = control_->limits_until(); until != 0) app_limited_until_ = until;
}

/// A recovery ends when all is acknowledged that had been sent when it began. When more is missing
/// by then, the next one begins at once.
void tcp_socket::update_recovery() {
  const auto before = recovery_;
  const bool ends = before != recovery::open && snd_una_ >= recovery_end_;
  if (ends) recovery_ = recovery::open;
  detect_losses();
  if (recovery_ == recovery::open && missing_segments_ != 0) {
    recovery_ = recovery::fast;
    recovery_end_ = snd_nxt_;
    if (before == recovery::fast) {
      control_->relapsed(queue_.now(), pipe_);
    } else {
      if (ends) control_->recovered(queue_.now());
      control_->lost(queue_.now(), pipe_);
    }
  } else if (ends) {
    control_->recovered(queue_.now());
  }
}

/// Marks what is lost by now.
void tcp_socket::detect_losses() {
  if (sacked_.empty() && rack_sent_ == instant{}) return;
  reorder_at_ = never;
  const auto highest = sacked_.empty() ? snd_una_ : sacked_.back().end;
  const bool prompt = recovery_ != recovery::open ||
                      sacked_.size() >= duplicate_threshold * options_.mss ||
                      sacked_.size() >= std::uint64_t{2} * options_.mss + 1;
  const auto window =
      prompt || min_rtt_ == duration::max() ? duration(0) : std::min(min_rtt_ / 4, srtt_);
  for (auto& s : segments_) {
    if (s.seq >= highest && s.seq >= rack_end_) break;
    if (s.sacked || s.lost) continue;
    if (s.sent > rack_sent_ || (s.sent == rack_sent_ && s.end() >= rack_end_)) continue;
    const auto deadline = s.sent + rack_rtt_ + window;
    if (deadline <= queue_.now()) {
      mark_lost(s);
    } else {
      reorder_at_ = std::min(reorder_at_, timer_at(deadline - queue_.now() + 2ms));
    }
  }
}

void tcp_socket::mark_lost(segment& s) {
  s.lost = true;
  lost_ += s.end() - s.seq;
  ++lost_segments_;
  if (!s.missing) ++missing_segments_;
  s.missing = true;
  pipe_ -= s.end() - s.seq;
}

bool tcp_socket::has_new() const noexcept {
  return snd_nxt_ < snd_end_ || (fin_queued_ && !fin_sent_);
}

void tcp_socket::push() {
  if (phase_ != phase::established) return;
  const auto now = queue_.now();
  if (segments_.empty() && has_new() && last_send_ != instant{} && now - last_send_ > rto()) {
    control_->restarted(now - last_send_, rto());
  }
  for (;;) {
    const bool repair = lost_segments_ != 0;
    if (!repair && !has_new()) {
      if (pipe_ < control_->window())
        app_limited_until_ = delivered_ + std::max<std::uint64_t>(pipe_, 1);
      break;
    }
    if (pipe_ != 0 && pipe_ + options_.mss > control_->window()) {
      cwnd_limited_ = true;
      break;
    }
    if (control_->pacing_rate() != 0 && pace_next_ > now) {
      pace_at_ = pace_next_;
      break;
    }
    const auto before = transmitted_;
    const bool more = repair ? retransmit_next() : send_aggregate();
    pace(transmitted_ - before);
    if (!more) break;
  }
  rearm();
}

/// How long what was just sent holds back what follows: less when it was late itself, by half at
/// most, and the first segments not at all.
void tcp_socket::pace(std::uint64_t size) {
  const auto now = queue_.now();
  const auto late = now - std::min(pace_next_, now);
  pace_next_ = std::max(pace_next_, now);
  const auto rate = control_->pacing_rate();
  if (size == 0 || rate == 0 || sent_segments_ < unpaced_segments) return;
  const auto gap = duration(static_cast<duration::rep>(size * nano / rate));
  pace_next_ += gap - std::min(gap / 2, late);
}

/// What goes down to the device as one: as many segments as the rate passes in a millisecond, but
/// two at least as a rule, more where the round trip is short, and half the window at most.
std::uint64_t tcp_socket::largest_now() const {
  const auto window = control_->window();
  auto rate = control_->pacing_rate();
  if (rate == 0 && srtt_.count() > 0) {
    rate = std::max(window, pipe_) * nano / static_cast<std::uint64_t>(srtt_.count());
    rate = control_->starting() ? rate * 2 : rate / 5 * 6;
  }
  auto bytes = rate >> 10;
  if (const auto halvings = min_rtt_ / 512us; halvings < 16) bytes += largest_aggregate >> halvings;
  const auto segments =
      std::max(std::min(bytes, largest_aggregate) / options_.mss, control_->least_aggregate());
  return std::max<std::uint64_t>(std::min(segments, window / options_.mss / 2), 1);
}

/// Whether a part of an aggregate waits for room: only for an acknowledgement that is due by now,
/// and only right behind what was sent last.
bool tcp_socket::defers(std::uint64_t most) const {
  const auto now = queue_.now();
  const auto window = control_->window();
  const auto room = window - std::min(window, pipe_);
  if (recovery_ != recovery::open || segments_.empty() ||
      now - std::max(last_send_, pace_next_) > 1ms) {
    return false;
  }
  if (room >= most * options_.mss || room >= window / 3) return false;
  if (snd_end_ - snd_nxt_ <= options_.mss) return false;
  const auto expected = segments_.front().sent + srtt_;
  return expected - now <= std::min<duration>(srtt_ / 2, 1ms);
}

/// Its last segment asks for delivery without delay (PSH), as one that goes alone does not.
bool tcp_socket::send_aggregate() {
  const auto most = largest_now();
  if (defers(most)) {
    cwnd_limited_ = true;
    return false;
  }
  const auto window = control_->window();
  const auto room = (window - std::min(window, pipe_)) / options_.mss;
  const auto waiting = (snd_end_ - snd_nxt_ + options_.mss - 1) / options_.mss;
  const auto size = std::max<std::uint64_t>(std::min({most, room, waiting}), 1);
  for (std::uint64_t i = 0; i < size; ++i) {
    if (!send_new(size > 1 && i + 1 == size)) return i != 0;
  }
  return true;
}

bool tcp_socket::retransmit_next() {
  for (auto& s : segments_) {
    if (!s.lost) continue;
    s.lost = false;
    --lost_segments_;
    s.repeated = true;
    ++retransmissions_;
    if (pipe_ == 0) control_->resumed(queue_.now(), app_limited_until_ != 0);
    pipe_ += s.end() - s.seq;
    transmit(s);
    return true;
  }
  return false;
}

bool tcp_socket::send_new(bool push) {
  segment s;
  s.seq = snd_nxt_;
  const auto room = send_limit_ > snd_nxt_ ? send_limit_ - snd_nxt_ : 0;
  const auto unsent = snd_end_ - std::min(snd_nxt_, snd_end_);
  s.length = static_cast<std::uint32_t>(std::min<std::uint64_t>({options_.mss, unsent, room}));
  if (unsent != 0 && s.length == 0) {
    if (pipe_ == 0 && persist_at_ == never) persist_at_ = queue_.now() + rto();
    return false;
  }
  if (s.length != 0 && s.length < std::min<std::uint64_t>(options_.mss, unsent) && pipe_ != 0) {
    return false;  // silly window: wait for more room
  }
  s.push = push || s.seq + s.length == written_to_;
  s.fin = fin_queued_ && s.seq + s.length == snd_end_;
  if (segments_.empty()) {
    first_sent_ = queue_.now();
    delivered_when_ = queue_.now();
  }
  const bool first = segments_.empty();
  if (pipe_ == 0) control_->resumed(queue_.now(), app_limited_until_ != 0);
  segments_.push_back(s);
  snd_nxt_ = s.end();
  pipe_ += s.end() - s.seq;
  if (s.fin) fin_sent_ = true;
  transmit(segments_.back());
  if (first || (probe_armed_ && recovery_ == recovery::open)) arm_retransmission();
  return true;
}

void tcp_socket::transmit(segment& s) {
  const auto now = queue_.now();
  s.sent = now;
  s.first_sent = first_sent_;
  s.delivered = delivered_;
  s.delivered_when = delivered_when_;
  s.app_limited = app_limited_until_ != 0;
  last_send_ = now;
  if (last_receive_ != instant{} && now - last_receive_ < patience_) interactive_ = true;
  const auto size = s.end() - s.seq;
  control_->sent(size);
  transmitted_ += size;
  ++sent_segments_;
  send_segment(s);
}

void tcp_socket::send_segment(const segment& s) {
  auto p = stamp(packet_kind::segment);
  p.seq = s.seq;
  p.length = s.length;
  p.fin = s.fin;
  p.push = s.push;
  out_.send(p);
}

void tcp_socket::on_probe() {
  probe_armed_ = false;
  probe_out_ = true;
  const auto before = transmitted_;
  if (!(has_new() && snd_nxt_ < send_limit_ && send_new(false))) {
    auto& last = segments_.back();
    if (!last.sacked && !last.lost) {
      last.repeated = true;
      ++retransmissions_;
      transmit(last);
    }
  }
  pace(transmitted_ - before);
  retransmit_at_ = timer_at(rto());
}

void tcp_socket::on_time_out() {
  ++time_outs_;
  ++backoff_;
  probe_out_ = false;
  for (auto& s : segments_) {
    if (!s.sacked && !s.lost) mark_lost(s);
  }
  recovery_ = recovery::loss;
  recovery_end_ = snd_nxt_;
  control_->timed_out(pipe_);
  arm_retransmission();
  push();
}

}  // namespace rendr::sim
