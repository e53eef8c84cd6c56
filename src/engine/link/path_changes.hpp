// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "engine/link/path_keeper.hpp"
#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// What a change of one path means for all rooms: it is attached, late, doubted, trusted again,
/// left, lost. The leaf chooses its path, then the graph its routes; what is missing is dialled,
/// and who may send is woken. Nothing here ends the link.
class path_changes {
 public:
  explicit path_changes(rooms& of) noexcept : r_(of), keeper_(of) {}

  // --- a path comes
  /// Acceptor: a proven carrier joins.
  path* join(instant now, std::unique_ptr<path> p);
  void establish(instant now, path& p);
  /// A fresh carrier of the leaf proved itself: an older one of the same leaf has lost its reason.
  /// The dialer numbers its paths in order, and the newest that arrived is the one that stays: what
  /// was given up long ago may arrive after what was dialled then.
  void replace_old(instant now, path& fresh);

  // --- it is judged
  void check(instant now, path& p);
  void evidence(instant now, path& p, const carrier_evidence& e);
  void doubt(instant now, path& p, std::string detail);
  void suspect(instant now, path& p, cause why, std::string detail);
  /// An acknowledgement of record `number` arrived on the path itself.
  void life(instant now, path& p, std::uint64_t number);
  /// Without a living path the link is dark.
  void check_dark(instant now);

  // --- it goes
  /// It takes nothing new from now on; it ends when what it carries was acknowledged.
  void drain(instant now, path& p, bool by_us, cause why, std::string detail);
  /// This end leaves it.
  void leave(instant now, path& p, std::string detail);
  /// It is down, by the word of the driver or by ours.
  void down(instant now, path& p, cause why, std::string detail);
  /// @param order the driver has not closed its carrier yet.
  void drop(instant now, path& p, cause why, std::string detail, bool order);

 private:
  void apply(instant now, path& p, const verdict& v);
  void look_at_silence(instant now, path& p);
  void ping(instant now, path& p);
  void become_late(instant now, path& p, instant check_at);
  void clear(instant now, path& p);
  void note_death(instant now, path& p, cause why, path_phase from);
  void wake_all();
  void route(instant now, cause why);

  rooms& r_;
  path_keeper keeper_;
};

}  // namespace rendr::engine
