// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace rendr::relay {

/// How a target is told whose connection it is, before the first byte of it: not at all, or by a
/// header of the PROXY protocol, in text or binary (HAProxy, doc/proxy-protocol.txt, 2.1 and 2.2).
enum class proxy_protocol : std::uint8_t { off, v1, v2 };

/// Both ends of a client's connection, as the program sees them that accepted it.
struct origin {
  asio::ip::tcp::endpoint source;       ///< the client
  asio::ip::tcp::endpoint destination;  ///< what it connected to
  friend bool operator==(const origin&, const origin&) = default;
};

/// Those of an accepted socket, whose address on this side is `local`; none: it is not connected
/// any more. An IPv4 client of a socket that takes both families is an IPv4 client.
std::optional<origin> origin_of(const asio::ip::tcp::socket& accepted,
                                const asio::ip::tcp::endpoint& local);

/// Appends the item that carries `from` to the metadata of an OPEN; its type is the highest that is
/// known, so it comes last. Nothing is appended when the two are not of one family.
void append_origin(std::vector<std::byte>& metadata, const origin& from);

/// What the metadata say; none: nothing, or nothing that makes sense. It is the word of whoever
/// opened the flow.
std::optional<origin> find_origin(std::span<const std::byte> metadata);

/// The header; without an origin it says LOCAL (v2) or UNKNOWN (v1), and the target takes the
/// connection for the server's own. At most 107 bytes; empty for `off`.
std::vector<std::byte> proxy_header(proxy_protocol how, const std::optional<origin>& from);

}  // namespace rendr::relay
