// SPDX-License-Identifier: Apache-2.0
#include "rendr/path_form.hpp"

#include <utility>

#include "base/text.hpp"
#include "transport/host_words.hpp"

namespace rendr {

namespace {

using mistake = std::optional<text_mistake>;

mistake wrong(std::size_t offset, std::string_view field, std::string_view value,
              std::string_view rule) {
  return text_mistake{offset, std::string(field) + ' ' + quoted(value) + ": " + std::string(rule)};
}

mistake check_host(std::size_t offset, std::string_view host) {
  if (host.empty()) return text_mistake{offset, "host is missing: write host:port"};
  if (transport::only_digits_and_dots(host)) {
    if (!transport::is_ipv4(host)) return wrong(offset, "host", host, "not an IPv4 address");
  } else if (!transport::is_host_name(host)) {
    return wrong(offset, "host", host, "a name, an IPv4 address, or an IPv6 address in brackets");
  }
  return std::nullopt;
}

/// Sets `colon` to where the port's colon is, npos: nowhere.
mistake read_host(std::string_view text, path_spec& to, std::size_t& colon) {
  colon = text.rfind(':');
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return wrong(0, "host", text, "the \"]\" is missing");
    to.host = text.substr(1, close - 1);
    if (!transport::is_ipv6(to.host)) {
      if (auto bad = check_host(1, to.host)) return bad;
    }
    colon = close + 1 < text.size() ? close + 1 : text.npos;
    if (colon != text.npos && text[colon] != ':')
      return wrong(colon, "host", text, "after \"]\" comes a colon and the port");
    return std::nullopt;
  }
  if (text.find(':') != colon)
    return wrong(0, "host", text.substr(0, colon),
                 "an IPv6 address stands in brackets, such as [::1]:7000");
  to.host = text.substr(0, colon);
  return check_host(0, to.host);
}

}  // namespace

path_form::path_form(std::string scheme, std::vector<path_key> keys)
    : scheme_(std::move(scheme)), keys_(std::move(keys)) {}
path_form::~path_form() = default;

std::string path_form::example() const { return scheme_ + "://host:7000"; }

std::optional<text_mistake> path_form::read_address(std::string_view text, path_spec& to) const {
  std::size_t colon = 0;
  if (auto bad = read_host(text, to, colon)) return bad;
  if (colon == text.npos || colon + 1 == text.size())
    return text_mistake{text.size(), "port is missing: write host:port"};
  const auto port = parse_number(text.substr(colon + 1), 1, 65535);
  if (!port)
    return wrong(colon + 1, "port", text.substr(colon + 1), "a whole number from 1 to 65535");
  to.port = static_cast<std::uint16_t>(*port);
  return std::nullopt;
}

std::string path_form::write_address(const path_spec& from) const {
  const bool brackets = from.host.find(':') != from.host.npos;
  return (brackets ? '[' + from.host + ']' : from.host) + ':' + std::to_string(from.port);
}

std::optional<path_form::misfit> path_form::check(const path_spec& /*path*/) const {
  return std::nullopt;
}

}  // namespace rendr
