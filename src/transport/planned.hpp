// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace rendr::transport {

/// Schemes that the project means to have, in the order in which they are told. One that is
/// registered is told as such, whether it stands here or not.
inline constexpr std::array<std::string_view, 7> planned_schemes{
    "tls", "quic", "udp", "gvisor", "socks5", "http-connect", "xray"};

}  // namespace rendr::transport
