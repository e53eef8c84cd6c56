// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "engine/types.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// A slot and the key that its dialer proved; without one of its own, zeros.
struct slot_claim {
  wire::link_slot slot;
  byte_array<32> key{};
  friend auto operator<=>(const slot_claim&, const slot_claim&) = default;
};

}  // namespace rendr::engine

namespace rendr::engine::event {

// --- what the driver must do
// -------------------------------------------------------------------------------

/// Connect path spec `spec`; answer with `endpoint::dialed` or `endpoint::dial_failed` carrying
/// `attempt`. Abandon the try after `timeout`. Several attempts of one spec may be under way. The
/// longer it has been `away`, the older may be what is known of its name.
struct dial {
  link_ref link{};
  spec_id spec = 0;
  std::uint64_t attempt = 0;
  duration timeout{};
  duration away{};  ///< for so long, since the network changed or an application asked
};
/// The result of this attempt no longer matters: abandon it. A late answer is ignored.
struct cancel_dial {
  link_ref link{};
  std::uint64_t attempt = 0;
};
/// The carrier is finished. First write what `poll_transmit` still offers (a BYE or a refusal) when
/// `flush`; then half-close, drain until EOF for a moment, close. Exactly one per carrier, unless
/// the driver itself reported `path_down`. A carrier that
/// breaks or takes too long before it is flushed is reported by `path_down`. No call for this
/// carrier has an effect after it was flushed. A `stranger` never proved anything: without `flush`
/// it is closed at once, and the driver drains no more of them than may wait at the door.
struct close_carrier {
  carrier_id carrier{};
  bool flush = false;
  bool stranger = false;
};
/// Answer at the same `now` with `endpoint::path_evidence`, before anything else.
struct need_evidence {
  carrier_id carrier{};
};

// --- what the application must know
// ------------------------------------------------------------------------

/// The link has its first path and keys. Dialer and acceptor. A dialer gets it again, with the peer
/// and the link's id as they are now, when the peer forgot the link before it had taken part in it.
struct link_up {
  link_ref link{};
  instance_id peer{};
  std::string remote;                     ///< the far end of its first path
  std::optional<crypto::public_key> key;  ///< the static key that the peer proved
};
/// The link is over; all its flows failed with the same code. Nothing of it can be used after this.
struct link_down {
  link_ref link{};
  errc code{};
  std::string detail;
};
/// All dials of a link were answered by another InstanceID without proof: the server restarted.
/// The link lives on until its grace ends; open new flows on a new link.
struct peer_restarted {
  link_ref link{};
  instance_id other{};
};
/// The peer asked to open no more flows here.
struct going_away {
  link_ref link{};
  std::uint64_t code = 0;
  std::string reason;
};
/// The peer opened a flow: answer with accept_flow or reject_flow (data may already be readable).
struct incoming_flow {
  flow_ref flow{};
  flow_id id{};
  wire::flow_kind kind{};
  bytes metadata;
};
/// Coalesced: at least one of the flags became true since the last event of this flow.
struct flow_ready {
  flow_ref flow{};
  bool readable = false;  ///< read() gives bytes, EOF or an error
  bool writable = false;  ///< write() takes bytes or gives an error
  bool accepted = false;  ///< the peer's application accepted it
};
/// The flow is over in both directions (delivered, reset, or failed): its ref is invalid from now
/// on once the application has closed it too.
struct flow_done {
  flow_ref flow{};
  errc code{};                 ///< errc{} when it ended in order
  std::uint64_t app_code = 0;  ///< the code of a RESET, STOP or REJECT
  std::string detail;
};

/// A dialer said what its slot is; only with several loops. Every other loop of this server is told
/// (`endpoint::give_way`).
struct slot_claimed {
  slot_claim claim;
  instance_id dialer{};
  instant made{};  ///< its link
};

// --- what observers may see (bounded queue, overflow counted)
// -----------------------------------------------

struct path_changed {
  link_ref link{};
  carrier_id carrier{};
  spec_id spec = 0;
  std::string name;
  path_phase from{};
  path_phase to{};
  cause why{};
  std::string detail;
};
/// A dial of a leaf began.
struct dial_began {
  link_ref link{};
  spec_id spec = 0;
  std::string name;
};
/// A dial failed, or its carrier ended before it was a path.
struct dial_ended {
  link_ref link{};
  spec_id spec = 0;
  std::string name;
  std::error_code code;
  std::string detail;
};
/// A leaf that is dialled is not up for so long; again when the reason changes, a few times.
struct path_missing {
  link_ref link{};
  std::string name;
  duration after{};
  bool lasting = false;  ///< waiting mends nothing
  std::string reason;
};
/// A connection that came here was refused, or ended before it had proven where it belongs.
struct stranger_refused {
  std::string remote;
  errc code{};
  std::string reason;
};
/// The paths that carry new data of a root changed.
struct migration {
  link_ref link{};
  std::string root;  ///< empty: the default root
  std::string node;  ///< the selector that moved
  std::string from;
  std::string to;
  cause why{};
  std::string reason;
  std::string evidence;  ///< what it rested on: the figures of both children
};

}  // namespace rendr::engine::event

namespace rendr::engine {

using any_event =
    std::variant<event::dial, event::cancel_dial, event::close_carrier, event::need_evidence,
                 event::link_up, event::link_down, event::peer_restarted, event::going_away,
                 event::incoming_flow, event::flow_ready, event::flow_done, event::path_changed,
                 event::migration, event::slot_claimed, event::dial_began, event::dial_ended,
                 event::path_missing, event::stranger_refused>;

}  // namespace rendr::engine
