// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/flow/flow_table.hpp"
#include "engine/path/rescuer.hpp"
#include "engine/route/router.hpp"

namespace rendr::engine {

/// The flows of a link, as `rescuer` asks for them.
class carried_flows final : public rescue_flows {
 public:
  carried_flows(const flow_table& flows, const router& routes) noexcept
      : flows_(flows), router_(routes) {}

  range_set lacking(std::uint64_t flow, range r) const override;
  std::uint64_t acknowledged(std::uint64_t flow) const override;
  range beginning(std::uint64_t flow, range r, std::uint64_t most) const override;
  bool goes_by(std::uint64_t flow, spec_id leaf) const override;

 private:
  const flow_table& flows_;
  const router& router_;
};

}  // namespace rendr::engine
