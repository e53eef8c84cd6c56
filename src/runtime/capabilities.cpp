// SPDX-License-Identifier: Apache-2.0
#include "runtime/capabilities.hpp"

#include <array>
#include <string_view>

#include "policy/graph_words.hpp"
#include "transport/planned.hpp"

namespace rendr::detail {

namespace {

constexpr std::array<std::string_view, 3> policies{"selector", "race", "bond"};
constexpr std::array<std::string_view, 3> planned{"tun", "l3_identity", "tcp_repair"};

}  // namespace

std::vector<capability> capabilities() { return capabilities(transport::registry::of_process()); }

std::vector<capability> capabilities(const transport::registry& schemes) {
  std::vector<capability> all{{"rendr", true}};
  for (const auto& one : schemes.all()) all.push_back({one->form().scheme(), !one->probe().code});
  for (const auto name : transport::planned_schemes) {
    if (!schemes.find(name)) all.push_back({std::string(name), false});
  }
  for (const auto name : policies) {
    all.push_back({std::string(name), policy::kind_named(name).has_value()});
  }
  all.push_back({"sealed", true});
  all.push_back({"packet_mode", true});  // link::open_packet
  for (const auto name : planned) all.push_back({std::string(name), false});
  return all;
}

}  // namespace rendr::detail
