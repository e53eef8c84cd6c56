// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// Asks the driver to write on the paths that may have something to send.
class waker {
 public:
  explicit waker(rooms& of) noexcept : r_(of) {}

  /// The path on which control goes.
  void control();
  /// One on which nobody reads what is private to the peer.
  void in_private();
  /// Those that take data.
  void data();
  void all();

 private:
  rooms& r_;
};

}  // namespace rendr::engine
