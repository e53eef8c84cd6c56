// SPDX-License-Identifier: Apache-2.0
#include "runtime/capabilities.hpp"

#include <array>
#include <string_view>

#include "policy/graph_words.hpp"
#include "rendr/path_spec.hpp"

namespace rendr::detail {

namespace {

constexpr std::array<std::string_view, 8> transports{"tcp",    "tls",    "quic",         "udp",
                                                     "gvisor", "socks5", "http-connect", "xray"};
constexpr std::array<std::string_view, 3> policies{"selector", "race", "bond"};
constexpr std::array<std::string_view, 3> planned{"tun", "l3_identity", "tcp_repair"};

bool has_transport(std::string_view scheme) {
  path_spec parsed;
  failure why;
  return parse_path_spec(std::string(scheme) + "://host:1", parsed, why);
}

}  // namespace

std::vector<capability> capabilities() {
  std::vector<capability> all{{"rendr", true}};
  for (const auto name : transports) all.push_back({std::string(name), has_transport(name)});
  all.push_back({"fd", true});  // one_connection, add_transport
  for (const auto name : policies) {
    all.push_back({std::string(name), policy::kind_named(name).has_value()});
  }
  all.push_back({"sealed", true});
  all.push_back({"packet_mode", true});  // link::open_packet
  for (const auto name : planned) all.push_back({std::string(name), false});
  return all;
}

}  // namespace rendr::detail
