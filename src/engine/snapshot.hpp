// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engine/types.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// A death, suspicion or migration, as it was when it happened.
struct path_record {
  instant when{};
  path_phase from{};
  path_phase to{};
  cause why{};
  std::string detail;
};

struct path_snapshot {
  spec_id spec = 0;
  std::string name;
  carrier_id carrier{};    ///< 0: no carrier
  std::uint64_t path = 0;  ///< path id of the wire
  path_phase phase{};
  path_guard guard{};
  bool carries_data = false;  ///< some root sends new data on it now
  duration srtt{0};
  duration rttvar{0};
  duration min_rtt{0};
  std::uint64_t rate = 0;        ///< bytes/s, measured
  std::uint64_t peer_rate = 0;   ///< bytes/s, as the peer measured what it sends on it
  std::uint64_t in_flight = 0;   ///< bytes transmitted and not acknowledged by the peer engine
  std::uint64_t sent_bytes = 0;  ///< on this leaf since the link began, overhead included
  std::uint64_t received_bytes = 0;
  std::uint64_t payload_sent = 0;  ///< flow data only
  std::uint64_t payload_received = 0;
  std::uint64_t duplicate_received = 0;  ///< flow bytes that had already arrived
  std::uint64_t extra_sent = 0;          ///< flow bytes sent again (rescue, suspicion, requeue)
  std::uint64_t deaths = 0;
  std::uint64_t suspicions = 0;
  std::uint64_t dials = 0;
  duration last_heard_age = duration::max();
  std::string local;
  std::string remote;
  std::vector<path_record> history;  ///< newest last, at most 16
};

/// Of a packet flow. Nothing else is dropped: who is full refuses.
struct packet_counts {
  std::uint64_t sent = 0;        ///< packets that the application gave
  std::uint64_t given_up = 0;    ///< of them lost with a path and too old to be sent again
  std::uint64_t received = 0;    ///< packets that arrived for the first time
  std::uint64_t duplicates = 0;  ///< that came again, or too late, and were discarded
  friend bool operator==(const packet_counts&, const packet_counts&) = default;
};

/// Bytes of a packet flow are its sequence numbers: each packet has `wire::packet_extra` more.
struct flow_snapshot {
  flow_ref flow{};
  flow_id id{};
  wire::flow_kind kind{};
  bool incoming = false;
  bool accepted = false;
  std::string root;
  std::uint64_t written = 0;       ///< bytes the application gave
  std::uint64_t acknowledged = 0;  ///< contiguous bytes the peer has
  std::uint64_t discarded = 0;     ///< bytes that were given up, behind those: never delivered
  std::uint64_t received = 0;      ///< contiguous bytes that arrived
  std::uint64_t read = 0;          ///< bytes the application took
  std::uint64_t send_credit = 0;   ///< the peer's limit
  std::uint64_t duplicates = 0;
  packet_counts packets;
  errc read_error{};           ///< what ended reading, or will when all was read; EOF is none
  errc write_error{};          ///< what ended writing; `shutdown` is none
  std::uint64_t app_code = 0;  ///< of the peer's REJECT or RESET, else of its STOP
  std::string detail;          ///< of what ended it
};

struct selection_snapshot {
  std::string root;  ///< empty: the default root
  std::string node;
  std::string child;
  std::string reason;
  std::string evidence;  ///< what its last move rested on
  bool overridden = false;
};

struct root_snapshot {
  std::string name;
  std::string graph;  ///< its text
};

struct link_snapshot {
  link_ref link{};
  link_id id{};
  role side{};
  bool up = false;
  instance_id peer{};
  std::string root;                  ///< text of the default root
  std::vector<root_snapshot> roots;  ///< the other roots
  duration grace_left = duration::max();
  bool peer_stalled = false;
  std::vector<path_snapshot> paths;
  std::vector<flow_snapshot> flows;
  std::vector<selection_snapshot> selections;
  std::uint64_t migrations = 0;
  std::uint64_t flows_opened = 0;
  std::uint64_t flows_accepted = 0;
};

struct endpoint_snapshot {
  instance_id instance{};
  std::vector<link_snapshot> links;
  std::size_t handshakes = 0;
  std::uint64_t handshakes_evicted = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t events_dropped = 0;
  std::size_t budget = 0;
  std::size_t budget_used = 0;
  std::size_t slab_bytes = 0;
  std::size_t slab_kept = 0;
};

}  // namespace rendr::engine
