// SPDX-License-Identifier: Apache-2.0
#include "cli/option_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "cli/nearest.hpp"

namespace rendr::cli {

namespace {

constexpr std::string_view address_rule =
    "an address is host:port, an IPv6 host in brackets, as 127.0.0.1:22, [::1]:22 or db.local:5432";

bool is_alnum(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

std::string to_string(const host_port& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

result<host_port, std::string> parse_host_port(std::string_view text, bool port_zero) {
  host_port address;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos)
      return "the bracket is not closed: " + std::string(address_rule);
    address.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!rest.starts_with(':')) return "the port is missing: " + std::string(address_rule);
    rest.remove_prefix(1);
  } else {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
      return "the port is missing: " + std::string(address_rule);
    }
    if (text.find("://") != std::string_view::npos) {
      return "it has no scheme here: " + std::string(address_rule);
    }
    if (text.find(':') != colon) {
      return "an IPv6 host needs brackets: " + std::string(address_rule);
    }
    address.host = text.substr(0, colon);
    rest = text.substr(colon + 1);
  }
  if (address.host.empty()) return "the host is missing: " + std::string(address_rule);
  if (address.host.find_first_of("/@ \t,") != std::string::npos) {
    return "\"" + address.host + "\" is no host: " + std::string(address_rule);
  }
  unsigned port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (rest.empty() || error != std::errc() || end != rest.data() + rest.size() || port > 65535 ||
      (port == 0 && !port_zero)) {
    return "\"" + std::string(rest) + "\" is no port: a port is a number from " +
           (port_zero ? "0 (any free one)" : "1") + " to 65535";
  }
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

bool valid_target_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 64 && is_alnum(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; });
}

result<named_target, std::string> parse_target(std::string_view text) {
  named_target target;
  if (const auto comma = text.find(','); comma != std::string_view::npos) {
    const auto key = text.substr(comma + 1);
    text = text.substr(0, comma);
    if (key == "proxy-protocol=v2") {
      target.proxy = relay::proxy_protocol::v2;
    } else if (key == "proxy-protocol=v1") {
      target.proxy = relay::proxy_protocol::v1;
    } else {
      return "\"" + std::string(key) +
             "\" is no key of a target: it has one, proxy-protocol=v1 or proxy-protocol=v2";
    }
  }
  if (const auto equals = text.find('='); equals != std::string_view::npos) {
    target.name = text.substr(0, equals);
    text.remove_prefix(equals + 1);
    if (!valid_target_name(target.name)) {
      return "\"" + target.name +
             "\" is no name: a name is 1 to 64 letters, digits, _ - or ., the first a letter or a "
             "digit";
    }
  }
  auto address = parse_host_port(text, false);
  if (!address) return address.error();
  target.address = std::move(*address);
  return target;
}

result<cut, std::string> parse_cut(std::string_view text) {
  static constexpr std::string_view rule =
      "a cut is AT:KIND[:PATH[:DURATION]] with AT = 30% or 5s and KIND = kill, silent or migrate, "
      "as 50%:silent or 3s:kill:fiber:5s";
  const auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 4) return std::string(rule);
  cut result;
  if (parts[0].ends_with('%')) {
    const auto number = parts[0].substr(0, parts[0].size() - 1);
    unsigned percent = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), percent);
    if (error != std::errc() || end != number.data() + number.size() || percent > 99) {
      return "\"" + std::string(parts[0]) + "\" is no moment: it is 0% to 99% or a time";
    }
    result.percent = percent;
  } else {
    const auto after = parse_duration(parts[0]);
    if (!after || *after == duration::max()) {
      return "\"" + std::string(parts[0]) + "\" is no moment: it is 0% to 99% or a time, as 5s";
    }
    result.after = *after;
  }
  static const std::array<std::string, 3> kinds{"kill", "silent", "migrate"};
  const auto kind = std::find(kinds.begin(), kinds.end(), parts[1]);
  if (kind == kinds.end()) {
    return "\"" + std::string(parts[1]) + "\" is no kind of cut" + did_you_mean(parts[1], kinds) +
           ": it is kill, silent or migrate";
  }
  result.kind = static_cast<cut_kind>(kind - kinds.begin());
  if (result.kind == cut_kind::kill) result.length = std::chrono::milliseconds(500);
  if (parts.size() > 2) result.path = parts[2];
  if (parts.size() > 3) {
    const auto length = parse_duration(parts[3]);
    if (!length) return length.error().sentence;
    result.length = *length;
  }
  return result;
}

result<relay::keepalive, std::string> parse_keepalive(std::string_view text) {
  static const std::string rule =
      "it is off or IDLE[,INTERVAL,COUNT], as 60s or 60s,10s,6: whole seconds from 1s to 32767s, "
      "and 1 to 127 probes";
  relay::keepalive result;
  if (text == "off") {
    result.on = false;
    return result;
  }
  const auto parts = split(text, ',');
  if (parts.size() != 1 && parts.size() != 3) return rule;
  const auto seconds = [](std::string_view part) -> std::optional<std::chrono::seconds> {
    const auto value = parse_duration(part);
    if (!value || *value == duration::max()) return std::nullopt;
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*value);
    const bool fits = whole == *value && whole.count() >= 1 && whole.count() <= 32767;
    return fits ? std::optional(whole) : std::nullopt;
  };
  result.idle = seconds(parts[0]);
  if (!result.idle) return rule;
  if (parts.size() == 1) return result;
  result.interval = seconds(parts[1]);
  unsigned count = 0;
  const auto last = parts[2].data() + parts[2].size();
  const auto [end, error] = std::from_chars(parts[2].data(), last, count);
  if (!result.interval || error != std::errc() || end != last || count < 1 || count > 127) {
    return rule;
  }
  result.count = static_cast<std::uint8_t>(count);
  return result;
}

}  // namespace rendr::cli
