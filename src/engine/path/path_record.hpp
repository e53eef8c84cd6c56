// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rendr/status.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// A death, suspicion or migration, as it was when it happened: what `path_record_status` says with
/// its age.
struct path_record {
  instant when{};
  path_phase from{};
  path_phase to{};
  cause why{};
  std::string detail;
};

}  // namespace rendr::engine
