// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// Leaves that are dialled, and that come and go by command. A dial may cost an older try of its
/// leaf its place.
class leaf_changes {
 public:
  explicit leaf_changes(rooms& in) noexcept : in_(in) {}

  result<spec_id, failure> attach(instant now, const path_config& config);
  std::optional<failure> detach(instant now, std::string_view name);
  /// What is due by now is dialled.
  void dial_due(instant now);
  void network_changed(instant now);
  /// A cold path rests again when the others were good for a while.
  void let_rest(instant now);

 private:
  void dial(instant now, spec_id leaf);

  rooms& in_;
};

}  // namespace rendr::engine
