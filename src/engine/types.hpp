// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace rendr::engine {

/// A link inside one endpoint. Never reused.
enum class link_ref : std::uint32_t {};

/// A carrier inside one endpoint: an attached or attaching path, or an accepted connection whose
/// link is not known yet. Never reused.
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

enum class path_phase : std::uint8_t {
  idle,
  dialing,
  attaching,
  standby,
  active,
  late,
  suspect,
  draining,
  dead,
};

/// Why a path left, was doubted, or lost its flows.
enum class cause : std::uint8_t {
  none,
  carrier_error,      ///< the transport reported an error
  carrier_eof,        ///< the transport ended without BYE
  silence,            ///< nothing was acknowledged in time and the carrier had no evidence either
  one_way,            ///< the peer told that it does not hear from us
  first_hop_only,     ///< the carrier acknowledged what the peer never got
  protocol,           ///< the peer sent what the format forbids
  refused,            ///< the peer refused the attach
  instance_mismatch,  ///< another instance answered
  auth,               ///< a proof did not verify
  bye,                ///< the peer left by itself: not a death
  detached,           ///< this side detached it
  timed_out,          ///< the handshake or dial took too long
  explicit_command,   ///< migrate or select
  quality,            ///< another path was better
  returned,           ///< the primary is good again
  network_changed,    ///< the operating system reported a change
  replaced,           ///< a fresh dial of the same leaf proved itself first
  local_close,        ///< the link was closed by this side
};

/// What protects the records of a path from whoever is on the way.
enum class path_guard : std::uint8_t {
  none,       ///< no carrier
  plaintext,  ///< nothing: a checksum against accidents
  carrier,    ///< the carrier is secured itself; a checksum against accidents
  chacha20_poly1305,
  aes_128_gcm,
};

std::string_view to_string(path_phase phase) noexcept;
std::string_view to_string(cause why) noexcept;
std::string_view to_string(path_guard guard) noexcept;

enum class role : std::uint8_t { dialer, acceptor };

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
