// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// What is left to do for a frame when the rooms have taken it.
struct frame_effect {
  enum class kind : std::uint8_t {
    nothing,
    violation,  ///< it contradicts what is known of its path or flow
    life,       ///< the peer has record `number` of path `about`
    unheard,    ///< the peer hears nothing on `about`
    given_up,   ///< the peer gave `about` up
    draining,   ///< the peer is leaving `about`
    left,       ///< the peer left the path on which this came
    closed,     ///< so it did, and is done with the link
  };
  kind what = kind::nothing;
  path* about = nullptr;
  std::uint64_t number = 0;
  bool ack = false;    ///< of `life`: the frame was a PATH_ACK, which `finish` ends
  bool fresh = false;  ///<   that acknowledged something for the first time
};

/// What comes in: frames into rooms, acknowledgements into evidence.
class receiver {
 public:
  explicit receiver(rooms& of) noexcept : in_(of) {}

  /// n bytes arrived.
  void count(instant now, path& p, std::size_t n);
  /// A record of frames begins. Why it must not; empty: it may.
  static std::string_view begin(path& p, const wire::record_view& record);
  frame_effect take(instant now, path& p, const wire::frame& f);
  /// After `life` was carried out.
  void finish(instant now, const frame_effect& life);
  /// All frames of the record were taken.
  void end(instant now, path& p, const wire::record_view& record, bool eliciting);
  /// Nothing more waits in the carrier: what is to be acknowledged is acknowledged now.
  void drained(instant now, path& p);

 private:
  frame_effect on(instant now, path& p, const wire::ping& f);
  frame_effect on(instant now, path& p, const wire::pong& f);
  frame_effect on(instant now, path& p, const wire::bye& f);
  frame_effect on(instant now, path& p, const wire::path_ack& f);
  frame_effect on(instant now, path& p, const wire::path_state& f);
  frame_effect on(instant now, path& p, const wire::path_quality& f);
  frame_effect on(instant now, path& p, const wire::new_token& f);
  frame_effect on(instant now, path& p, const wire::retire_token& f);
  frame_effect on(instant now, path& p, const wire::link_slot& f);
  frame_effect on(instant now, path& p, const wire::goaway& f);
  frame_effect on(instant now, path& p, const wire::graph& f);
  frame_effect on(instant now, path& p, const wire::select& f);
  frame_effect on(instant now, path& p, const wire::open& f);
  frame_effect on(instant now, path& p, const wire::max_data& f);
  template <class Frame>
  frame_effect to_flow(instant now, const Frame& frame);
  template <class Frame>
  frame_effect payload_to_flow(instant now, path& p, const Frame& frame);
  void acknowledge(instant now, sent_record& record);
  void finish_ack(instant now, path& about, bool fresh);
  void tell_elsewhere(path& p);
  void sample(instant now, path& p, duration round_trip);

  rooms& in_;
};

}  // namespace rendr::engine
