// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/path/path.hpp"
#include "rendr/carrier.hpp"

namespace rendr::engine {

// --- deadlines: how long the silence of a path is nothing

/// What a record may take until its acknowledgement, without its own queue.
duration suspect_wait(const path& p) noexcept;
/// How long even a silent carrier is given: what this path has shown to need without any load of
/// ours, and half of its spread more. Two late packets of a thousand must not move every flow.
duration patience(const path& p) noexcept;
/// When the acknowledgement of `record` is overdue.
instant record_deadline(const path& p, const sent_record& record) noexcept;
/// When that of the oldest record is. A carrier that takes no more bytes has a deadline too when
/// everything that it took was acknowledged on other paths: nothing else would ever question it.
instant deadline_of(const path& p) noexcept;
/// How long a suspect path is silent before it is dead.
duration death_after(const path& p) noexcept;
/// How often an idle suspect path is asked.
duration suspect_ping(const path& p) noexcept;
/// The peer's own transfer arrives here: its acknowledgements wait in the window and the queue that
/// it fills, and its kernel's for the next packet that it may send.
bool filled_by_peer(const path& p, instant now) noexcept;
/// When a path must be looked at again, for whatever reason.
instant next_look(const path& p) noexcept;

// --- the judgement

/// What is known of a path when its silence is judged.
struct liveness_facts {
  /// A record of it that waits for its acknowledgement.
  struct waiting_record {
    instant sent_at{};
    std::uint64_t wire_end = 0;  ///< carrier position behind its last byte
  };

  path_phase phase = path_phase::standby;
  std::optional<carrier_evidence> evidence;  ///< nullopt: its carrier can say nothing
  std::optional<waiting_record> oldest;
  bool blocked = false;   ///< its carrier did not take all that was offered
  bool any_data = false;  ///< some record under way carries bytes of a flow
  bool filled_by_peer = false;
  duration round_trip{0};  ///< smoothed
  duration wait{0};        ///< `suspect_wait`
  duration patience{0};
  duration death_after{0};
  instant deadline = never;         ///< `deadline_of`
  instant wrote_at{};               ///< the carrier was last offered bytes, or took some
  instant last_heard{};             ///< anything arrived
  instant gap_at = instant::min();  ///< the peer began to repair a loss
  instant delivered_since = never;  ///< the far kernel has the oldest record, the peer is silent
  instant silent_since{};           ///< of a suspect path: nothing showed life since
  instant others_life = instant::min();  ///< the newest evidence of life on another living path
  instant last_death = instant::min();   ///< of any path of the link
};

enum class finding : std::uint8_t {
  fine,    ///< nothing is overdue
  queued,  ///< what is overdue waits in our own kernel: its deadline is put off
  late,
  suspect,
  silent,  ///< a suspect path goes on being one: who may live is asked
  dead,
};

/// What the silence of a path means.
struct verdict {
  finding what = finding::fine;
  cause why = cause::none;
  std::string_view detail;
  instant look_again_at = never;
  instant delivered_since = never;  ///< takes the place of the fact of this name
  bool first_hop = false;           ///< what the carrier says counts no more: it is not the peer's
  bool stalled = false;             ///< the peer's machine lives, and the peer does nothing
};

/// A deadline opens a question, the carrier answers it. Pure.
verdict judge(const liveness_facts& facts, instant now) noexcept;

/// The facts that the path itself has. `evidence`, `others_life`, `last_death` and, of a suspect
/// path, what the link heard again (`silent_since`) are to be added.
liveness_facts liveness_of(const path& p, instant now) noexcept;

}  // namespace rendr::engine
