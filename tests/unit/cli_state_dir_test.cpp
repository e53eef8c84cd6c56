// SPDX-License-Identifier: Apache-2.0
#include "cli/state_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace rendr::cli {
namespace {

namespace fs = std::filesystem;

class cli_state_dir : public testing::Test {
 protected:
  cli_state_dir() {
    auto pattern = (fs::temp_directory_path() / "rendr-state-XXXXXX").string();
    base = ::mkdtemp(pattern.data());
  }
  ~cli_state_dir() override { fs::remove_all(base); }

  static mode_t mode_of(const fs::path& path) {
    struct stat about {};
    EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 0777U;
  }

  fs::path base;
};

TEST_F(cli_state_dir, makes_a_private_directory_and_a_private_key) {
  const auto dir = base / "a" / "b";
  const auto key = load_reset_key(dir.string());
  ASSERT_TRUE(key) << key.error().detail;
  EXPECT_EQ(mode_of(dir), 0700u);
  EXPECT_EQ(mode_of(dir / "reset.key"), 0600u);
  EXPECT_NE(*key, reset_key{});
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1)
      << "nothing else is left behind";
}

TEST_F(cli_state_dir, gives_the_same_key_at_every_start_and_another_one_elsewhere) {
  const auto first = load_reset_key((base / "one").string());
  EXPECT_EQ(*load_reset_key((base / "one").string()), *first);
  EXPECT_NE(*load_reset_key((base / "two").string()), *first);
}

TEST_F(cli_state_dir, refuses_what_others_can_read) {
  ASSERT_TRUE(load_reset_key(base.string()));
  fs::permissions(base / "reset.key", fs::perms::group_read, fs::perm_options::add);
  auto refused = load_reset_key(base.string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::permission_denied);
  EXPECT_NE(refused.error().detail.find("chmod 600"), std::string::npos);

  fs::permissions(base / "reset.key", fs::perms::group_read, fs::perm_options::remove);
  fs::permissions(base, fs::perms::others_exec, fs::perm_options::add);
  refused = load_reset_key(base.string());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("chmod 700"), std::string::npos);
}

TEST_F(cli_state_dir, refuses_a_key_of_the_wrong_length) {
  std::ofstream(base / "reset.key") << "short";
  fs::permissions(base / "reset.key", fs::perms::owner_read | fs::perms::owner_write);
  const auto refused = load_reset_key(base.string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_argument);
}

TEST_F(cli_state_dir, names_what_stands_in_the_way) {
  std::ofstream(base / "file") << "x";
  const auto refused = load_reset_key((base / "file" / "state").string());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("file"), std::string::npos);
}

}  // namespace
}  // namespace rendr::cli
