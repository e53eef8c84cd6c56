// SPDX-License-Identifier: Apache-2.0
// A dial may cost a path of the same leaf its place: that is the link's to carry out.
#include "engine/link/dialing.hpp"
#include "engine/link/link.hpp"

namespace rendr::engine {

path* link::dialed(instant now, std::uint64_t attempt, const carrier_traits& traits) {
  return dialing(rooms_).connected(now, attempt, traits);
}

void link::dial_failed(instant now, std::uint64_t attempt, std::error_code code,
                       std::string_view detail) {
  dialing(rooms_).failed(now, attempt, code, detail);
}

void link::dial(instant now, spec_id leaf) {
  const auto room = dialing(rooms_).room_for(now, leaf);
  if (room.gives_way != nullptr)
    changes().drop(now, *room.gives_way, cause::replaced, "no answer: dialled anew", true);
  if (room.free && !down()) dialing(rooms_).dial(now, leaf);
}

void link::dial_due(instant now) {
  if (side_ != role::dialer) return;
  dialing(rooms_).look_at_all(now);
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    if (dialing(rooms_).is_due(now, leaf)) dial(now, leaf);
  }
}

void link::network_changed(instant now) {
  redial_.network_changed(now);
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    if (dialing(rooms_).ask_anew(now, leaf)) dial(now, leaf);
  }
  path_keeper(rooms_).ask_for_life();
}

}  // namespace rendr::engine
