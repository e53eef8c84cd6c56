// SPDX-License-Identifier: Apache-2.0
#include "sim/tcp_model.hpp"

#include <algorithm>

namespace rendr::sim {

using namespace std::chrono_literals;

namespace {
constexpr duration least_patience = 40ms;
constexpr int most_quick_acks = 16;
constexpr std::size_t most_recent_blocks = 4;
constexpr int gap_acks_at_once = 3;
constexpr int most_compressed_acks = 44;
constexpr duration tick = 4ms;
constexpr std::int64_t wheel_size = 64;
constexpr duration longest_rto = 120s;
constexpr duration least_variation = 200ms;
constexpr duration initial_rto = 1s;
constexpr duration half_closed_wait = 60s;
constexpr int orphan_retries = 8;
constexpr int retries = 15;
constexpr std::uint64_t first_window = 65536;
constexpr std::uint64_t segment_payload = 1448;
constexpr std::uint32_t least_growing = 128;  // shorter segments do not widen the window
}  // namespace

tcp_socket::tcp_socket(event_queue& queue, lane& out, const tcp_options& options)
    : queue_(queue),
      out_(out),
      options_(options),
      control_(congestion_control::make(options.control, options.mss)),
      window_limit_(std::min(first_window, options.receive_buffer)),
      granted_(window_limit_),
      most_taken_(std::min(window_limit_, std::uint64_t{10} * segment_payload)),
      alarm_(queue, [this] { on_alarm(); }) {}

// --- as a program uses it

void tcp_socket::connect() {
  phase_ = phase::syn_sent;
  syn_sent_ = queue_.now();
  syn_at_ = queue_.now() + initial_rto;
  send_control(packet_kind::syn);
  rearm();
}

bool tcp_socket::readable() const noexcept {
  return unread() != 0 || fin_received_ || static_cast<bool>(error_);
}

bool tcp_socket::has_room() const noexcept {
  return snd_end_ - snd_nxt_ < unsent_limit_ && snd_end_ - snd_una_ < options_.send_buffer;
}

bool tcp_socket::writable() const noexcept {
  return established() && !error_ && !fin_queued_ && has_room();
}

std::size_t tcp_socket::write(std::span<const bytes_view> pieces) {
  std::size_t total = 0;
  if (!established() || error_ || fin_queued_) return 0;
  const std::size_t chunk = std::max<std::size_t>(options_.mss, std::size_t{16} * 1448);
  for (auto piece : pieces) {
    while (!piece.empty() && has_room()) {
      const auto n = std::min(piece.size(), chunk);
      ring_.append(piece.first(n));
      snd_end_ += n;
      total += n;
      piece = piece.subspan(n);
      if (snd_end_ - snd_nxt_ >= chunk) push();
    }
    if (!has_room()) break;
  }
  written_to_ = snd_end_;
  push();
  was_writable_ = writable();
  return total;
}

std::size_t tcp_socket::read(bytes_span out) {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), unread()));
  if (n == 0) return 0;
  peer_->ring_.take(out.first(n));
  measure_reader();
  maybe_update_window();
  return n;
}

void tcp_socket::shutdown_write() {
  if (fin_queued_ || !established() || error_) return;
  fin_queued_ = true;
  push();
}

void tcp_socket::close() {
  if (app_closed_) return;
  app_closed_ = true;
  if (phase_ != phase::established) return abort();
  if (unread() != 0) return abort();
  shutdown_write();
  linger_at_ = fin_received_ || !segments_.empty() ? never : queue_.now() + half_closed_wait;
  if (fin_received_ && segments_.empty() && fin_sent_) finish();
  rearm();
}

void tcp_socket::abort() {
  app_closed_ = true;
  if (phase_ == phase::established || phase_ == phase::syn_received) {
    send_control(packet_kind::rst);
  }
  finish();
}

carrier_evidence tcp_socket::evidence() const {
  carrier_evidence e;
  e.unsent = snd_end_ - std::min(snd_nxt_, snd_end_);
  e.unacked = std::min(snd_nxt_, snd_end_) - std::min(snd_una_, snd_end_);
  e.delivered = std::min(snd_una_, snd_end_);
  if (any_ack_) e.last_ack_age = queue_.now() - last_ack_;
  e.rtt = srtt_;
  e.rttvar = rttvar_;
  e.rate = rate_;
  e.out_of_order = out_of_order_;
  e.recovering = recovery_ != recovery::open;
  return e;
}

void tcp_socket::fail(std::errc code) {
  if (phase_ == phase::closed) return;
  error_ = std::make_error_code(code);
  finish();
  notify();
}

void tcp_socket::finish() {
  phase_ = phase::closed;
  segments_.clear();
  sacked_.clear();
  pipe_ = 0;
  lost_segments_ = missing_segments_ = 0;
  retransmit_at_ = reorder_at_ = pace_at_ = ack_at_ = compressed_at_ = persist_at_ = syn_at_ =
      linger_at_ = never;
  alarm_.set(never);
  if (app_closed_ && peer_ != nullptr) peer_->ring_.release();
  if (peer_->app_closed_ && peer_->phase_ == phase::closed) ring_.release();
}

void tcp_socket::notify() {
  if (!app_closed_ && on_ready) on_ready(*this);
}

// --- receiver

packet tcp_socket::stamp(packet_kind kind) {
  packet p;
  p.to = peer_;
  p.kind = kind;
  p.ack = rcv_nxt_;
  advertised_ = std::max(advertised_, window_end());
  p.window_end = advertised_;
  told_ = rcv_nxt_;
  pushed_ = false;
  short_pushes_ = 0;
  compressed_acks_ = 0;
  ack_at_ = compressed_at_ = never;
  return p;
}

void tcp_socket::send_control(packet_kind kind) {
  auto p = stamp(kind);
  p.seq = snd_nxt_;
  out_.send(p);
}

std::uint64_t tcp_socket::window_end() const noexcept {
  const auto held = unread() + beyond_.size();
  return rcv_nxt_ + std::min(granted_, window_limit_ - std::min(held, window_limit_));
}

/// Dynamic right-sizing: a program that took more in a round trip than in any before may be sent
/// twice that, more while it still rises, and what lies beyond a gap.
void tcp_socket::measure_reader() {
  const auto now = queue_.now();
  const auto rtt = peer_->srtt_;
  if (rtt.count() == 0 || now - measured_at_ < rtt) return;
  const auto copied = peer_->ring_.begin() - measured_from_;
  measured_at_ = now;
  measured_from_ = peer_->ring_.begin();
  if (copied > most_taken_) allow_window(copied);
}

void tcp_socket::allow_window(std::uint64_t taken) {
  const auto rise = 2 * taken * (taken - most_taken_) / most_taken_;
  const auto span = beyond_.empty() ? 0 : beyond_.back().end - rcv_nxt_;
  const auto wanted = 2 * taken + 2 * rise + span;
  window_limit_ = std::max(window_limit_, std::min(wanted, options_.receive_buffer));
  most_taken_ = taken;
}

/// Each segment widens the window until it is what the reader deserves; meanwhile each is
/// acknowledged at once.
void tcp_socket::widen_window(std::uint32_t length) {
  const auto held = unread() + beyond_.size();
  const auto most = window_limit_ - std::min(held, window_limit_);
  if (length < least_growing || granted_ >= most) return;
  granted_ = std::min(most, granted_ + std::max<std::uint64_t>(2 * length, 2 * segment_payload));
  quick_acks_ |= 1;
}

/// The blocks beyond the gap that changed last, newest first.
void tcp_socket::acknowledge() {
  auto p = stamp(packet_kind::segment);
  p.seq = snd_nxt_;
  for (const auto& block : recent_) {
    if (p.sack_count < p.sacks.size()) p.sacks[p.sack_count++] = block;
  }
  out_.send(p);
}

/// A segment came beyond the gap.
void tcp_socket::remember_block(range block) {
  beyond_.add(block);
  std::erase_if(recent_,
                [&](const range& r) { return r.begin <= block.end && block.begin <= r.end; });
  for (const auto& r : beyond_.ranges()) {
    if (r.begin <= block.begin && block.end <= r.end) recent_.insert(recent_.begin(), r);
  }
  if (recent_.size() > most_recent_blocks) recent_.pop_back();
}

void tcp_socket::maybe_update_window() {
  const auto now_end = window_end();
  const auto left = advertised_ > rcv_nxt_ ? advertised_ - rcv_nxt_ : 0;
  const bool wider = now_end > advertised_ && now_end - rcv_nxt_ >= 2 * left &&
                     now_end - advertised_ >= options_.mss;
  const bool waits = ack_at_ != never || compressed_at_ != never;
  const bool prompt =
      unread() == 0 && (short_pushes_ > 1 || ((pushed_ || short_pushes_ != 0) && !interactive_));
  const bool due = waits && (prompt || rcv_nxt_ - told_ > rcv_mss_);
  if (phase_ == phase::established && (wider || due)) {
    acknowledge();
    rearm();
  }
}

void tcp_socket::accept_syn() {
  if (phase_ == phase::idle) {
    if (accepts && !accepts()) {
      send_control(packet_kind::rst);
      return;
    }
    phase_ = phase::syn_received;
    syn_sent_ = queue_.now();
  }
  if (phase_ != phase::syn_received) return;
  send_control(packet_kind::syn_ack);
  syn_at_ = queue_.now() + initial_rto;
  rearm();
}

void tcp_socket::begin() {
  phase_ = phase::established;
  syn_at_ = never;
  was_writable_ = true;
  const auto now = queue_.now();
  control_->connected(now, syn_tries_ == 0 ? now - syn_sent_ : duration(0));
}

void tcp_socket::receive(const packet& p) {
  if (p.kind == packet_kind::syn) return accept_syn();
  if (phase_ == phase::closed || phase_ == phase::idle) {
    if (phase_ == phase::closed && p.kind != packet_kind::rst && (p.length != 0 || p.fin)) {
      send_control(packet_kind::rst);
    }
    return;
  }
  if (p.kind == packet_kind::rst) {
    return fail(phase_ == phase::syn_sent ? std::errc::connection_refused
                                          : std::errc::connection_reset);
  }
  if (p.kind == packet_kind::syn_ack) {
    if (phase_ != phase::syn_sent) return acknowledge();
    begin();
    send_limit_ = p.window_end;
    acknowledge();
    rearm();
    return notify();
  }
  if (phase_ == phase::syn_sent) return;
  const bool fresh = phase_ == phase::syn_received;
  if (fresh) begin();
  const bool was_readable = readable();
  const auto before = unread();
  accept_ack(p);
  if (phase_ != phase::established) return;
  if (p.kind == packet_kind::probe) acknowledge();
  if (p.length != 0 || p.fin) {
    if (app_closed_ && p.length != 0) return abort();
    accept_data(p);
  }
  if (app_closed_ && fin_received_ && fin_sent_ && segments_.empty()) return finish();
  rearm();
  const bool now_writable = writable();
  const bool edge = fresh || (now_writable && !was_writable_) || unread() != before ||
                    (readable() && !was_readable);
  was_writable_ = now_writable;
  if (edge) notify();
}

/// How soon further data may be expected, learnt from what came, in whole ticks.
void tcp_socket::note_arrival() {
  const auto now = queue_.now();
  const auto ticks = [](instant t) { return t.time_since_epoch() / tick; };
  const auto gap = tick * (ticks(now) - ticks(last_receive_));
  const auto half = tick * (patience_ / tick / 2);
  if (patience_.count() == 0) {
    patience_ = least_patience;
  } else if (gap <= least_patience / 2) {
    patience_ = half + least_patience / 2;
  } else if (gap < patience_) {
    patience_ = std::min(half + gap, rto());
  } else if (gap > rto()) {
    quick_acks_ = most_quick_acks;
  }
  last_receive_ = now;
}

bool tcp_socket::owes_prompt_ack() const noexcept {
  return rcv_nxt_ - told_ > rcv_mss_ || (quick_acks_ > 0 && !interactive_);
}

/// Data lies beyond a gap: the first few such acknowledgements go at once, the others in bundles.
void tcp_socket::acknowledge_gap() {
  if (gap_at_ != rcv_nxt_) {
    gap_at_ = rcv_nxt_;
    gap_acks_ = 0;
  }
  if (compressed_acks_ >= most_compressed_acks) return acknowledge();
  if (gap_acks_ < gap_acks_at_once) {
    ++gap_acks_;
    return acknowledge();
  }
  ++compressed_acks_;
  const auto wait = std::min<duration>(1ms, peer_->srtt_ / 20);
  compressed_at_ = std::min(compressed_at_, queue_.now() + wait);
}

void tcp_socket::accept_data(const packet& p) {
  const auto end = p.seq + p.length;
  if (p.fin) fin_at_ = end;
  const bool old = end < rcv_nxt_ || (end == rcv_nxt_ && !(p.fin && !fin_received_));
  if (old || end > advertised_) {  // repeated, or more than was granted
    quick_acks_ = most_quick_acks;
    interactive_ = false;
    return acknowledge();
  }
  if (p.length != 0 && peer_->out_.corrupts()) {  // the payload travelled on the peer's lane
    const auto low = std::max({p.seq, peer_->ring_.begin(), rcv_nxt_});
    if (low < end) {
      peer_->ring_.at(low + peer_->out_.rng().below(end - low)) ^= std::byte{0x10};
    }
  }
  if (p.seq > rcv_nxt_) {
    ++out_of_order_;
    remember_block({p.seq, end});
    widen_window(p.length);
    allow_window(most_taken_);
  } else {
    note_arrival();
    widen_window(p.length);
    const bool had_gap = !beyond_.empty();
    rcv_nxt_ = std::max(rcv_nxt_, end);
    beyond_.remove({0, rcv_nxt_});
    if (!beyond_.empty() && beyond_.front().begin == rcv_nxt_) {
      rcv_nxt_ = beyond_.front().end;
      beyond_.remove(beyond_.front());
    }
    std::erase_if(recent_, [this](const range& r) { return r.begin <= rcv_nxt_; });
    if (fin_at_ == rcv_nxt_) {
      fin_received_ = true;
      rcv_nxt_ = fin_at_ + 1;
      return acknowledge();
    }
    if (had_gap && beyond_.empty()) return acknowledge();
  }
  if (p.length >= rcv_mss_) {
    rcv_mss_ = std::min(p.length, options_.mss);
    pushed_ = pushed_ || p.push;
  } else if (p.length != 0) {
    ++short_pushes_;
  }
  if (owes_prompt_ack()) {
    if (quick_acks_ > 0) --quick_acks_;
    return acknowledge();
  }
  if (!beyond_.empty()) return acknowledge_gap();
  const auto wait = std::min(patience_, std::max<duration>(peer_->srtt_, least_patience));
  if (ack_at_ <= queue_.now() + wait / 4) return acknowledge();
  ack_at_ = std::min(ack_at_, timer_at(wait));
}

// --- timers

/// The kernel's timers count ticks of 4 ms, never fire early, and count coarser the later they are.
instant tcp_socket::timer_at(duration wait) const noexcept {
  const auto whole = (wait + tick - duration(1)) / tick;
  int coarse = 0;
  for (auto reach = wheel_size - 1; whole >= reach && coarse < 24; reach <<= 3) coarse += 3;
  const auto due = queue_.now().time_since_epoch() / tick + whole;
  return instant(tick * (((due >> coarse) + 1) << coarse));
}

duration tcp_socket::rto() const noexcept {
  const auto base =
      srtt_.count() == 0 ? initial_rto : srtt_ + std::max(4 * rttvar_, least_variation);
  return std::min(base * (std::int64_t{1} << std::min(backoff_, 20)), longest_rto);
}

void tcp_socket::arm_retransmission() {
  probe_armed_ = false;
  if (segments_.empty()) {
    retransmit_at_ = never;
    return;
  }
  retransmit_at_ = timer_at(rto());
  if (recovery_ != recovery::open || probe_out_ || srtt_.count() == 0 || backoff_ != 0) return;
  const auto tail = timer_at(2 * srtt_ + (segments_.size() == 1 ? least_variation : duration(2ms)));
  if (tail < retransmit_at_) {
    retransmit_at_ = tail;
    probe_armed_ = true;
  }
}

void tcp_socket::rearm() {
  alarm_.set(std::min({retransmit_at_, reorder_at_, pace_at_, ack_at_, compressed_at_, persist_at_,
                       syn_at_, linger_at_}));
}

void tcp_socket::on_alarm() {
  const auto now = queue_.now();
  if (ack_at_ <= now) {
    patience_ = interactive_ ? least_patience : std::min(patience_ * 2, rto());
    interactive_ = false;
    acknowledge();
  }
  if (compressed_at_ <= now) acknowledge();
  if (syn_at_ <= now) on_syn();
  if (linger_at_ <= now) return finish();
  if (phase_ == phase::established) {
    if (reorder_at_ <= now) {
      reorder_at_ = never;
      update_recovery();
      push();
    }
    if (pace_at_ <= now) {
      pace_at_ = never;
      push();
    }
    if (persist_at_ <= now) on_persist();
    if (retransmit_at_ <= now) on_retransmission();
  }
  if (phase_ != phase::closed) rearm();
}

void tcp_socket::on_retransmission() {
  if (backoff_ >= (app_closed_ ? orphan_retries : retries)) {
    return app_closed_ ? finish() : fail(std::errc::timed_out);
  }
  if (probe_armed_) return on_probe();
  on_time_out();
}

void tcp_socket::on_persist() {
  persist_at_ = never;
  if (pipe_ != 0 || !has_new()) return;
  send_control(packet_kind::probe);
  persist_backoff_ = std::min(persist_backoff_ + 1, 10);
  const auto wait = std::max(rto(), least_variation) * (std::int64_t{1} << persist_backoff_);
  persist_at_ = queue_.now() + std::min<duration>(wait, longest_rto);
}

void tcp_socket::on_syn() {
  if (++syn_tries_ > 6) return fail(std::errc::timed_out);
  syn_at_ = queue_.now() + initial_rto * (std::int64_t{1} << syn_tries_);
  send_control(phase_ == phase::syn_sent ? packet_kind::syn : packet_kind::syn_ack);
}

}  // namespace rendr::sim
