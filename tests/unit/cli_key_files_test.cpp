// SPDX-License-Identifier: Apache-2.0
#include "cli/key_files.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "cli/private_file.hpp"
#include "cli/state_dir.hpp"
#include "support/hex.hpp"

namespace rendr::cli {
namespace {

namespace fs = std::filesystem;
using test::filled;

class cli_key_files : public testing::Test {
 protected:
  cli_key_files() {
    auto pattern = (fs::temp_directory_path() / "rendr-keys-XXXXXX").string();
    base = ::mkdtemp(pattern.data());
  }
  ~cli_key_files() override { fs::remove_all(base); }

  /// A file of mode 0600.
  std::string file(const std::string& text) {
    auto path = (base / ("f" + std::to_string(++files))).string();
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path;
  }
  static std::string secret(key_kind kind) {
    std::string text;
    secret_text(kind, secret_key(filled<32>(0xa7)), text);
    return text;
  }
  failure psk_refused(const std::string& path) {
    key_options from;
    from.psk_file = path;
    const auto got = load_credentials(from);
    EXPECT_FALSE(got) << path;
    return got ? failure() : got.error();
  }

  fs::path base;
  int files = 0;
};

TEST_F(cli_key_files, nothing_named_is_nothing_loaded) {
  const auto got = load_credentials({});
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->empty());
}

TEST_F(cli_key_files, all_kinds_are_read) {
  const public_key one = filled<32>(1);
  const public_key two = filled<32>(2);
  key_options from;
  from.psk_file = file("# shared\r\n\n" + secret(key_kind::psk) + "\n");
  from.key_file = file(secret(key_kind::private_half));
  from.allow_keys = file(to_text(two) + "\tlaptop of A\n" + to_text(one) + "  \n# none\n");
  auto got = load_credentials(from);
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(test::to_hex(got->psk->view()), test::to_hex(filled<32>(0xa7)));
  EXPECT_EQ(test::to_hex(got->own_key->view()), test::to_hex(filled<32>(0xa7)));
  EXPECT_EQ(*got->allowed_keys, (std::vector<public_key>{two, one}));

  from = {};
  from.peer_key = to_text(one);
  EXPECT_EQ(load_credentials(from)->peer_key, one);
  from.peer_key = file(to_text(two));
  EXPECT_EQ(load_credentials(from)->peer_key, two);
}

TEST_F(cli_key_files, a_wrong_file_is_told_by_name_line_and_rule_and_never_quoted) {
  const auto kept = secret(key_kind::private_half);
  auto why = psk_refused(file("# x\n" + kept + "\n"));
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_NE(why.detail.find("--psk-file: "), std::string::npos) << why.detail;
  EXPECT_NE(why.detail.find("line 2"), std::string::npos) << why.detail;
  EXPECT_NE(why.detail.find("not a pre-shared key"), std::string::npos) << why.detail;
  EXPECT_NE(why.detail.find("but a private key"), std::string::npos) << why.detail;
  EXPECT_EQ(why.detail.find("a7a7"), std::string::npos) << "no byte of a secret";

  why = psk_refused(file(secret(key_kind::psk) + "\n" + secret(key_kind::psk) + "\n"));
  EXPECT_NE(why.detail.find("a second key"), std::string::npos) << why.detail;
  EXPECT_EQ(why.detail.find("a7a7"), std::string::npos);
  EXPECT_NE(psk_refused(file("# nothing\n")).detail.find("has no key"), std::string::npos);
  EXPECT_NE(psk_refused(file(secret(key_kind::psk).substr(0, 60))).detail.find("64 hexadecimal"),
            std::string::npos);
  EXPECT_NE(psk_refused(file(std::string(5000, '#'))).detail.find("larger than"),
            std::string::npos);
  EXPECT_NE(psk_refused(base.string()).detail.find("not a regular file"), std::string::npos);
}

TEST_F(cli_key_files, a_secret_belongs_to_its_user_alone) {
  const auto path = file(secret(key_kind::psk));
  for (const auto bit : {fs::perms::group_read, fs::perms::group_write, fs::perms::others_read,
                         fs::perms::others_write, fs::perms::others_exec}) {
    fs::permissions(path, bit, fs::perm_options::add);
    const auto why = psk_refused(path);
    EXPECT_EQ(why.code, errc::permission_denied);
    EXPECT_NE(why.detail.find("chmod 600 " + path), std::string::npos) << why.detail;
    fs::permissions(path, bit, fs::perm_options::remove);
  }
  if (::geteuid() != 0) return;  // giving a file away takes root
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  EXPECT_NE(psk_refused(path).detail.find("belongs to another user"), std::string::npos);
}

// What systemd leaves there: root's, with an ACL for the service, whose mask looks like the group's
// right.
TEST_F(cli_key_files, a_credential_of_the_service_manager_may_show_the_mask_of_its_acl) {
  const auto path = file(secret(key_kind::psk));
  fs::permissions(path, fs::perms::owner_read | fs::perms::group_read);
  EXPECT_EQ(psk_refused(path).code, errc::permission_denied);

  key_options from;
  from.psk_file = path;
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", base.c_str(), 1), 0);
  EXPECT_TRUE(load_credentials(from));
  fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(psk_refused(path).code, errc::permission_denied);
  fs::permissions(path, fs::perms::owner_read | fs::perms::group_read | fs::perms::group_write);
  EXPECT_EQ(psk_refused(path).code, errc::permission_denied);

  fs::permissions(path, fs::perms::owner_read | fs::perms::group_read);
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", base.parent_path().c_str(), 1), 0);
  EXPECT_EQ(psk_refused(path).code, errc::permission_denied);
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(cli_key_files, trusted_secrets_may_be_read_by_all_and_changed_by_nobody_else) {
  const auto path = file(secret(key_kind::psk));
  key_options from;
  from.psk_file = path;
  fs::permissions(path, fs::perms::group_read | fs::perms::others_read, fs::perm_options::add);
  EXPECT_NE(psk_refused(path).detail.find("--secrets=trusted"), std::string::npos);
  from.secrets = secrets_rule::trusted;
  remarks notes;
  EXPECT_TRUE(load_credentials(from, &notes));
  EXPECT_TRUE(notes.empty()) << notes.front();
  fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
  const auto got = load_credentials(from);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().detail.find("chmod go-w"), std::string::npos) << got.error().detail;
}

// As containers hand them over: a mount of its own, put together and then made read-only.
TEST_F(cli_key_files, what_root_left_on_a_read_only_mount_is_taken_as_it_is) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "mounting takes root";
  const auto volume = base / "volume";
  fs::create_directory(volume);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount("tmpfs", volume.c_str(), "tmpfs", 0, "mode=755"), 0);
  const auto put = [&](const char* name, unsigned mode, unsigned owner) {
    const auto path = (volume / name).string();
    std::ofstream(path) << secret(key_kind::psk);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(::chown(path.c_str(), owner, 1000), 0);
    return path;
  };
  const auto all = put("all", 0444, 0);
  const auto group = put("group", 0440, 0);
  const auto changeable = put("changeable", 0464, 0);
  const auto foreign = put("foreign", 0444, 1000);
  EXPECT_EQ(psk_refused(all).code, errc::permission_denied) << "while it can be written";
  ASSERT_EQ(::mount(nullptr, volume.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  key_options from;
  for (const auto& path : {all, group}) {
    from.psk_file = path;
    remarks notes;
    EXPECT_TRUE(load_credentials(from, &notes)) << path;
    ASSERT_EQ(notes.size(), 1u) << path;
    EXPECT_NE(notes[0].find(path + " can be read by other users"), std::string::npos) << notes[0];
  }
  for (const auto& path : {changeable, foreign}) {
    EXPECT_EQ(psk_refused(path).code, errc::permission_denied);
    from.psk_file = path;
    from.secrets = secrets_rule::trusted;
    EXPECT_TRUE(load_credentials(from)) << path;
  }
  EXPECT_FALSE(load_reset_key(volume.string())) << "state cannot be kept here";
  ASSERT_EQ(::umount(volume.c_str()), 0);
}

TEST_F(cli_key_files, a_file_that_changes_while_it_is_read_is_read_anew) {
  const auto path = file("one\n");
  std::size_t reads = 0;
  const auto change_until = [&](std::size_t last) {
    return [&reads, &path, last] {
      if (++reads <= last) std::ofstream(path) << "number " << std::string(9 + reads, 'x') << "\n";
    };
  };
  const auto got =
      read_file(path, privacy::secret, 100, secrets_rule::strict, nullptr, change_until(2));
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(*got, "number " + std::string(11, 'x') + "\n");
  EXPECT_EQ(reads, 3);
  reads = 0;
  const auto torn =
      read_file(path, privacy::secret, 100, secrets_rule::strict, nullptr, change_until(9));
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code, errc::unavailable);
  EXPECT_NE(torn.error().detail.find("changes while it is read"), std::string::npos);
}

TEST_F(cli_key_files, a_name_that_is_changed_while_it_is_read_changes_nothing) {
  const auto path = file(secret(key_kind::psk));
  const auto other = file("another file");
  const auto got = read_file(path, privacy::secret, 1000, secrets_rule::strict, nullptr, [&] {
    if (fs::exists(other)) fs::rename(other, path);
  });
  // Its link count fell with the rename, which is a change of the file: it is read again.
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(*got, secret(key_kind::psk));
}

TEST_F(cli_key_files, a_link_to_a_secret_is_judged_by_what_it_names) {
  const auto path = file(secret(key_kind::psk));
  const auto link = (base / "link").string();
  fs::create_symlink(path, link);
  key_options from;
  from.psk_file = link;
  EXPECT_TRUE(load_credentials(from));
  fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(psk_refused(link).code, errc::permission_denied);
}

TEST_F(cli_key_files, public_keys_may_be_read_by_all_and_changed_by_nobody_else) {
  const auto path = file(to_text(filled<32>(1)));
  key_options from;
  from.peer_key = path;
  fs::permissions(path, fs::perms::group_read | fs::perms::others_read, fs::perm_options::add);
  EXPECT_TRUE(load_credentials(from));
  fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
  const auto got = load_credentials(from);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, errc::permission_denied);
  EXPECT_NE(got.error().detail.find("chmod go-w"), std::string::npos);
}

TEST_F(cli_key_files, a_list_names_its_bad_line_and_is_not_empty) {
  const auto bad = parse_key_list(to_text(filled<32>(1)) + "\nssh-ed25519 AAAA\n", "list");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().detail.find("list, line 2"), std::string::npos) << bad.error().detail;
  EXPECT_FALSE(parse_key_list("# nobody\n", "list"));
}

}  // namespace
}  // namespace rendr::cli
