// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "engine/flow/placement.hpp"
#include "engine/flow/recv_packets.hpp"
#include "engine/flow/recv_stream.hpp"
#include "engine/flow/send_packets.hpp"
#include "engine/flow/send_stream.hpp"
#include "engine/route/flow_demand.hpp"
#include "engine/route/roots.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// Control frames that a flow owes its peer, as bits. Each is regenerated from the flow's current
/// state.
enum flow_duty : std::uint8_t {
  duty_open = 1,
  duty_accept = 2,
  duty_reject = 4,
  duty_reset = 8,
  duty_stop = 16,
  duty_max_data = 32,
  duty_skip = 64,
};

/// How the peer's application, or ours, answered the flow.
enum class flow_answer : std::uint8_t { none, accepted, rejected };

/// What a packet flow has besides: the packets themselves, and what became of them.
struct packet_state {
  send_packets out;
  recv_packets in;
  range_set given_up;  ///< numbers that the peer may still wait for
  std::uint64_t packets_given_up = 0;
};

/// One flow: both directions, what is owed, and what the application still has to do. The
/// link moves it through its life; the flow answers questions about itself.
struct flow {
  std::uint64_t number = 0;
  flow_id id{};
  wire::flow_kind kind = wire::flow_kind::stream;
  bool incoming = false;
  std::string root;              ///< name of the root target; empty: the default
  named_root* target = nullptr;  ///< that root; an acceptor that does not know it yet: the default
  std::unique_ptr<packet_state> packets;  ///< of a packet flow; none in a stream
  bytes metadata;                         ///< kept until the OPEN is acknowledged

  // Opening.
  bool open_acknowledged = false;
  flow_answer answer = flow_answer::none;
  std::uint64_t reject_code = 0;
  std::string reject_reason;

  // Sending. Offsets of a packet flow are its sequence numbers.
  send_stream send;
  std::uint64_t send_limit = 0;      ///< the peer's credit
  std::uint64_t offered = 0;         ///< given to the placement so far
  range_set carried;                 ///< what some path took and the peer has not acknowledged
  std::unique_ptr<placement> place;  ///< while something is unacknowledged
  std::uint64_t deficit = 0;         ///< deficit round robin

  flow_demand demand;  ///< what it asks for and gets
  bool in_ring = false;
  std::optional<std::uint64_t> reset_code;   ///< our direction was reset
  std::optional<std::uint64_t> reset_after;  ///< it will be, once all that was written is there
  bool reset_acknowledged = false;

  // Receiving.
  recv_stream recv;                         ///< unused in a packet flow
  std::uint64_t recv_limit = 0;             ///< what we granted
  std::uint64_t limit_told = 0;             ///< what the newest MAX_DATA said
  std::uint64_t window = 0;                 ///< how far ahead of the reader we grant
  instant window_since{};                   ///< when the window last grew or moved
  std::uint64_t window_mark = 0;            ///< what had been consumed then
  std::optional<std::uint64_t> peer_reset;  ///< the code of the peer's RESET
  std::optional<std::uint64_t> stop_code;   ///< we asked the peer to stop
  std::uint64_t duplicates = 0;

  // What is owed.
  std::uint8_t duties = 0;
  bool in_control_queue = false;

  // The application.
  bool app_closed = false;
  bool wants_write = false;    ///< a write came back short
  bool write_stopped = false;  ///< the peer asked to stop: writes fail with `aborted`
  bool ready_queued = false;   ///< a flow_ready event is on its way
  bool done_told = false;
  bool removing = false;       ///< destroyed at the end of this call
  errc failed{};               ///< both directions failed with this; set once
  std::uint64_t app_code = 0;  ///< of the peer's REJECT or RESET, else of its STOP
  std::string detail;

  /// The application has more than the placement got: buffer or credit hold it back.
  bool hungry() const noexcept { return wants_write || offered < send.written(); }
  /// What a RESET says: the bytes that a path may have carried.
  std::uint64_t offered_size() const noexcept { return std::min(offered, send.written()); }
  bool send_done() const noexcept {
    if (reset_code) return reset_acknowledged;
    return send.finished() && send.all_acknowledged();
  }
  bool recv_complete() const noexcept { return packets ? packets->in.complete() : recv.complete(); }
  bool recv_done() const noexcept { return peer_reset.has_value() || recv_complete(); }
  /// A read gives bytes, or says what ended this direction.
  bool read_waits() const noexcept {
    return !readable() && !at_end() && !peer_reset && failed == errc{};
  }
  /// What a read fails with that finds nothing; no code: it waits.
  errc read_error() const noexcept { return peer_reset ? errc::aborted : failed; }
  /// What a write fails with, but for the application's own end.
  errc write_error() const noexcept {
    if (failed != errc{}) return failed;
    return write_stopped || reset_code ? errc::aborted : errc{};
  }
  /// What ended the flow, once both directions are over; no code: all was delivered.
  errc outcome() const noexcept {
    if (failed != errc{}) return failed;
    return peer_reset || (reset_code && send.discarded() > 0) ? errc::aborted : errc{};
  }
  bool readable() const noexcept { return packets ? packets->in.readable() : recv.readable() > 0; }
  bool at_end() const noexcept { return packets ? packets->in.at_end() : recv.at_end(); }
  std::optional<std::uint64_t> final_size() const noexcept {
    return packets ? packets->in.final() : recv.final_size();
  }
  /// What credit may follow.
  std::uint64_t consumed() const noexcept {
    return packets ? packets->in.consumed() : recv.consumed();
  }
  std::uint64_t highest() const noexcept {
    return packets ? packets->in.highest() : recv.highest();
  }
  /// What it keeps in buffers that are mostly waste is copied out of them.
  void compact(receive_memory& memory) {
    recv.compact(memory);
    if (packets) packets->in.compact(memory);
  }
  /// What is held for the application goes; what arrives later is counted and dropped.
  void discard_received() noexcept {
    recv.discard();
    if (packets) packets->in.discard();
  }
  /// Nothing more comes for the application; what it can read already stays.
  void cut_received() noexcept {
    recv.cut();
    if (packets) packets->in.cut();
  }
  /// What the application gave goes; nothing of it is placed any more.
  void discard_sent() noexcept {
    send.discard();
    if (packets) packets->out.discard();
    place.reset();
  }
  /// Nothing more will be exchanged about it.
  bool settled() const noexcept {
    if (answer == flow_answer::rejected)
      return incoming ? (duties & duty_reject) == 0 && reset_acknowledged : true;
    return send_done() && recv_done() && open_acknowledged &&
           (duties & (duty_reset | duty_stop)) == 0;
  }
};

}  // namespace rendr::engine
