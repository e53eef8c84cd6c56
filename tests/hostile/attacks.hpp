// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "hostile/stage.hpp"

namespace rendr::hostile {

/// One attack and what must come of it; the expectations are its own (gtest).
struct attack {
  const char* name;  ///< a sentence
  void (*mount)(stage&);
};

/// Attacks of somebody who has no key of the honest link.
std::span<const attack> attacks_of_strangers();
/// Attacks of a peer who made a link in order and then breaks the rules on it.
std::span<const attack> attacks_of_peers();

}  // namespace rendr::hostile
