// SPDX-License-Identifier: Apache-2.0
#include "runtime/machine_limits.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

namespace rendr::detail {
namespace {

namespace fs = std::filesystem;

constexpr auto none = std::numeric_limits<std::uint64_t>::max();

struct machine_limits : testing::Test {
  machine_limits() {
    auto pattern = (fs::temp_directory_path() / "rendr-cgroup-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
  }
  ~machine_limits() override { fs::remove_all(root); }
  void put(const std::string& file, const std::string& text) const {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << text;
  }
  std::uint64_t limit(const std::string& membership) const {
    return cgroup_memory_limit(membership, root.string());
  }

  fs::path root;
};

TEST_F(machine_limits, no_cgroup_is_no_limit) {
  EXPECT_EQ(limit(""), none);
  EXPECT_EQ(limit("0::/user.slice\n"), none);
  EXPECT_EQ(limit("nonsense\n12:memory\n:::\n0::relative\n"), none);
}

TEST_F(machine_limits, the_lowest_on_the_way_to_the_root_holds) {
  put("a/b/memory.max", "max\n");
  put("a/memory.max", "268435456\n");
  put("memory.max", "1073741824\n");
  EXPECT_EQ(limit("0::/a/b\n"), 268435456u);
  put("a/b/memory.high", "134217728\n");
  EXPECT_EQ(limit("0::/a/b\n"), 134217728u);
  EXPECT_EQ(limit("0::/\n"), 1073741824u);
}

TEST_F(machine_limits, in_a_container_the_own_group_is_the_root_whatever_it_is_called) {
  put("memory.max", "67108864");
  EXPECT_EQ(limit("0::/docker/0123456789abcdef\n"), 67108864u);
}

TEST_F(machine_limits, version_1_is_read_where_it_has_the_memory) {
  put("memory/docker/x/memory.limit_in_bytes", "33554432\n");
  put("memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("memory.max", "1\n");
  const std::string lines = "11:cpu,cpuacct:/docker/x\n5:memory:/docker/x\n3:memory_other:/\n";
  EXPECT_EQ(limit(lines), 33554432u);
}

TEST_F(machine_limits, what_is_not_a_number_is_no_limit) {
  put("memory.max", "many\n");
  EXPECT_EQ(limit("0::/\n"), none);
  put("memory.max", "99999999999999999999999\n");
  EXPECT_EQ(limit("0::/\n"), none);
}

TEST(machine_limits_here, the_budget_is_a_quarter_of_what_there_is_unless_one_is_given) {
  const auto budget = fitted({}).budget;
  EXPECT_EQ(budget, std::max<std::uint64_t>(memory_of_process() / 4, 8u << 20));
  runtime_options given;
  given.budget = 5u << 20;
  EXPECT_EQ(fitted(given).budget, 5u << 20);
}

TEST(machine_limits_here, strangers_have_an_eighth_of_the_descriptors_at_most) {
  runtime_options given;
  given.handshakes = descriptor_limit();
  EXPECT_EQ(fitted(given).handshakes, descriptor_limit() / 8);
  given.handshakes = 3;
  EXPECT_EQ(fitted(given).handshakes, 3u);
}

}  // namespace
}  // namespace rendr::detail
