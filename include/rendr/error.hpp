// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/language.hpp"

#include <string>
#include <string_view>
#include <system_error>

namespace rendr {

/// Everything a rendr call can fail with. One `std::error_category` ("rendr") holds them all;
/// operating system failures keep their own `std::system_category` codes. The text of each code
/// says what to do next.
enum class errc {
  no_path = 1,  ///< no path came back before `no_path_grace` ran out; open the flow again later
  peer_lost,    ///< the peer proved that it no longer knows the link; dial a new link
  instance_mismatch,  ///< the path reached another instance than the rest of its link; that path
                      ///< alone ended
  aborted,            ///< the flow was reset by this side or by the peer
  rejected,           ///< the peer's application refused the flow
  refused,            ///< the peer refused the path or link without proof; that dial alone ended
  version_mismatch,   ///< no common wire version or a required feature is unknown; upgrade one side
  auth_failed,        ///< the peer's proof of its key did not verify
  protocol_violation,  ///< the peer sent something the wire format forbids; that path ended
  timed_out,           ///< the deadline of this call passed; nothing was lost, call again
  closed,              ///< the object was closed by this side
  message_too_large,   ///< a packet does not fit the path's message size; send a smaller one
  mode_mismatch,       ///< a stream call on a packet flow, or the reverse; or a carrier that cannot
                       ///< carry the flow
  unavailable,         ///< this machine lacks what was asked for; the detail names it
  permission_denied,   ///< the operating system or the configuration forbids it
  limit_reached,     ///< a bound of the runtime would be passed; free something or raise the bound
  invalid_argument,  ///< the call or the configuration is wrong; the detail names the field and the
                     ///< rule
};

/// The category of `errc`. Its address is the same for the life of the process.
const std::error_category& error_category() noexcept;

/// Makes `errc` convert to `std::error_code`.
std::error_code make_error_code(errc code) noexcept;

/// The stable name of a code, as the glossary and the C ABI spell it, e.g. "no_path".
std::string_view name(errc code) noexcept;

/// A code and a sentence about this one occurrence (the value, the rule, the place).
struct failure {
  std::error_code code = {};
  std::string detail = {};
};

}  // namespace rendr

template <>
struct std::is_error_code_enum<rendr::errc> : std::true_type {};
