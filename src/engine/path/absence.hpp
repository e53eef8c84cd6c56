// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "engine/config.hpp"
#include "engine/types.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// Why a leaf has no path though it is dialled, and what observers were told of that.
class absence {
 public:
  /// What observers are told.
  struct word {
    duration after{};      ///< it is missing for so long
    bool lasting = false;  ///< waiting mends nothing
    std::string reason;
  };

  /// The leaf is dialled while it has no path: the first time counts.
  void begin(instant now) noexcept;
  bool counts() const noexcept { return since_ != never; }
  /// A try of it ended.
  void note(const std::error_code& code, std::string_view reason);
  /// What is to be told now, if it is missing still. A reason is told once, and a few of them.
  std::optional<word> tell(instant now);
  /// When it is told for the first time; later it is told when the reason changes.
  instant tells_at() const noexcept {
    return told_.empty() && since_ != never ? since_ + defaults::missing_after : never;
  }

 private:
  instant since_ = never;
  bool lasting_ = false;
  std::string reason_;
  std::vector<std::string> told_;
};

/// The error that stands for the end of a carrier before it was a path.
std::error_code code_of(cause why) noexcept;

/// Why a carrier that was dialled ended before it was a path; empty: this end did not want it.
std::string vain_reason(cause why, std::string_view detail);

}  // namespace rendr::engine
