// SPDX-License-Identifier: Apache-2.0
#include "runtime/mirror.hpp"

namespace rendr::detail {

namespace {

path_status mirror(const engine::path_snapshot& from, instant now) {
  path_status to;
  to.name = from.name;
  to.phase = static_cast<path_phase>(from.phase);
  to.guard = static_cast<path_guard>(from.guard);
  to.carries_data = from.carries_data;
  to.srtt = from.srtt;
  to.rttvar = from.rttvar;
  to.min_rtt = from.min_rtt;
  to.rate = from.rate;
  to.peer_rate = from.peer_rate;
  to.in_flight = from.in_flight;
  to.sent_bytes = from.sent_bytes;
  to.received_bytes = from.received_bytes;
  to.payload_sent = from.payload_sent;
  to.payload_received = from.payload_received;
  to.duplicate_received = from.duplicate_received;
  to.extra_sent = from.extra_sent;
  to.deaths = from.deaths;
  to.suspicions = from.suspicions;
  to.dials = from.dials;
  to.last_heard_age = from.last_heard_age;
  to.local = from.local;
  to.remote = from.remote;
  for (const auto& record : from.history)
    to.history.push_back({now - record.when, static_cast<path_phase>(record.from),
                          static_cast<path_phase>(record.to), static_cast<cause>(record.why),
                          record.detail});
  return to;
}

}  // namespace

flow_status mirror(const engine::flow_snapshot& from) {
  flow_status to;
  to.id = from.id;
  to.kind = static_cast<flow_kind>(from.kind);
  to.incoming = from.incoming;
  to.accepted = from.accepted;
  to.root = from.root;
  to.written = from.written;
  to.acknowledged = from.acknowledged;
  to.discarded = from.discarded;
  to.received = from.received;
  to.read = from.read;
  to.send_credit = from.send_credit;
  to.duplicates = from.duplicates;
  to.packets_sent = from.packets.sent;
  to.packets_given_up = from.packets.given_up;
  to.packets_received = from.packets.received;
  to.packets_discarded = from.packets.duplicates;
  return to;
}

link_status mirror(const engine::link_snapshot& from, instant now) {
  link_status to;
  to.id = from.id;
  to.side = from.side == engine::role::dialer ? link_side::dialer : link_side::acceptor;
  to.up = from.up;
  to.peer = from.peer;
  to.root = from.root;
  for (const auto& other : from.roots) to.roots[other.name] = other.graph;
  to.grace_left = from.grace_left;
  to.peer_stalled = from.peer_stalled;
  for (const auto& path : from.paths) to.paths.push_back(mirror(path, now));
  for (const auto& flow : from.flows) to.flows.push_back(mirror(flow));
  for (const auto& one : from.selections)
    to.selections.push_back(
        {one.root, one.node, one.child, one.reason, one.evidence, one.overridden});
  to.migrations = from.migrations;
  to.flows_opened = from.flows_opened;
  to.flows_accepted = from.flows_accepted;
  return to;
}

void add(runtime_status& to, const engine::endpoint_snapshot& from, instant now) {
  to.instance = from.instance;
  for (const auto& link : from.links) to.links.push_back(mirror(link, now));
  to.handshakes += from.handshakes;
  to.handshakes_evicted += from.handshakes_evicted;
  to.handshakes_failed += from.handshakes_failed;
  to.events_dropped += from.events_dropped;
  to.budget += from.budget;
  to.budget_used += from.budget_used;
  to.slab_bytes += from.slab_bytes;
  to.slab_kept += from.slab_kept;
}

}  // namespace rendr::detail
