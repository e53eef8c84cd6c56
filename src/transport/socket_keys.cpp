// SPDX-License-Identifier: Apache-2.0
#include "transport/socket_keys.hpp"

#include <string>
#include <string_view>

#include "base/text.hpp"
#include "transport/host_words.hpp"

namespace rendr::transport {

namespace {

constexpr std::size_t max_cc = 15;  // TCP_CA_NAME_MAX is 16 with its terminator

std::string read_bind(std::string_view value, path_spec& to) {
  if (!is_ipv4(value) && !is_ipv6(value))
    return "an IP address of this machine, without port or brackets";
  to.bind = value;
  return {};
}

std::string read_device(std::string_view value, path_spec& to) {
  if (!is_device(value)) return "a network device, such as eth0, of at most 15 characters";
  to.device = value;
  return {};
}

std::string read_mark(std::string_view value, path_spec& to) {
  const auto mark = parse_number(value, 1, 0xffff'ffff);
  if (!mark) return "a whole number from 1 to 4294967295";
  to.mark = static_cast<std::uint32_t>(*mark);
  return {};
}

std::string read_cc(std::string_view value, path_spec& to) {
  if (!is_word(value, max_cc, "-_")) return "a congestion control, such as bbr or cubic";
  to.cc = value;
  return {};
}

}  // namespace

std::vector<path_key> socket_keys() {
  return {
      {"bind", read_bind, [](const path_spec& from) { return from.bind; }},
      {"device", read_device, [](const path_spec& from) { return from.device; }},
      {"mark", read_mark,
       [](const path_spec& from) { return from.mark ? std::to_string(*from.mark) : ""; }},
      {"cc", read_cc, [](const path_spec& from) { return from.cc; }},
  };
}

std::optional<path_form::misfit> check_families(const path_spec& path) {
  if (path.bind.empty()) return std::nullopt;
  const bool bind_6 = path.bind.find(':') != path.bind.npos;
  const bool host_6 = path.host.find(':') != path.host.npos;
  if (bind_6 == host_6 || (!host_6 && !is_ipv4(path.host))) return std::nullopt;
  return path_form::misfit{"bind", path.bind,
                           "of another IP version than host " + quoted(path.host)};
}

}  // namespace rendr::transport
