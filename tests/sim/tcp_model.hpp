// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "base/range_set.hpp"
#include "rendr/carrier.hpp"
#include "sim/byte_ring.hpp"
#include "sim/congestion.hpp"
#include "sim/event_queue.hpp"
#include "sim/lane.hpp"

namespace rendr::sim {

struct tcp_options {
  std::uint32_t mss = 1448;  ///< larger: segments in aggregates, for fast lines without loss
  congestion control = congestion::cubic;
  std::uint64_t send_buffer = 4u << 20;
  std::uint64_t receive_buffer = 4u << 20;
};

/// One end of a modelled kernel TCP connection, seen as a non-blocking socket.
///
/// Modelled after Linux: selective acknowledgements, RACK loss detection, tail loss probe,
/// retransmission time-out of RTT + max(4 rttvar, 200 ms) with doubling to 120 s, delayed
/// acknowledgements, zero-window probes, slow start after idle, NOTSENT_LOWAT, SYN back-off from
/// 1 s, data that was written is delivered after close(), data that came before a reset stays
/// readable. What is written cannot be called back.
class tcp_socket {
 public:
  enum class phase : std::uint8_t { idle, syn_sent, syn_received, established, closed };

  tcp_socket(event_queue& queue, lane& out, const tcp_options& options);
  tcp_socket(const tcp_socket&) = delete;
  tcp_socket& operator=(const tcp_socket&) = delete;

  /// Called whenever one of connected, readable, writable or failed may have become true.
  std::function<void(tcp_socket&)> on_ready;
  /// Asked at the listening end when a SYN arrives; false: answered with a RST.
  std::function<bool()> accepts;

  // --- as a program uses it
  void connect();
  phase state() const noexcept { return phase_; }
  bool established() const noexcept { return phase_ == phase::established; }
  /// Data, an EOF or an error can be taken.
  bool readable() const noexcept;
  bool writable() const noexcept;
  /// Accepts what the send buffer and NOTSENT_LOWAT allow; 0: would block.
  std::size_t write(std::span<const bytes_view> pieces);
  /// Takes what is there; 0: would block, EOF or error.
  std::size_t read(bytes_span out);
  std::uint64_t unread() const noexcept {
    return data_end() - std::min(peer_->ring_.begin(), data_end());
  }
  bool eof() const noexcept { return fin_received_ && unread() == 0 && !error_; }
  /// Set once the connection failed and everything received before was read.
  std::error_code error() const noexcept { return unread() == 0 ? error_ : std::error_code(); }
  void shutdown_write();
  /// Lets go. With unread data the peer gets a RST; otherwise what was written is still delivered.
  void close();
  /// RST to the peer, nothing more is sent.
  void abort();
  void unsent_limit(std::uint32_t bytes) noexcept { unsent_limit_ = bytes; }
  carrier_evidence evidence() const;

  // --- as the world uses it
  void pair_with(tcp_socket& peer) noexcept { peer_ = &peer; }
  void receive(const packet& p);
  /// As if a RST had arrived: what was in flight is lost.
  void fail(std::errc code);
  bool app_closed() const noexcept { return app_closed_; }

  // --- for tests and counters
  std::uint64_t retransmissions() const noexcept { return retransmissions_; }
  std::uint64_t time_outs() const noexcept { return time_outs_; }
  std::uint64_t bytes_written() const noexcept { return snd_end_; }
  std::uint64_t congestion_window() const { return control_->window(); }
  std::uint64_t in_flight() const noexcept { return pipe_; }
  duration smoothed_rtt() const noexcept { return srtt_; }
  bool probing_delay() const { return control_->probing_delay(); }

 private:
  struct segment {
    std::uint64_t seq = 0;
    std::uint32_t length = 0;  ///< payload; a FIN adds one number
    bool fin = false;
    bool push = false;  ///< ends an aggregate or what the program had written
    bool sacked = false;
    bool lost = false;      ///< thought lost and not yet sent again
    bool missing = false;   ///< was thought lost and has not been delivered since
    bool repeated = false;  ///< sent more than once
    bool app_limited = false;
    instant sent{};
    instant first_sent{};         ///< when the sample that this segment ends began
    instant delivered_when{};     ///< of the newest delivery when it was sent
    std::uint64_t delivered = 0;  ///< bytes delivered when it was sent
    std::uint64_t end() const noexcept { return seq + length + (fin ? 1 : 0); }
  };
  enum class recovery : std::uint8_t { open, fast, loss };
  /// Of segments that were sent once; 0: there was none.
  struct round_trips {
    duration oldest{0};
    duration newest{0};
  };
  struct delivery;

  // receiver
  void accept_syn();
  void begin();
  void accept_data(const packet& p);
  void acknowledge();
  void remember_block(range segment);
  void note_arrival();
  bool owes_prompt_ack() const noexcept;
  void acknowledge_gap();
  std::uint64_t window_end() const noexcept;
  void measure_reader();
  void allow_window(std::uint64_t taken);
  void widen_window(std::uint32_t length);
  std::uint64_t data_end() const noexcept { return fin_received_ ? fin_at_ : rcv_nxt_; }
  void maybe_update_window();

  // sender
  void accept_ack(const packet& p);
  void mark_delivered(segment& s, delivery& d);
  void take_cumulative(std::uint64_t ack, delivery& d);
  void take_selective(range block, delivery& d);
  duration echo_of(const segment& s) const;
  round_trips round_trips_of(const delivery& d) const;
  void learn_round_trip(const round_trips& seen);
  void measure(const delivery& d);
  void update_recovery();
  void detect_losses();
  void mark_lost(segment& s);
  bool has_room() const noexcept;
  bool has_new() const noexcept;
  void push();
  bool retransmit_next();
  std::uint64_t largest_now() const;
  bool defers(std::uint64_t most) const;
  bool send_aggregate();
  void pace(std::uint64_t size);
  bool send_new(bool push);
  void transmit(segment& s);
  void send_segment(const segment& s);
  void send_control(packet_kind kind);
  packet stamp(packet_kind kind);

  // timers
  duration rto() const noexcept;
  instant timer_at(duration wait) const noexcept;
  void arm_retransmission();
  void rearm();
  void on_alarm();
  void on_retransmission();
  void on_time_out();
  void on_probe();
  void on_persist();
  void on_syn();

  void finish();
  void notify();

  event_queue& queue_;
  lane& out_;
  tcp_options options_;
  tcp_socket* peer_ = nullptr;
  std::unique_ptr<congestion_control> control_;
  phase phase_ = phase::idle;
  std::error_code error_;
  bool app_closed_ = false;
  bool was_writable_ = false;

  // what this end sends
  byte_ring ring_;  ///< written and not yet read by the peer's program
  std::uint64_t snd_una_ = 0;
  std::uint64_t snd_nxt_ = 0;
  std::uint64_t snd_end_ = 0;
  std::uint64_t written_to_ = 0;      ///< end of the newest write
  std::uint64_t send_limit_ = 65536;  ///< the peer's window
  bool fin_queued_ = false;
  bool fin_sent_ = false;
  std::uint32_t unsent_limit_ = ~std::uint32_t{0};
  std::deque<segment> segments_;
  range_set sacked_;
  std::uint64_t pipe_ = 0;
  std::uint64_t lost_ = 0;  ///< bytes thought lost so far
  std::size_t lost_segments_ = 0;
  std::size_t missing_segments_ = 0;
  recovery recovery_ = recovery::open;
  std::uint64_t recovery_end_ = 0;
  std::uint64_t delivered_ = 0;
  instant delivered_when_{};
  instant first_sent_{};
  std::uint64_t app_limited_until_ = 0;
  bool cwnd_limited_ = false;
  instant last_send_{};
  std::uint64_t transmitted_ = 0;  ///< bytes, repeated ones as well
  std::uint64_t sent_segments_ = 0;
  instant rack_sent_{};
  std::uint64_t rack_end_ = 0;
  duration rack_rtt_{0};
  std::uint64_t retransmissions_ = 0;
  std::uint64_t time_outs_ = 0;

  // measurements
  duration srtt_{0};
  duration rttvar_{0};
  duration min_rtt_ = duration::max();
  std::uint64_t rate_ = 0;
  instant last_ack_{};
  bool any_ack_ = false;

  // what this end receives
  std::uint64_t rcv_nxt_ = 0;
  range_set beyond_;           ///< received out of order
  std::vector<range> recent_;  ///< its blocks that changed last, newest first
  std::uint64_t out_of_order_ = 0;
  bool fin_received_ = false;
  std::uint64_t fin_at_ = ~std::uint64_t{0};
  std::uint64_t advertised_ = 65536;
  std::uint64_t window_limit_;  ///< what the reader deserves
  std::uint64_t granted_;       ///< what is granted, growing towards it
  std::uint64_t most_taken_;    ///< by the program in a round trip
  std::uint64_t measured_from_ = 0;
  instant measured_at_{};
  std::uint64_t told_ = 0;       ///< rcv_nxt_ when an acknowledgement was last sent
  std::uint32_t rcv_mss_ = 536;  ///< what a full segment seems to be
  bool pushed_ = false;          ///< a full segment with a push waits for its acknowledgement
  int short_pushes_ = 0;         ///< shorter ones
  int quick_acks_ = 16;
  duration patience_{0};  ///< how long an acknowledgement may wait for company; 0: not yet known
  std::uint64_t gap_at_ = 0;
  int gap_acks_ = 0;
  int compressed_acks_ = 0;
  bool interactive_ = false;
  instant last_receive_{};

  // deadlines
  instant retransmit_at_ = never;
  bool probe_armed_ = false;  ///< the deadline is a tail loss probe, not a time-out
  bool probe_out_ = false;
  int backoff_ = 0;
  instant reorder_at_ = never;
  instant pace_at_ = never;
  instant pace_next_{};
  instant ack_at_ = never;
  instant compressed_at_ = never;
  instant persist_at_ = never;
  int persist_backoff_ = 0;
  instant syn_at_ = never;
  instant syn_sent_{};
  int syn_tries_ = 0;
  instant linger_at_ = never;
  alarm alarm_;
};

/// Both ends of one connection over a line.
class tcp_connection {
 public:
  tcp_connection(event_queue& queue, lane& forward, lane& backward, const tcp_options& options)
      : dialer(queue, forward, options), acceptor(queue, backward, options) {
    dialer.pair_with(acceptor);
    acceptor.pair_with(dialer);
  }

  /// A RST reaches both ends at once.
  void kill() {
    dialer.fail(std::errc::connection_reset);
    acceptor.fail(std::errc::connection_reset);
  }

  tcp_socket dialer;
  tcp_socket acceptor;
};

}  // namespace rendr::sim
