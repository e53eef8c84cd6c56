// SPDX-License-Identifier: Apache-2.0
#include "engine/link/waker.hpp"

namespace rendr::engine {

void waker::control() {
  if (auto* p = r_.paths.for_control()) r_.shared.transmit.wake(p->carrier);
}

void waker::in_private() {
  for (const auto& p : r_.paths) {
    if (p->ready() && p->private_to_peer()) return r_.shared.transmit.wake(p->carrier);
  }
}

void waker::data() {
  for (const auto& p : r_.paths) {
    if (p->ready() && p->carries() && (r_.reaches(*p) || r_.was_left(*p)))
      r_.shared.transmit.wake(p->carrier);
  }
}

void waker::all() {
  for (const auto& p : r_.paths) {
    if (!p->life.ended()) r_.shared.transmit.wake(p->carrier);
  }
}

}  // namespace rendr::engine
