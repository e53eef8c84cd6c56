// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rendr/detail/refs.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"
#include "rendr/types.hpp"

namespace rendr {

/// Where a path stands in its life. Data goes over `active` and `late` paths; `standby` ones are
/// attached and measured; `suspect` ones may be dark: new data has left them already.
enum class path_phase : std::uint8_t {
  idle,
  dialing,
  attaching,
  standby,
  active,
  late,
  suspect,
  draining,
  dead,
};

/// Why a path left, was doubted, or lost its flows.
enum class cause : std::uint8_t {
  none,
  carrier_error,      ///< the transport reported an error
  carrier_eof,        ///< the transport ended without a goodbye
  silence,            ///< nothing was acknowledged in time and the carrier had no evidence either
  one_way,            ///< the peer told that it does not hear from us
  first_hop_only,     ///< the carrier acknowledged what the peer never got
  protocol,           ///< the peer sent what the format forbids
  refused,            ///< the peer refused the path
  instance_mismatch,  ///< another instance answered
  auth,               ///< a proof did not verify
  bye,                ///< the peer left by itself: not a death
  detached,           ///< this side detached it
  timed_out,          ///< the dial or the handshake took too long
  explicit_command,   ///< migrate or select
  quality,            ///< another path was better
  returned,           ///< the primary is good again
  network_changed,    ///< the operating system reported a change
  replaced,           ///< a fresh dial of the same leaf proved itself first
  local_close,        ///< this side closed the link
};

/// What protects the records of a path from whoever is on the way.
enum class path_guard : std::uint8_t {
  none,       ///< no connection
  plaintext,  ///< nothing: a checksum against accidents
  carrier,    ///< the connection is secured itself; a checksum against accidents
  chacha20_poly1305,
  aes_128_gcm,
};

/// The spelling used in events, logs and reports, e.g. "suspect".
std::string_view to_string(path_phase phase) noexcept;
std::string_view to_string(cause why) noexcept;
std::string_view to_string(path_guard guard) noexcept;

enum class link_side : std::uint8_t { dialer, acceptor };

/// One death, suspicion or migration of a path, as it was when it happened.
struct path_record_status {
  duration age{0};  ///< how long ago, at the moment of the snapshot
  path_phase from{};
  path_phase to{};
  cause why{};
  std::string detail;  ///< one sentence; holds errno's text when the system failed
};

/// One leaf of a link. Byte counters run since the link began and survive redials.
struct path_status {
  std::string name;
  engine::spec_id spec = 0;
  engine::carrier_id carrier{};  ///< 0: it has no connection
  std::uint64_t path = 0;        ///< the number of the path on the wire, equal on both sides
  path_phase phase{};
  path_guard guard{};
  bool carries_data = false;  ///< some root sends new flow data on it now
  duration srtt{0};           ///< 0: not measured yet
  duration rttvar{0};
  duration min_rtt{0};
  std::uint64_t rate = 0;        ///< measured delivery rate of what this end sends, bytes/s
  std::uint64_t peer_rate = 0;   ///< that of what the peer sends, by its own word; 0: unknown
  std::uint64_t in_flight = 0;   ///< bytes sent and not acknowledged by the peer engine
  std::uint64_t sent_bytes = 0;  ///< everything, overhead included
  std::uint64_t received_bytes = 0;
  std::uint64_t payload_sent = 0;  ///< flow data only
  std::uint64_t payload_received = 0;
  std::uint64_t duplicate_received = 0;  ///< flow bytes that had already arrived
  std::uint64_t extra_sent = 0;          ///< flow bytes sent again (rescue, suspicion, requeue)
  std::uint64_t deaths = 0;
  std::uint64_t suspicions = 0;
  std::uint64_t dials = 0;
  duration last_heard_age = duration::max();  ///< `duration::max()`: never heard
  std::string local;                          ///< "192.0.2.7:41830"; empty without a connection
  std::string remote;
  std::vector<path_record_status> history;  ///< newest last, at most 16
};

/// One flow of a link. In bytes of a packet flow each packet counts 32 more than it has.
struct flow_status {
  engine::flow_ref flow{};
  flow_id id{};
  flow_kind kind{};
  bool incoming = false;
  bool accepted = false;           ///< the application that did not open it said yes
  std::string root;                ///< empty: the link's default root
  std::uint64_t written = 0;       ///< bytes the application gave
  std::uint64_t acknowledged = 0;  ///< contiguous bytes the peer has
  std::uint64_t discarded = 0;     ///< bytes that were given up, behind those: never delivered
  std::uint64_t received = 0;      ///< contiguous bytes that arrived
  std::uint64_t read = 0;          ///< bytes the application took
  std::uint64_t send_credit = 0;   ///< the peer's limit
  std::uint64_t duplicates = 0;
  // Of a packet flow. Nothing else is ever dropped: what is full refuses, and waits.
  std::uint64_t packets_sent = 0;       ///< that the application gave
  std::uint64_t packets_given_up = 0;   ///< of them lost with a path and too old to be sent again
  std::uint64_t packets_received = 0;   ///< that arrived for the first time
  std::uint64_t packets_discarded = 0;  ///< that came again, or after they were given up
  errc read_error{};           ///< what ended reading, or will when all was read; EOF is none
  errc write_error{};          ///< what ended writing; `shutdown` is none
  std::uint64_t app_code = 0;  ///< of the peer's rejection or reset, else of its stop
  std::string detail;          ///< of what ended it
};

/// What one selector chose, and why.
struct selection_status {
  std::string root;  ///< empty: the default root
  std::string node;
  std::string child;
  std::string reason;
  std::string evidence;     ///< what its last move rested on, as in `events::migration`
  bool overridden = false;  ///< by `link::select` or `link::migrate`
};

/// One link at one moment: its peer, its paths, its flows and counters.
struct link_status {
  engine::link_ref link{};
  link_id id{};
  link_side side{};
  bool up = false;  ///< it has had its first path and its keys
  instance_id peer{};
  std::string root;                          ///< graph text of the default root
  std::map<std::string, std::string> roots;  ///< graph texts of the others, by name
  duration grace_left = duration::max();     ///< `max()`: a path lives, or the grace is for ever
  bool peer_stalled = false;  ///< the peer's kernel acknowledges, its process does not
  std::vector<path_status> paths;
  std::vector<flow_status> flows;
  std::vector<selection_status> selections;
  std::uint64_t migrations = 0;
  std::uint64_t flows_opened = 0;
  std::uint64_t flows_accepted = 0;
};

/// The links of one loop, or of all loops of a runtime, and what their engine counts.
struct endpoint_status {
  instance_id instance{};
  std::vector<link_status> links;
  std::size_t handshakes = 0;  ///< connections that have not proved anything yet
  std::uint64_t handshakes_evicted = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t events_dropped = 0;  ///< observer events lost to a full queue
  std::size_t budget = 0;            ///< bytes of buffers that flows may hold
  std::size_t budget_used = 0;
  std::size_t slab_bytes = 0;  ///< bytes of buffers in use; 0 when every link is over
  /// Bytes of free buffers that are kept for the next use; what was not needed for some seconds
  /// goes back to the system.
  std::size_t slab_kept = 0;

  /// Takes in what another loop of the same runtime counts, and its links.
  void add(endpoint_status&& other);
};

/// A snapshot of one runtime: counters of all its loops added up, links of all loops in one list.
struct runtime_status : endpoint_status {
  /// What this build can do, the features of `rendr --version`, and what was checked on this
  /// machine: `network_watch`.
  std::vector<std::string> capabilities;
  std::size_t loops = 0;
  std::size_t flows_waiting = 0;  ///< flows that came to the listener and nobody took yet
  std::uint64_t observer_exceptions = 0;
  /// Changes of this machine's addresses, devices and routes that were seen.
  std::uint64_t network_changes = 0;
  /// Why they are not watched; no code: they are, or `runtime_options::watch_network` is off.
  failure network_watch;
};

}  // namespace rendr
