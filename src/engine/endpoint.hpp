// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/slab.hpp"
#include "engine/config.hpp"
#include "engine/events.hpp"
#include "engine/types.hpp"
#include "rendr/carrier.hpp"
#include "rendr/status.hpp"

namespace rendr::engine {

/// The whole engine of one loop: carriers on one side, flows on the other, no I/O in between.
///
/// A driver (the Asio runtime, the simulator, the fuzzer) calls it from one thread, in this order:
///
///  1. **Inputs** tell what happened, with the time at which it did.
///  2. **Commands** come from the application.
///  3. **Outputs** are taken after any input or command, until none is left: `poll_event`, and
///     `poll_transmit` for every carrier that `next_transmit` names. Then the driver arms one timer
///     for `next_timeout`.
///  4. **Questions** are const and may be asked at any time.
///
/// `now` never goes backwards. Two endpoints that get the same inputs do the same, byte for byte.
class endpoint {
 public:
  explicit endpoint(const endpoint_config& config);
  ~endpoint();
  endpoint(endpoint&&) noexcept;
  endpoint& operator=(endpoint&&) noexcept;

  // --- inputs

  /// The dial of `event::dial` succeeded. nullopt: the attempt no longer matters, close the
  /// connection.
  std::optional<carrier_id> dialed(instant now, link_ref link, std::uint64_t attempt,
                                   const carrier_traits& traits);
  void dial_failed(instant now, link_ref link, std::uint64_t attempt, std::error_code code,
                   std::string_view detail);
  /// A connection was accepted. nullopt: too many from there, close it.
  std::optional<carrier_id> accepted(instant now, const carrier_traits& traits);

  /// Where the driver reads into (at least 1 byte, stream carriers). Valid until the next call for
  /// this carrier. Empty for an unknown or finished carrier. Call it only when the socket is
  /// readable: a slab is taken.
  std::span<std::byte> receive_buffer(carrier_id carrier);
  /// The driver read n > 0 bytes into `receive_buffer`. n == 0: nothing was read, the slab is given
  /// back.
  void received(instant now, carrier_id carrier, std::size_t n);
  /// The socket would block: everything that had arrived was read. Acknowledgements become due.
  void drained(instant now, carrier_id carrier);
  /// Datagram carriers: one datagram.
  void handle_datagram(instant now, carrier_id carrier, bytes_view datagram);
  /// The first n bytes of what `poll_transmit` last returned were accepted by the socket.
  void transmitted(instant now, carrier_id carrier, std::size_t n);
  /// Answer to `event::need_evidence`; may be told at any other time too.
  void path_evidence(instant now, carrier_id carrier, const carrier_evidence& evidence);
  /// The carrier failed (code set) or ended (EOF, code clear). The driver has closed it or will at
  /// once.
  void path_down(instant now, carrier_id carrier, std::error_code code, std::string_view detail);
  /// Addresses or routes of this machine changed: redial at once what is not alive, doubt what is
  /// idle.
  void network_changed(instant now);
  /// Another loop of this server said it.
  void give_way(instant now, const event::slot_claimed& claimed);
  /// The driver has reason to doubt the carrier (its local address is gone, its device is down):
  /// new data leaves it at once, as after silence. A doubt that was wrong costs nothing but bytes:
  /// an answer on the path clears it. Without effect while it is not attached.
  void path_doubted(instant now, carrier_id carrier, std::string_view detail);
  /// A deadline passed. When it comes more than 5 ms late the driver first reads every readable
  /// carrier; the engine extends its deadlines by the lateness.
  void handle_timeout(instant now);

  // --- application commands

  /// Begins a link: dials follow as events, then link_up or link_down. Fails with invalid_argument
  /// and a detail.
  result<link_ref, failure> connect(instant now, const link_config& config);
  /// Ends a link in order: GOAWAY, no new flows, flows get `linger` to finish, BYE,
  /// link_down{closed}. Flows that were closed get longer while the peer lives, for a slow reader,
  /// unless `bounded`; without a living path the linger counts from when the last one was lost.
  void close_link(instant now, link_ref link, std::uint64_t code, std::string_view reason,
                  bool bounded = false);
  /// Ends it at once: GOAWAY and BYE where possible, flows fail with `aborted`; those of the peer
  /// with `peer_lost`.
  void abort_link(instant now, link_ref link);

  struct open_options {
    bytes_view metadata;
    std::string_view root;      ///< one that `set_root` added; empty: the link's default root
    std::optional<flow_id> id;  ///< default: drawn from the DRBG
  };
  /// Opens a stream flow: no round trip on a living link; also before the link is up (data waits).
  result<flow_ref> open_stream(instant now, link_ref link, const open_options& options);
  /// Opens a packet flow: likewise. It keeps boundaries and no order; each packet arrives at most
  /// once. What a path lost is sent again while it is one of the newest `packets_retained` or
  /// younger than `packet_retention`.
  result<flow_ref> open_packet(instant now, link_ref link, const open_options& options);
  errc accept_flow(instant now, flow_ref flow);
  errc reject_flow(instant now, flow_ref flow, std::uint64_t code, std::string_view reason);

  /// Takes as many bytes as fit and returns how many; 0: full, wait for flow_ready.writable.
  /// errc::closed after shutdown/close, `aborted`, `rejected`, `no_path`, `peer_lost` when the flow
  /// failed.
  result<std::size_t> write(instant now, flow_ref flow, bytes_view data);
  struct read_result {
    std::size_t size = 0;
    bool eof = false;  ///< the peer's FIN was delivered and every byte was read
  };
  /// Takes a packet whole (an empty one too); false: full, wait for flow_ready.writable. Packet
  /// flows alone: `mode_mismatch` for a stream, and for `write`, `read` and `peek` of a packet
  /// flow. `message_too_large` above `wire::max_packet`; other errors as for `write`.
  result<bool> send_packet(instant now, flow_ref flow, bytes_view data);
  struct packet_result {
    bool packet = false;   ///< one was copied out
    std::size_t size = 0;  ///< of it; it may be empty
    bool eof = false;      ///< the peer's FIN was delivered and every packet was read
  };
  /// Copies out the next packet, in the order of arrival; neither packet nor eof: nothing yet, wait
  /// for flow_ready.readable. `message_too_large`: it does not fit `out` and stays.
  result<packet_result> receive_packet(instant now, flow_ref flow, bytes_span out);
  /// How many bytes the next packet has; nullopt: none is there.
  result<std::optional<std::size_t>> next_packet(flow_ref flow) const;
  /// Copies out what is there; size 0 without eof: nothing yet, wait for flow_ready.readable.
  result<read_result> read(instant now, flow_ref flow, bytes_span out);
  /// The readable bytes in place (up to `out.size()` pieces); `consume` frees them. Views live
  /// until the next call that is not a question.
  result<std::size_t> peek(flow_ref flow, std::span<bytes_view> out) const;
  void consume(instant now, flow_ref flow, std::size_t n);
  /// FIN after what was written; reading goes on. Of a packet flow: when every packet was
  /// acknowledged or given up.
  errc shutdown(instant now, flow_ref flow);
  /// The application lets go: what was written is delivered in the background while the link lives,
  /// what arrives is discarded (the peer gets STOP). The ref is invalid afterwards.
  void close(instant now, flow_ref flow);
  /// RESET in both directions; the ref is invalid afterwards.
  void abort(instant now, flow_ref flow, std::uint64_t code);
  /// As `close`, but the peer reads an error with this code where EOF would be. After `shutdown` it
  /// still reads EOF, and its writes fail with the code.
  void abort_after_delivery(instant now, flow_ref flow, std::uint64_t code);

  /// Overrides a selector of a root (`child` = a child's name) or gives it back (empty).
  /// `invalid_argument`, `refused` with a detail. Without `root`: the default one.
  std::optional<failure> select(instant now, link_ref link, std::string_view node,
                                std::string_view child, std::string_view root = {});
  /// Moves every selector on the way to leaf `leaf` so that it carries the root. Make before break.
  std::optional<failure> migrate(instant now, link_ref link, std::string_view leaf,
                                 std::string_view root = {});
  /// Replaces a root (graph text), or adds one under a new name; a link has at most 64. Its flows
  /// move; nothing is lost. Dialer only.
  std::optional<failure> set_root(instant now, link_ref link, std::string_view graph_text,
                                  std::string_view root = {});
  /// Adds a leaf at run time. A root that stands over all paths takes it in at once, and one that
  /// names a detached path of this name; `set_root` places it in others. Dialer only.
  result<spec_id, failure> attach(instant now, link_ref link, const path_config& path);
  /// Drains and removes a leaf's carrier. `refused` for the last living one.
  std::optional<failure> detach(instant now, link_ref link, std::string_view leaf);

  // --- outputs

  std::optional<any_event> poll_event();
  /// The next carrier that may have something to send; nullopt: none. The driver calls
  /// `poll_transmit` for it unless it knows that the socket would block: then when the socket is
  /// writable again.
  std::optional<carrier_id> next_transmit();
  /// What to write now on this carrier: up to about `budget` bytes in pieces, empty when nothing.
  /// Pieces live until `transmitted` or `path_down` or `close_carrier`; what is not accepted is
  /// returned again first.
  std::span<const bytes_view> poll_transmit(instant now, carrier_id carrier, std::size_t budget);
  /// When `handle_timeout` is wanted; `never` for no deadline.
  instant next_timeout() const;

  // --- questions

  /// Suggested TCP_NOTSENT_LOWAT of a carrier, following its drain rate.
  std::uint32_t unsent_limit(carrier_id carrier) const;
  endpoint_status status(instant now) const;
  std::optional<link_status> status(instant now, link_ref link) const;
  std::optional<flow_status> status(flow_ref flow) const;
  /// Bytes of slabs in use (send and receive buffers of all links): 0 when everything is closed.
  std::size_t slab_bytes() const;
  /// By the ids of `status`, in linear time; nullopt: no such one lives here.
  std::optional<link_ref> link_named(const link_id& id) const;
  std::optional<flow_ref> flow_named(const flow_id& id) const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace rendr::engine
