// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace rendr::wire {

/// What the metadata of an OPEN may say. The engine does not look inside; the program that takes
/// the flow does. A program may put bytes of its own there instead, if both of its ends agree.
enum class metadata_type : std::uint64_t {
  target = 0x02,       ///< the name of what the flow is for, e.g. "ssh"
  query = 0x03,        ///< nothing is to be carried: is there such a target? A REJECT answers
  l3_identity = 0x04,  ///< reserved: addresses, ports and protocol of a captured flow
  origin = 0x05,       ///< both ends of the connection that the flow carries; may be ignored
};

/// Appends one item to `out`. Items come in ascending order of type, each type once.
void append_metadata(bytes& out, metadata_type type, bytes_view value);

/// The value of `type` among the items of `metadata`, a view into it; nullopt: there is none.
/// errc::protocol_violation: these are not items, they are out of order, or one is of an even type
/// that this version does not know. The caller rejects the flow then; the path is not to blame.
result<std::optional<bytes_view>> find_metadata(bytes_view metadata, metadata_type type) noexcept;

}  // namespace rendr::wire
