// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// Carries out what flows say must happen elsewhere: paths are woken, credit is granted, the
/// application is told.
class flow_care {
 public:
  explicit flow_care(rooms& of) noexcept : r_(of) {}

  void apply(instant now, flow& f, const flow_effects& then);
  /// It has control frames to send.
  void owe(flow& f);
  /// What was written and the peer's credit covers is placed.
  void offer(flow& f);
  /// Its application read something.
  void consumed(instant now, flow& f);
  void grow_window(instant now, flow& f);
  /// How much its application may write ahead.
  send_room room_of(const flow& f) const noexcept;
  void tell_ready(flow& f);
  void tell_done(flow& f);
  /// Tells once that nothing more will be exchanged and all was read, and forgets the flow when the
  /// application has too.
  void settle(flow& f);

 private:
  void placed(flow& f);

  rooms& r_;
};

}  // namespace rendr::engine
