// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/config.hpp"
#include "engine/door/handshake.hpp"
#include "engine/path/ack_tracker.hpp"
#include "engine/path/life.hpp"
#include "engine/path/path_copies.hpp"
#include "engine/path/quality.hpp"
#include "engine/record/inbound.hpp"
#include "engine/record/outbound.hpp"
#include "engine/record/record_seal.hpp"
#include "engine/record/sent_log.hpp"
#include "engine/types.hpp"
#include "rendr/carrier.hpp"

namespace rendr::engine {

/// One carrier of a link, from its connection to its end.
struct path {
  carrier_id carrier{};
  spec_id leaf = 0;
  std::uint64_t id = 0;
  carrier_traits traits;
  evidence_kind evidence = evidence_kind::none;
  path_life life;

  // Handshake.
  instant attach_until = never;
  instant beside_at = never;    ///< dialer: unanswered until then, it has another dial beside it
  instant token_until = never;  ///< dialer: its attach waits for a fresh token until then
  std::optional<dialer_attach> attaching;
  std::unique_ptr<const link_question> question;
  std::optional<acceptor_attach> challenged;
  secret<32> reset;                   ///< dialer: by it the acceptor proves that it forgot the link
  std::uint64_t handshakes_sent = 0;  ///< their record numbers; frames go on from there
  bytes handshake_out;  ///< prologue and handshake records to be written before anything else
  bool prologue_read = false;
  bool proven = false;  ///< a record of frames arrived: the peer took the path

  // Records.
  wire::guard guarded = wire::guard::sealed;
  std::optional<record_sealer> sealer;  ///< when it is sealed, from its proof on
  std::optional<record_opener> opener;
  inbound in;
  outbound out;
  ack_tracker acks;
  sent_log sent;
  std::uint64_t next_expected = 0;
  rtt_estimator rtt;
  rate_estimator rate;
  quality_estimator quality;
  std::uint64_t heard_bytes = 0;          ///< that arrived on it
  std::uint64_t heard_mark = 0;           ///< as many had arrived when its round trip began
  instant heard_since{};                  ///< when that was
  instant filled_until = instant::min();  ///< a transfer of the peer fills it till then at least
  wire::path_quality by_peer;             ///< what the peer measured for what it sends on it
  instant report_at = instant::min();     ///< the peer is told what we measured, from then on
  std::uint64_t load_number = 0;  ///< records before it belong to a burst or a transfer of ours
  std::vector<std::uint64_t> pongs;
  path_copies copies;
  bool app_limited = false;  ///< the newest batch ended because nothing more waited

  // Liveness.
  instant attached_at{};
  instant last_life{};       ///< the newest evidence of life that arrived on it
  instant last_heard{};      ///< anything arrived
  instant last_eliciting{};  ///< we last sent what asks for an acknowledgement
  instant wrote_at{};        ///< the carrier last took bytes, or was offered first ones
  instant last_flow_data = instant::min();   ///< it last carried flow data, either way
  std::optional<std::uint64_t> cold_number;  ///< first record with data after an idle time
  std::uint64_t cold_delivered = 0;          ///< as many bytes had been acknowledged then
  instant hold_until = instant::min();       ///< no deadline counts before that (late loop)
  instant check_at = never;                  ///< next look at a path that is late
  std::uint64_t life_number = 0;    ///< one behind the newest record known here to have arrived
  instant delivered_since = never;  ///< the kernel delivered the oldest record, the peer is silent
  std::uint64_t on_wire = 0;    ///< carrier position that the newest evidence saw put on the wire
  std::uint64_t gaps_seen = 0;  ///< packets behind a gap, by the newest evidence
  instant gap_at = instant::min();  ///< when that last grew: the peer repairs a loss
  bool evidence_asked = false;
  bool recovering = false;  ///< by the newest evidence
  bool want_ping = false;
  bool ack_elsewhere = false;  ///< its acknowledgements must also go by the best path
  std::uint64_t burst = 0;     ///< bytes that arrived since its receipt was last told elsewhere
  instant quiet_at = never;    ///< nothing more of a burst by then: its receipt is told elsewhere
  instant retry_at = never;    ///< a bond declined it until then
  bool was_reset = false;      ///< the driver reported its end, and that it was an RST

  /// What went first after an idle time is not acknowledged yet: the kernel's window begins anew.
  bool starting() const noexcept { return cold_number && life_number <= *cold_number; }
  /// How far the kernel's window is open at least, if nothing was lost since that idle time: ten
  /// packets, and what was acknowledged (RFC 6928, RFC 5681 section 3.1).
  std::uint64_t window() const noexcept {
    return defaults::initial_window + rate.delivered() - cold_delivered;
  }
  /// A kernel forgets the window of a connection that stood idle for its retransmission time-out
  /// (RFC 5681 section 4.1, RFC 2861): until an acknowledgement tells, the path drains like a new
  /// one.
  bool cold(instant now) const noexcept {
    if (starting() || rate.rate() == 0) return true;
    const auto idle = std::max<duration>(rtt.smoothed() + rtt.slack(), defaults::kernel_rto);
    return last_flow_data == instant::min() || now - last_flow_data > idle;
  }
  path_terms terms() const noexcept { return {leaf, guarded}; }
  /// Its handshake is done: its records are guarded from here on, as its terms say.
  /// @param records_per_key after how many our own key turns.
  void protect(const path_keys& keys, role side, crypto::aead cipher,
               std::uint64_t records_per_key);
  /// Nobody on the way reads its records.
  bool private_to_peer() const noexcept {
    return guarded == wire::guard::sealed || traits.secured || traits.loopback;
  }
  path_guard guard_kind(crypto::aead cipher) const noexcept;
  record_sealer* sealing() noexcept { return sealer ? &*sealer : nullptr; }
  record_opener* opening() noexcept { return opener ? &*opener : nullptr; }
  /// What waits of the handshake becomes the batch to be written.
  void write_handshake(slab_pool& pool);
  bool ready() const noexcept { return life.attached(); }
  bool carries() const noexcept { return life.carries(); }
  bool in_use(instant now) const noexcept {
    return last_flow_data != instant::min() && now - last_flow_data <= defaults::in_use_window;
  }
};

}  // namespace rendr::engine
