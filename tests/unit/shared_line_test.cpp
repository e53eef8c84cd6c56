// SPDX-License-Identifier: Apache-2.0
#include "cli/shared_line.hpp"

#include <gtest/gtest.h>

#include "transport/route_device.hpp"

namespace rendr::cli {
namespace {

std::vector<path_spec> paths(const std::vector<std::string>& texts) {
  std::vector<path_spec> out;
  failure why;
  EXPECT_TRUE(parse_path_specs(texts, out, why)) << why.detail;
  return out;
}

TEST(SharedLine, PathsWithDevicesOfTheirOwnShareNone) {
  const auto given = paths({"a=tcp://h:1", "b=tcp://h:1"});
  EXPECT_TRUE(shared_lines({{"a", "eth0"}, {"b", "wwan0"}}, given, {}).empty());
  EXPECT_TRUE(shared_lines({{"a", "eth0"}}, given, {}).empty());
}

TEST(SharedLine, TheWarningNamesThePathsAndTheDeviceAndPinsThem) {
  const auto lines = shared_lines({{"a", "eth0"}, {"b", "eth0"}, {"c", "wlan0"}},
                                  paths({"a=tcp://h:1", "b=tcp://h:1", "c=tcp://h:1"}),
                                  {{"eth0", "192.0.2.7"}, {"wwan0", "10.0.0.2"}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0],
            "paths a and b leave by the same device, eth0: what cuts it cuts them all; pin them to "
            "devices of their own, as --path=a=tcp://h:1,device=eth0 "
            "--path=b=tcp://h:1,device=wwan0 (or by an address, as bind=10.0.0.2, where a rule "
            "sends it out by its device)");
}

TEST(SharedLine, WithoutAnotherDeviceThatIsSaid) {
  const auto lines = shared_lines({{"a", "eth0"}, {"b", "eth0"}},
                                  paths({"a=tcp://h:1", "b=tcp://h:2"}), {{"eth0", "192.0.2.7"}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("no other device with an address"), std::string::npos) << lines[0];
}

TEST(SharedLine, PathsOfOneFateAreKnownToShareIt) {
  EXPECT_TRUE(shared_lines({{"a", "eth0"}, {"b", "eth0"}},
                           paths({"a=tcp://h:1,fate=dsl", "b=tcp://h:2,fate=dsl"}), {})
                  .empty());
  EXPECT_EQ(shared_lines({{"a", "eth0"}, {"b", "eth0"}},
                         paths({"a=tcp://h:1,fate=dsl", "b=tcp://h:2,fate=lte"}), {})
                .size(),
            1u);
}

TEST(RouteDevice, IsWhatTheKernelWouldTake) {
  const auto loopback = asio::ip::make_address("127.0.0.1");
  EXPECT_EQ(transport::route_device(loopback, asio::ip::make_address("127.0.0.9")), "lo");
  EXPECT_EQ(transport::route_device(loopback, asio::ip::make_address("::1")), "");
}

}  // namespace
}  // namespace rendr::cli
