// SPDX-License-Identifier: Apache-2.0
#include "cli/held_id.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace rendr::cli {
namespace {

class cli_held_id : public testing::Test {
 protected:
  cli_held_id() {
    auto name = (std::filesystem::temp_directory_path() / "held_id.XXXXXX").string();
    dir_ = ::mkdtemp(name.data());
  }
  ~cli_held_id() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(cli_held_id, is_the_same_for_whoever_comes_after_its_holder) {
  const auto path = dir_ + "/server.id";
  auto first = hold_id(path);
  ASSERT_TRUE(first);
  const auto id = first->id;
  EXPECT_NE(id, decltype(id){});
  first->lock.reset();
  const auto second = hold_id(path);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, id);
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(cli_held_id, is_one_process_s_at_a_time) {
  const auto first = hold_id(dir_ + "/server.id");
  ASSERT_TRUE(first);
  const auto second = hold_id(dir_ + "/server.id");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::unavailable);
  EXPECT_NE(second.error().detail.find("held by another process"), std::string::npos);
}

TEST_F(cli_held_id, is_made_anew_in_a_file_that_holds_something_else) {
  const auto path = dir_ + "/slot-0";
  std::ofstream(path) << "half";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  auto held = hold_id(path);
  ASSERT_TRUE(held);
  EXPECT_EQ(std::filesystem::file_size(path), held->id.size());
}

TEST_F(cli_held_id, is_not_taken_from_a_file_that_others_can_read_or_that_is_a_link) {
  const auto path = dir_ + "/server.id";
  ASSERT_TRUE(hold_id(path));
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  const auto open = hold_id(path);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, errc::permission_denied);
  ASSERT_EQ(::symlink(path.c_str(), (dir_ + "/link").c_str()), 0);
  EXPECT_FALSE(hold_id(dir_ + "/link"));
}

TEST_F(cli_held_id, of_a_slot_is_the_first_that_nobody_holds) {
  const auto dir = dir_ + "/deep/state";
  auto a = hold_slot(dir);
  auto b = hold_slot(dir);
  const auto c = hold_slot(dir);
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ((std::set{a->id, b->id, c->id}).size(), 3u);
  const auto of_b = b->id;
  b.reset();
  const auto again = hold_slot(dir);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, of_b);
}

TEST_F(cli_held_id, of_a_slot_that_cannot_be_kept_is_none) {
  std::ofstream(dir_ + "/file") << "x";
  EXPECT_FALSE(hold_slot(dir_ + "/file"));
  EXPECT_FALSE(hold_slot(""));
}

TEST_F(cli_held_id, of_a_client_without_a_key_is_none) {
  dial_options options;
  options.state_dir = dir_;
  credentials keys;
  EXPECT_FALSE(slot_for(options, keys));
  keys.psk.emplace();
  EXPECT_TRUE(slot_for(options, keys));
}

}  // namespace
}  // namespace rendr::cli
