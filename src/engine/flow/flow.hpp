// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "engine/flow/placement.hpp"
#include "engine/flow/receive_window.hpp"
#include "engine/flow/recv_packets.hpp"
#include "engine/flow/recv_stream.hpp"
#include "engine/flow/send_packets.hpp"
#include "engine/flow/send_stream.hpp"
#include "engine/record/sent_log.hpp"
#include "engine/route/flow_demand.hpp"
#include "engine/route/roots.hpp"
#include "rendr/error.hpp"
#include "rendr/status.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

class record_writer;

/// The control of this kind is a flow's, and its key is the number of the flow.
constexpr bool of_a_flow(control what) noexcept { return what <= control::skip; }

/// What must happen elsewhere after a flow took something, in this order.
struct flow_effects {
  std::uint64_t duplicate = 0;  ///< bytes that had come before
  bool repeated = false;        ///< what came had come before, or some of it
  bool consumed = false;        ///< the credit is looked at
  bool owes = false;            ///< it has control frames to send
  bool placed = false;          ///< something new waits for a path
  bool ready = false;           ///< its application is told
  bool settles = false;         ///< it may be over

  void add(const flow_effects& more) noexcept {
    owes = owes || more.owes;
    placed = placed || more.placed;
    ready = ready || more.ready;
  }
};

/// How much the application of a flow may write ahead of the peer's acknowledgements.
struct send_room {
  std::size_t most = 0;   ///< bytes that are not acknowledged
  std::size_t queue = 0;  ///< of them, numbers of packets that no record has carried yet
  std::size_t plenty = 0;
  const slab_pool* pool = nullptr;

  /// What is written is bounded like what is received: when buffers hold more than `plenty`,
  /// writers wait for their acknowledgements.
  std::size_t now() const noexcept;
};

/// One flow: both directions, what it owes its peer, and what its application still has to do. It
/// keeps its own order; what others must do comes back as `flow_effects`.
class flow {
 public:
  flow(std::uint64_t number, const flow_id& id, wire::flow_kind kind, bool incoming,
       std::uint64_t credit);

  std::uint64_t number() const noexcept { return number_; }
  const flow_id& id() const noexcept { return id_; }
  wire::flow_kind kind() const noexcept { return kind_; }
  bool incoming() const noexcept { return incoming_; }
  flow_status status(link_ref link) const;

  // --- its root. `known`: nullptr, an acceptor does not know it yet
  void set_root(std::string_view name, named_root* known);
  /// A root came to be known: it may be the one that this flow names.
  void learn_root(named_root& root) noexcept;
  named_root* target() const noexcept { return target_; }

  // --- opening
  /// Ours: an OPEN is owed.
  void begin(bytes_view metadata);
  /// The peer's: it is taken, and its application answers.
  errc accept();
  errc reject(std::uint64_t code, std::string_view reason);
  bool accepted() const noexcept { return answer_ == answer::accepted; }
  /// The peer's, and it was rejected here.
  bool refused() const noexcept { return incoming_ && answer_ == answer::rejected; }

  // --- the application sends
  /// Why nothing of this kind can be written; no code: it can.
  errc write_refused(wire::flow_kind kind) const noexcept;
  /// Precondition of both: not refused. What does not fit makes the writer wait.
  std::size_t write(slab_pool& pool, bytes_view data, const send_room& room);
  bool send_packet(slab_pool& pool, bytes_view data, const send_room& room);
  errc shutdown();
  bool writer_waits() const noexcept { return wants_write_; }
  /// Its writer waits, and `put` may make room for him: packets are given up there.
  bool put_makes_room() const noexcept { return wants_write_ && packets_; }
  /// Something that was sent or written is not acknowledged.
  bool buffers() const noexcept { return packets_ ? !packets_->out.empty() : send_.buffered() > 0; }

  // --- the application reads
  struct read_result {
    std::size_t size = 0;
    bool taken = false;  ///< bytes, or a packet that may have none
    bool end = false;
  };
  result<read_result> read(bytes_span out);
  result<read_result> receive_packet(bytes_span out);
  result<std::size_t> peek(std::span<bytes_view> out) const;
  result<std::optional<std::size_t>> next_packet() const;
  /// False: there is nothing to consume in a packet flow.
  bool consume(std::size_t n);

  // --- the application leaves
  /// Nothing more is written. True: the FIN may be offered.
  bool finish() noexcept;
  flow_effects abort(std::uint64_t code);
  flow_effects abort_after_delivery(std::uint64_t code);
  /// Nobody reads what comes, and our direction ends by itself.
  flow_effects let_go(std::uint64_t code);
  bool let_go_of() const noexcept { return app_closed_; }

  // --- frames of the peer. protocol_violation: they contradict what is known
  result<flow_effects> take(const wire::accept& f);
  result<flow_effects> take(const wire::reject& f);
  result<flow_effects> take(const wire::data& f, receive_memory& memory, const slab_ref& slab);
  result<flow_effects> take(const wire::packet& f, receive_memory& memory, const slab_ref& slab);
  result<flow_effects> take(const wire::fin& f);
  result<flow_effects> take(const wire::reset& f);
  result<flow_effects> take(const wire::stop& f);
  result<flow_effects> take(const wire::skip& f);
  /// True: the credit grew, and more may be offered.
  bool take(const wire::max_data& f) noexcept;

  // --- credit
  receive_window& window() noexcept { return window_; }
  const receive_window& window() const noexcept { return window_; }
  bool window_due() const noexcept { return window_moves() && window_.due(consumed()); }
  /// True: a MAX_DATA is owed.
  bool grow_window(const receive_window::facts& at, budget& memory) noexcept;

  // --- bytes on their way
  /// Hands to the placement what was written and the peer's credit covers. True: there was some.
  bool offer(const root_target& root);
  /// nullptr: all is acknowledged, or will not be.
  placement* place() noexcept { return place_.get(); }
  const placement* place() const noexcept { return place_.get(); }
  /// Something of it waits for some path.
  bool waiting() const noexcept { return place_ && place_->waiting(); }
  /// What the old graph had not handed out waits in this one; what is under way stays under way.
  void place_anew(const root_target& root);
  /// What a record carried must go another way.
  void lose(const sent_range& lost, const root_target& root);
  /// What of r the peer may lack and still shall get.
  range_set open_part(range r) const { return reset_code_ ? range_set{} : send_.open_part(r); }
  /// All below arrived.
  std::uint64_t acknowledged() const noexcept { return send_.acknowledged(); }
  std::uint64_t written() const noexcept { return send_.written(); }
  /// How far the placement got it; behind `written` with the FIN.
  std::uint64_t offered() const noexcept { return offered_; }
  bool has_gap() const noexcept { return send_.has_gap(); }
  bool packets() const noexcept { return packets_ != nullptr; }
  /// The beginning of r, at most `most` numbers; of packets whole ones, at least one.
  range shorten(range r, std::uint64_t most) const noexcept;
  /// The application has more than the placement got: buffer or credit hold it back.
  bool hungry() const noexcept { return wants_write_ || offered_ < send_.written(); }
  /// How much of r is no FIN.
  std::uint64_t payload_of(range r) const noexcept {
    return std::min(r.end, send_.written()) - std::min(r.begin, send_.written());
  }

  // --- records
  /// Room that a FIN needs.
  static constexpr std::size_t fin_room = 24;
  /// What a record takes now of r, which is open; empty: it has no room. The OPEN may be put.
  range fit(range r, record_writer& w);
  struct put_facts {
    instant now{};
    send_room room;  ///< looked at when `put_makes_room`
  };
  /// Puts r, which fits, with the FIN when r reaches its number. `node`: the leaf node charged;
  /// no_node: it is a copy out of turn.
  flow_effects put(range r, policy::node_id node, record_writer& w, const root_target& root,
                   const put_facts& at);
  struct filled {
    std::uint64_t numbers = 0;
    std::uint64_t payload = 0;  ///< of them: without FIN
    std::uint64_t again = 0;    ///< of them: were on some path already
    duration retry = duration::max();
    bool crowded = false;  ///< something waits that this record has no room for
    flow_effects effects;
  };
  /// Puts what path `leaf` may take of it, `limit` numbers or one packet at least.
  filled fill(root_target& root, std::uint32_t leaf, std::uint64_t limit, record_writer& w,
              const put_facts& at);
  /// The peer has r. Returns how much further it is: by its lowest missing number, of packets, for
  /// the lowest of which nobody waits, by all that are new.
  std::uint64_t acknowledge(range r);
  /// What follows of that.
  flow_effects after_acknowledgement(const root_target& root, const send_room& room);

  // --- control (flow_control.cpp)
  /// Puts what is owed. False: the record has no room for all of it.
  bool put_control(record_writer& w);
  /// The record that carried it may never arrive. True: it is owed again.
  bool lost(control what) noexcept;
  /// True: the flow may be over.
  bool acknowledged(control what) noexcept;

  // --- its end
  /// Both directions fail; the first reason counts.
  flow_effects fail(errc code, std::uint64_t app_code, std::string detail);
  bool failed() const noexcept { return failed_ != errc{}; }
  /// Nothing more will be exchanged about it.
  bool settled() const noexcept;
  /// The application is to be told that it is done; true once.
  bool tell_done() noexcept;
  /// It holds bytes for an application that may still read them.
  bool unread() const noexcept { return readable() && failed_ == errc{}; }
  /// What ended it, once both directions are over; no code: all was delivered.
  errc outcome() const noexcept;
  std::uint64_t app_code() const noexcept { return app_code_; }
  const std::string& detail() const noexcept { return detail_; }
  /// A read gives bytes, or says what ended this direction.
  bool read_ready() const noexcept;
  bool write_ready() const noexcept { return !wants_write_ || failed() || write_stopped_; }
  void discard() noexcept;
  void compact(receive_memory& memory);

  /// What it asks for and gets.
  flow_demand demand;
  /// Of its turn in the ring: numbers that it may still send. `flow_table` ends turns.
  std::uint64_t deficit = 0;
  /// Where `flow_table` has it. Nobody else writes that.
  struct membership {
    bool ring = false;
    bool owing = false;
    bool ready = false;
    bool removed = false;  ///< destroyed at the end of this call
  };
  membership in;

 private:
  /// Control frames that are owed, as bits. Each is made from the current state.
  enum duty : std::uint8_t {
    duty_open = 1,
    duty_accept = 2,
    duty_reject = 4,
    duty_reset = 8,
    duty_stop = 16,
    duty_max_data = 32,
    duty_skip = 64,
  };
  /// How the application answered that did not open it.
  enum class answer : std::uint8_t { none, accepted, rejected };
  /// What a packet flow has besides: the packets themselves, and what became of them.
  struct packet_state {
    send_packets out;
    recv_packets in;
    range_set given_up;  ///< numbers that the peer may still wait for
    std::uint64_t packets_given_up = 0;
  };
  struct control_row;
  static std::span<const control_row> control_rows() noexcept;

  bool send_done() const noexcept;
  bool recv_complete() const noexcept {
    return packets_ ? packets_->in.complete() : recv_.complete();
  }
  bool recv_done() const noexcept { return peer_reset_.has_value() || recv_complete(); }
  bool discards() const noexcept { return app_closed_ || stop_code_; }
  errc read_error() const noexcept { return peer_reset_ ? errc::aborted : failed_; }
  errc write_error() const noexcept;
  bool readable() const noexcept {
    return packets_ ? packets_->in.readable() : recv_.readable() > 0;
  }
  bool at_end() const noexcept { return packets_ ? packets_->in.at_end() : recv_.at_end(); }
  std::optional<std::uint64_t> final_size() const noexcept;
  std::uint64_t consumed() const noexcept {
    return packets_ ? packets_->in.consumed() : recv_.consumed();
  }
  std::uint64_t highest() const noexcept {
    return packets_ ? packets_->in.highest() : recv_.highest();
  }
  bool window_moves() const noexcept { return !window_.closed() && !final_size() && !peer_reset_; }

  void place_on(const root_target& root);
  bool reset_sending(std::uint64_t code);
  bool reset_if_delivered();
  void discard_received() noexcept;
  void cut_received() noexcept;
  void discard_sent() noexcept;
  bool packet_room(std::uint64_t weight, const send_room& room) const noexcept;
  void put_packets(range r, policy::node_id node, record_writer& w, instant now);
  void give_up(const range_set& numbers);
  flow_effects retire(const root_target& root, const send_room& room);
  bool needs_open(record_writer& w) const;
  std::size_t opening_size(record_writer& w) const;
  std::size_t least_room() const noexcept;
  bool put_open(record_writer& w);

  std::uint64_t number_;
  flow_id id_;
  wire::flow_kind kind_;
  bool incoming_;

  // Opening.
  answer answer_ = answer::none;
  bool open_acknowledged_;
  std::string root_;              // name of the root target; empty: the default
  named_root* target_ = nullptr;  // that root; an acceptor that does not know it yet: the default
  bytes metadata_;                // kept until the OPEN is acknowledged
  std::uint64_t reject_code_ = 0;
  std::string reject_reason_;

  // Sending. Offsets of a packet flow are its sequence numbers.
  std::unique_ptr<packet_state> packets_;  // none in a stream
  send_stream send_;
  std::uint64_t send_limit_;          // the peer's credit
  std::uint64_t offered_ = 0;         // given to the placement so far
  range_set carried_;                 // what some path took and the peer has not acknowledged
  std::unique_ptr<placement> place_;  // while something is unacknowledged
  std::optional<std::uint64_t> reset_code_;   // our direction was reset
  std::optional<std::uint64_t> reset_after_;  // it will be, once all that was written is there

  // Receiving.
  recv_stream recv_;  // unused in a packet flow
  receive_window window_;
  std::optional<std::uint64_t> peer_reset_;  // the code of the peer's RESET
  std::optional<std::uint64_t> stop_code_;   // we asked the peer to stop
  std::uint64_t duplicates_ = 0;

  // The application, and the ends.
  std::uint64_t app_code_ = 0;  // of the peer's REJECT or RESET, else of its STOP
  std::string detail_;
  errc failed_{};  // both directions failed with this; set once
  std::uint8_t duties_ = 0;
  bool reset_acknowledged_ = false;
  bool app_closed_ = false;
  bool wants_write_ = false;    // a write came back short
  bool write_stopped_ = false;  // the peer asked to stop: writes fail with `aborted`
  bool done_told_ = false;
};

}  // namespace rendr::engine
