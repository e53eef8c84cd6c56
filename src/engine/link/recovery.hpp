// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// What a path is late with, or loses, goes by other paths: copies of bytes that `rescuer` decides,
/// ranges that are placed again, control that is owed again. It keeps the account of what
/// receivers wait for under a bond.
class recovery {
 public:
  explicit recovery(rooms& of) noexcept : r_(of) {}

  // --- copies
  /// When to look again at what is overdue.
  instant overdue(instant now, path& p);
  void suspected(instant now, path& p);
  void copy_more(instant now, path& p);

  // --- what is lost
  /// The path ended.
  void lost(path& p);
  /// The record that carried it may never arrive: it is owed again, as it is now.
  void ask_again(const sent_control& c);

  // --- bonds
  /// Some bytes of `f` were acknowledged: the bond's child is charged the time in which the
  /// receiver waited for the lowest missing byte.
  void account_waiting(instant now, flow& f);
  /// The guard of each bond: never slower than its best child.
  void guard_bonds(instant now);

 private:
  rescue_facts facts(instant now, const path& p) const;
  void carry_out(const rescuer::outcome& copies);
  void lose_ranges(const sent_record& record);
  void fill_hole(instant now, flow& f);

  rooms& r_;
};

}  // namespace rendr::engine
