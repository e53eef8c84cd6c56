// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/language.hpp"

#include <compare>
#include <cstdint>
#include <functional>

/// What the engine calls its things: numbers of one loop of one process, never used again. They
/// stand in snapshots, for logs and for rendr itself; of no use to name anything by.
namespace rendr::engine {

/// A link inside one endpoint.
enum class link_ref : std::uint32_t {};

/// A carrier inside one endpoint: an attached or attaching path, or an accepted connection whose
/// link is not known yet.
enum class carrier_id : std::uint64_t {};

/// A path spec of a link: its position in `link_config::paths`, stable for the life of the link.
using spec_id = std::uint32_t;

/// A flow of a link. `number` is the flow number of the wire: low bit 0 = opened by the dialer of
/// the link.
struct flow_ref {
  link_ref link{};
  std::uint64_t number = 0;
  friend auto operator<=>(const flow_ref&, const flow_ref&) = default;
};

}  // namespace rendr::engine

template <>
struct std::hash<rendr::engine::carrier_id> {
  std::size_t operator()(rendr::engine::carrier_id id) const noexcept {
    return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(id));
  }
};
template <>
struct std::hash<rendr::engine::link_ref> {
  std::size_t operator()(rendr::engine::link_ref id) const noexcept {
    return std::hash<std::uint32_t>{}(static_cast<std::uint32_t>(id));
  }
};
