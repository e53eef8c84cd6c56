// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/link/rooms.hpp"
#include "engine/path/liveness.hpp"

namespace rendr::engine {

/// What happens to a path and asks nothing of routes, rescues and dials: its transitions with their
/// record, its close, the questions that it is asked. It holds no state of its own.
class path_keeper {
 public:
  explicit path_keeper(rooms& of) noexcept : r_(of) {}

  /// The newest attached path of a leaf takes its new data, a suspect one if there is no other.
  void choose_current(spec_id leaf);

  // --- transitions
  void move(instant now, path& p, path_event event, cause why, std::string detail);
  /// What `p.life` answered is put on record, and observers are told.
  void tell(instant now, path& p, phase_change change, cause why, std::string detail);
  /// Orders the close of a path that has ended.
  void close(path& p);
  /// A path that this end left is empty, and said so to the peer.
  void end_drained(instant now, path& p);

  // --- signs of life
  void lives(instant now, path& p);
  /// Each path that carries and has nothing to be acknowledged is asked for an answer: when all are
  /// silent, the peer may have stopped.
  void ask_for_life();
  /// True: the carrier was asked, and its answer is to be judged.
  bool take(instant now, path& p, const carrier_evidence& e);
  /// What arrived of a transfer that fell silent is told on another path too: when this one went
  /// dark, the sender then knows at once where to go on, and fills no survivor with what arrived.
  void tell_quiet(path& p);
  /// The loop was late, not the network.
  void hold_deadlines(instant now, duration lateness);

  // --- questions
  liveness_facts known_of(instant now, const path& p) const;
  /// Nothing is open any more, and nothing ended in silence: a machine that sleeps closes no path.
  bool all_closed() const noexcept;

 private:
  rooms& r_;
};

}  // namespace rendr::engine
