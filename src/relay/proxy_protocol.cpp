// SPDX-License-Identifier: Apache-2.0
#include "relay/proxy_protocol.hpp"

#include <string>
#include <string_view>

#include "wire/metadata.hpp"

namespace rendr::relay {

namespace {

using asio::ip::tcp;
using octets = std::vector<std::byte>;

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::byte version_local{0x20};
constexpr std::byte version_proxy{0x21};
constexpr std::byte tcp_over_ipv4{0x11};
constexpr std::byte tcp_over_ipv6{0x21};
constexpr std::byte family_v4{4};
constexpr std::byte family_v6{6};
constexpr std::size_t longest_origin = 1 + 2 * (16 + 2);

void append(octets& out, std::string_view text) {
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

void append(octets& out, std::uint16_t number) {
  out.push_back(static_cast<std::byte>(number >> 8));
  out.push_back(static_cast<std::byte>(number & 0xffU));
}

void append(octets& out, const asio::ip::address& address) {
  const auto all = [&out](const auto& raw) {
    const auto bytes = std::as_bytes(std::span(raw));
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  if (address.is_v4()) return all(address.to_v4().to_bytes());
  all(address.to_v6().to_bytes());
}

/// Addresses and ports in the order of the second version of the protocol.
void append_ends(octets& out, const origin& from) {
  append(out, from.source.address());
  append(out, from.destination.address());
  append(out, from.source.port());
  append(out, from.destination.port());
}

bool one_family(const origin& from) {
  return from.source.address().is_v4() == from.destination.address().is_v4();
}

tcp::endpoint plain(const tcp::endpoint& from) {
  const auto address = from.address();
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return from;
  return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), from.port()};
}

template <class Address>
Address address_at(std::span<const std::byte> raw) {
  typename Address::bytes_type bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::to_integer<unsigned char>(raw[i]);
  return Address(bytes);
}

std::uint16_t number_at(std::span<const std::byte> raw) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(raw[0]) << 8 |
                                    std::to_integer<unsigned>(raw[1]));
}

template <class Address>
std::optional<origin> read_ends(std::span<const std::byte> raw) {
  constexpr auto size = sizeof(typename Address::bytes_type);
  if (raw.size() != 2 * size + 4) return std::nullopt;
  return origin{{address_at<Address>(raw), number_at(raw.subspan(2 * size))},
                {address_at<Address>(raw.subspan(size)), number_at(raw.subspan(2 * size + 2))}};
}

}  // namespace

std::optional<origin> origin_of(const tcp::socket& accepted, const tcp::endpoint& local) {
  std::error_code code;
  const auto source = accepted.remote_endpoint(code);
  if (code) return std::nullopt;
  return origin{plain(source), plain(local)};
}

void append_origin(octets& metadata, const origin& from) {
  if (!one_family(from)) return;
  octets value;
  value.reserve(longest_origin);
  value.push_back(from.source.address().is_v4() ? family_v4 : family_v6);
  append_ends(value, from);
  metadata.reserve(metadata.size() + value.size() + 2);
  wire::append_metadata(metadata, wire::metadata_type::origin, value);
}

std::optional<origin> find_origin(std::span<const std::byte> metadata) {
  const auto item = wire::find_metadata(metadata, wire::metadata_type::origin);
  if (!item || !*item || (*item)->empty()) return std::nullopt;
  const auto family = (*item)->front();
  const auto ends = (*item)->subspan(1);
  if (family == family_v4) return read_ends<asio::ip::address_v4>(ends);
  if (family == family_v6) return read_ends<asio::ip::address_v6>(ends);
  return std::nullopt;
}

octets proxy_header(proxy_protocol how, const std::optional<origin>& from) {
  octets out;
  const bool known = from && one_family(*from);
  const bool v4 = known && from->source.address().is_v4();
  if (how == proxy_protocol::v1) {
    append(out, "PROXY ");
    if (known) {
      append(out, v4 ? "TCP4 " : "TCP6 ");
      const auto text = [](const tcp::endpoint& one) {
        if (one.address().is_v4()) return one.address().to_string();
        return asio::ip::address_v6(one.address().to_v6().to_bytes()).to_string();  // no scope
      };
      append(out, text(from->source) + " " + text(from->destination) + " " +
                      std::to_string(from->source.port()) + " " +
                      std::to_string(from->destination.port()));
    } else {
      append(out, "UNKNOWN");
    }
    append(out, "\r\n");
  } else if (how == proxy_protocol::v2) {
    append(out, signature);
    out.push_back(known ? version_proxy : version_local);
    out.push_back(!known ? std::byte{0} : v4 ? tcp_over_ipv4 : tcp_over_ipv6);
    append(out, static_cast<std::uint16_t>(!known ? 0 : v4 ? 12 : 36));
    if (known) append_ends(out, *from);
  }
  return out;
}

}  // namespace rendr::relay
