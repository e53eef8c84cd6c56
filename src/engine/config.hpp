// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/slab.hpp"
#include "policy/graph.hpp"
#include "rendr/carrier.hpp"
#include "rendr/credentials.hpp"
#include "rendr/defaults.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

using namespace std::chrono_literals;

/// Every default is here, with its reason; those that a program may set are in
/// `rendr/defaults.hpp`.
namespace defaults {

// Protection.
inline constexpr std::uint64_t records_per_key =
    std::uint64_t{1} << 22;  // half of what the cipher bears (`record_seal.hpp`)

// Liveness.
inline constexpr std::uint64_t quiet_burst =
    64 * 1024;  // after so much received, a silence is told of on another path
inline constexpr duration quiet_min = 10ms;  // silence that no gap between packets explains
inline constexpr duration initial_rtt =
    100ms;  // before the first sample: neither LAN nor satellite
inline constexpr duration deadline_floor = 10ms;  // schedulers of busy hosts are late by some ms
inline constexpr unsigned deadline_variations =
    4;  // rttvar in a deadline: fewer alarm falsely, more react later (docs/policies.md)
inline constexpr duration max_ack_delay =
    5ms;  // upper bound of what a receiver waits before PATH_ACK
inline constexpr duration evidence_slack =
    5ms;  // granularity of kernel timers (1 to 4 ms) and ours
inline constexpr duration repair_extra =
    250ms;  // a kernel that repairs a loss: its RTO is 200 ms at least
inline constexpr duration kernel_rto = 200ms;  // the least retransmission time-out of Linux
inline constexpr std::uint64_t initial_window = 10 * 1460;  // bytes (RFC 6928)
inline constexpr std::uint64_t few_packets = initial_window;
inline constexpr std::uint64_t very_few_packets = 4 * 1460;
inline constexpr std::uint64_t lone_packet = 1'200;    // bytes: one packet of the smallest MTU
inline constexpr std::uint64_t peer_burst = 8 * 1024;  // in a round trip: a transfer of the peer
inline constexpr duration quality_report = 1s;         // between two words to the peer
inline constexpr duration peer_filled = 500ms;         // it may rest for a ProbeRTT of bbr (200 ms)
inline constexpr duration delayed_ack = 40ms;  // the longest of Linux while data is exchanged
inline constexpr duration blind_extra_min =
    200ms;  // first_hop and none carriers: max(this, 2 sRTT) more
inline constexpr duration ping_in_use_min =
    200ms;                                       // idle ping of a path in use: clamp(5 sRTT, this,
inline constexpr duration ping_in_use_max = 5s;  //   this)
inline constexpr duration in_use_window = 10s;   // a path carried flow data so recently: "in use"
inline constexpr duration ping_standby = 15s;    // any other path: below the shortest NAT time-outs
inline constexpr duration quality_age = 32s;     // two pings of a standby and a round trip
inline constexpr duration flap_memory = 300s;    // a path that was good so long is steady again
inline constexpr duration quality_window = 60s;  // what a path's worst round trips are kept for
inline constexpr duration minimum_window = 30s;  // a least RTT is forgotten after two of them
inline constexpr unsigned quality_surprises = 3;  // samples in a row that are no accident
inline constexpr duration link_silence = 500ms;   // no path heard for so long: the peer was away
inline constexpr duration quality_look = 100ms;   // new samples are looked at together
inline constexpr std::size_t quality_burst = 16 * 1024;  // more at once fills a path by itself
inline constexpr int death_deadlines = 3;  // silent for so many suspect deadlines, and
inline constexpr duration death_min = 1s;  //   at least this,
inline constexpr duration death_max = 5s;  //   at most this (while another path shows life)
inline constexpr duration death_look = death_min / 4;   // so often a suspect path is looked at, and
inline constexpr duration life_lately = death_min / 2;  //   others must have shown life within this
inline constexpr duration death_spacing =
    30s;  // after a death the 5 s clamp does not apply so long
inline constexpr duration delivered_grace =
    50ms;  // kernel delivered, peer silent: 2 sRTT + delay + this

// Dialing.
inline constexpr duration redial_first = 100ms;  // after an immediate try
inline constexpr duration redial_max =
    1500ms;  // a path that returns is attached within 2 s (gate G5)
inline constexpr duration dark_redial =
    500ms;  // while no path lives: the kernel's SYN back-off is slow
inline constexpr duration redial_quick = 60s;  // so long what is away is asked as above, then up to
inline constexpr duration redial_slow = 30s;   //   so far apart,
inline constexpr duration redial_wanted = 5s;  //   and as above so long after an application asked
inline constexpr duration dial_beside = 1s;    // no answer within this, or 4 RTT: another one too
inline constexpr duration cold_wait = 2s;  // no other path came up within this: cold ones are asked
inline constexpr duration cold_rest = 60s;     // others were good for so long: they sleep again
inline constexpr duration dial_timeout = 10s;  // while another path lives
inline constexpr duration handshake_timeout = 10s;
inline constexpr duration missing_after =
    4s;  // a path that is not up for so long is told (a person waits 5 s)
inline constexpr duration token_wait =
    250ms;  // for a fresh token before an attach shows a used one
inline constexpr duration hello_race = 250ms;  // before a second carrier says HELLO too

// Extra bytes.
inline constexpr unsigned extra_percent = 5;   // rescue and suspicion copies, of what was sent in
inline constexpr duration extra_window = 10s;  //   this window; plus one BDP per path per window

// Life of links and flows.
using rendr::defaults::grace_closed;
using rendr::defaults::no_path_grace;
inline constexpr duration closed_wait = 2s;    // a living peer dials anew sooner than that
inline constexpr duration slot_wait = 60s;     // a dead link is seen dark within that
inline constexpr duration foreign_wait = 3s;   // several servers behind one address take turns:
inline constexpr unsigned foreign_proofs = 3;  //   the link's own one would have been met by then
using rendr::defaults::linger;

// Memory.
inline constexpr std::size_t budget = std::size_t{1} << 30;
inline constexpr std::uint64_t flow_reserve = 16 * 1024;
// Of a packet flow: with a quarter of it not told yet and all read, its largest packet still fits.
inline constexpr std::uint64_t packet_reserve = 128 * 1024;
inline constexpr std::uint64_t flow_window = 4u << 20;  // granted by demand from the free budget
inline constexpr std::uint64_t flow_window_max = 64u << 20;
using rendr::defaults::send_buffer;
inline constexpr std::size_t send_scarce = 128 * 1024;  //   while buffers exceed the budget

// Packet flows.
inline constexpr std::size_t packets_retained = 256;  // of what a path lost, the newest go again,
inline constexpr duration packet_retention = 250ms;   //   and all that are younger than this
inline constexpr duration packet_queue_time = 100ms;  // what drains later than this is refused,
inline constexpr std::size_t packet_queue_min = 256 * 1024;  //   but so much always fits

// Buffers.
inline constexpr std::size_t slabs_kept = std::size_t{16} << 20;  // free ones, at most
inline constexpr duration slab_rest = 5s;  // those that nobody needed so long go back to the system

// Counts.
inline constexpr std::size_t paths_per_link = 64;
inline constexpr std::size_t path_id_ranges = 256;  // of consumed ids: 4 KiB a link
using rendr::defaults::flows_per_link;
using rendr::defaults::handshakes;
using rendr::defaults::links;
inline constexpr std::size_t sources_at_once = 4;  // so many fill them at least
inline constexpr std::size_t event_queue = 256;    // observation only; overflow is counted

// Records.
inline constexpr std::size_t record_min = 1200;
inline constexpr std::size_t record_max = 60 * 1024;
inline constexpr duration record_time = 4ms;  // a record is what the path drains in this time
inline constexpr duration unsent_time = 8ms;  // TCP_NOTSENT_LOWAT: what it drains in this time
inline constexpr std::uint32_t unsent_min = 8 * 1024;
inline constexpr std::uint32_t unsent_max = 256 * 1024;

// Driver.
inline constexpr duration late_loop = 5ms;  // handle_timeout later than this: deadlines move

static_assert(ping_in_use_min < ping_in_use_max && ping_in_use_max < ping_standby);
static_assert(death_min < death_max && death_max < no_path_grace);
static_assert(redial_first < redial_max && redial_max < redial_slow);
static_assert(dial_beside < handshake_timeout && dial_beside < dial_timeout);
static_assert(flow_reserve < flow_window && flow_window <= flow_window_max);
static_assert(packet_reserve * 3 / 4 >= wire::max_packet + wire::packet_extra);
static_assert(packet_queue_min >= wire::max_packet + wire::packet_extra);
static_assert(send_scarce >= wire::max_packet + wire::packet_extra);
static_assert(record_min < record_max && unsent_min < unsent_max);

}  // namespace defaults

/// One leaf as the engine sees it: no address, only what the policies and the liveness need.
struct path_config {
  std::string name;
  bool cold = false;                      ///< dialled only when the graph needs it
  std::optional<evidence_kind> evidence;  ///< overrides what the carrier declares
  double weight = 1.0;
  std::uint32_t cost = 0;  ///< how dear a byte is, 0 to 1000
  std::string fate;        ///< paths with the same one share a hop: one failure takes them all
  bool plaintext = false;  ///< its records are not sealed; those of a secured carrier never are
};

/// Clipped to what a graph may say.
inline std::uint32_t weight_of(const path_config& path) noexcept {
  return static_cast<std::uint32_t>(std::clamp(path.weight, 1.0, double{policy::max_weight}));
}

struct link_config {
  std::vector<path_config> paths;  ///< dialer only; order gives the spec ids
  std::string root;                ///< graph text; empty: a selector over all paths in order
  duration no_path_grace = defaults::no_path_grace;  ///< `duration::max()`: for ever
  /// What is left of it at most once every path ended by FIN or RST; `duration::max()`: all of it.
  duration grace_closed = defaults::grace_closed;
  duration linger = defaults::linger;
  duration dial_deadline = duration::max();  ///< a link that is not up by then fails with `no_path`
  rendr::credentials credentials;            ///< dialer only (`check_dialer`)
};

struct endpoint_config {
  instance_id instance{};
  std::array<std::byte, 32> secret_seed{};  ///< seed of the DRBG for keys, nonces and fresh values
  std::uint64_t jitter_seed = 1;            ///< seed of what need not be secret (redial jitter)
  std::array<std::byte, 32> reset_key{};    ///< persistent key of the link reset tokens
  byte_array<16> server{};  ///< persistent too, and of this server alone (`token_mint`)
  std::uint8_t loop = 0;    ///< goes into the routing tokens that this endpoint hands out
  unsigned loops = 1;       ///< of this server
  std::optional<byte_array<16>> slot;  ///< of a dialer: of this process alone, while it lives
  bool accept_links = false;           ///< false: a HELLO is refused
  link_config accepted;            ///< grace and linger of accepted links (paths and root unused)
  credentials accept_credentials;  ///< what dialers must prove (`check_acceptor`)
  std::uint64_t features = 0;      ///< optional feature bits that hellos offer
  std::uint64_t records_per_key = defaults::records_per_key;
  unsigned deadline_variations = defaults::deadline_variations;
  std::size_t budget = defaults::budget;
  slab_source slabs = slab_heap();  ///< where the memory of buffers comes from
  std::size_t send_buffer = defaults::send_buffer;
  std::size_t flows_per_link = defaults::flows_per_link;
  std::size_t links = defaults::links;  ///< accepted ones; a quarter of them from one source
  std::size_t handshakes = defaults::handshakes;
  std::size_t event_queue = defaults::event_queue;
};

}  // namespace rendr::engine
