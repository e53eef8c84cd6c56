// SPDX-License-Identifier: Apache-2.0
// By which device a path leaves: what the kernel's rules say, not who has the address.
#include "transport/route_device.hpp"

#include <gtest/gtest.h>

#include "support/netns.hpp"

namespace rendr::test {
namespace {

std::string device_from(ipv4 local) {
  return transport::route_device(asio::ip::make_address(text(local)),
                                 asio::ip::make_address("198.51.100.7"));
}

TEST(route_device, an_address_without_a_rule_for_it_leaves_by_the_default_route) {
  if (const auto why = netns::unavailable(); !why.empty()) GTEST_SKIP() << why;
  const netns here;
  constexpr ipv4 dsl{10, 4, 0, 1};
  constexpr ipv4 lte{10, 5, 0, 1};
  const auto first = here.tun("dsl0", dsl, {10, 4, 0, 2}, 1500);
  const auto second = here.tun("lte0", lte, {10, 5, 0, 2}, 1500);
  const netns::scope inside(here);
  EXPECT_EQ(device_from(dsl), "") << "no route yet";
  constexpr std::uint32_t main_table = 254;
  constexpr std::uint32_t lte_table = 100;
  here.add_default_route("dsl0", main_table);
  EXPECT_EQ(device_from(dsl), "dsl0");
  EXPECT_EQ(device_from(lte), "dsl0") << "bind= alone shares the line";
  here.add_default_route("lte0", lte_table);
  here.add_source_rule(lte, lte_table);
  EXPECT_EQ(device_from(lte), "lte0");
  EXPECT_EQ(device_from(dsl), "dsl0");
}

}  // namespace
}  // namespace rendr::test
