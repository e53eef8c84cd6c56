// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <sstream>

#include "net/cli_plain_socket.hpp"
#include "net/cli_process.hpp"

namespace rendr::test {
namespace {

namespace fs = std::filesystem;

constexpr int ok = 0;
constexpr int failed = 1;
constexpr int usage = 2;
constexpr int authentication = 4;
constexpr int permission = 5;

using words = std::vector<std::string>;

std::string address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

struct cli_security : testing::Test {
  cli_security() {
    auto pattern = (fs::temp_directory_path() / "rendr-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~cli_security() override { fs::remove_all(dir); }

  std::string at(const std::string& name) const { return (dir / name).string(); }
  std::string content(const std::string& name) const {
    std::stringstream all;
    all << std::ifstream(at(name)).rdbuf();
    return all.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
  }
  /// Makes a key and returns its public half.
  std::string make_key(const std::string& name) const {
    process run({"keygen", at(name)});
    EXPECT_EQ(run.finish(), ok) << run.errors();
    return run.output().substr(0, run.output().find('\n'));
  }
  void make_psk(const std::string& name) const {
    process run({"keygen", "--psk", at(name)});
    EXPECT_EQ(run.finish(), ok) << run.errors();
  }

  void serve(words options) {
    port = free_port();
    options.insert(options.begin(),
                   {"serve", "--listen=tcp://" + address(port), "--to=" + address(target.port()),
                    "--state-dir=" + at("state")});
    server = std::make_unique<process>(std::move(options));
    ASSERT_TRUE(server->await_error("serving on")) << server->errors();
  }
  words dialing(const std::string& command, words options) const {
    options.insert(options.begin(), {command, "--path=tcp://" + address(port)});
    return options;
  }
  /// A pipe with these options carries bytes both ways.
  void expect_connects(words options) {
    process pipe(dialing("pipe", std::move(options)));
    auto far = target.accept();
    pipe.send("question");
    pipe.close_input();
    EXPECT_EQ(far.receive_all(), "question");
    EXPECT_TRUE(far.send("answer"));
    far.close();
    EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
    EXPECT_EQ(pipe.output(), "answer");
  }
  /// A pipe with these options ends with the exit code for authentication and says `part`.
  void expect_refused(words options, const std::string& part) {
    options.push_back("--connect-timeout=500ms");
    process pipe(dialing("pipe", std::move(options)));
    EXPECT_EQ(pipe.finish(), authentication) << pipe.errors();
    EXPECT_NE(pipe.errors().find(part), std::string::npos) << part << " in: " << pipe.errors();
    EXPECT_EQ(pipe.output(), "");
  }
  static void expect_failure(words line, int code, std::initializer_list<std::string> parts) {
    process run(std::move(line));
    EXPECT_EQ(run.finish(), code) << run.errors();
    for (const auto& part : parts) {
      EXPECT_NE(run.errors().find(part), std::string::npos) << part << " in: " << run.errors();
    }
  }

  fs::path dir;
  plain_listener target;
  std::uint16_t port = 0;
  std::unique_ptr<process> server;
};

TEST_F(cli_security, keygen_writes_a_private_file_prints_the_public_half_and_overwrites_nothing) {
  const auto key = make_key("key");
  EXPECT_EQ(key.rfind("rendr-public:", 0), 0u) << key;
  struct stat about {};
  ASSERT_EQ(::stat(at("key").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
  const auto before = content("key");
  EXPECT_EQ(before.find(key) != std::string::npos, true) << "its comment says whose it is";

  process show({"keygen", "--show", at("key")});
  EXPECT_EQ(show.finish(), ok) << show.errors();
  EXPECT_EQ(show.output(), key + "\n");

  expect_failure({"keygen", at("key")}, failed, {at("key"), "never overwritten"});
  EXPECT_EQ(content("key"), before);
  EXPECT_NE(make_key("other"), key);
}

TEST_F(cli_security, no_secret_is_ever_printed) {
  process run({"--log-level=debug", "keygen", "--psk", at("psk")});
  EXPECT_EQ(run.finish(), ok);
  const auto text = content("psk");
  const auto at_key = text.find("rendr-psk:") + 10;
  const auto secret = text.substr(at_key, 64);
  ASSERT_EQ(secret.find_first_not_of("0123456789abcdef"), std::string::npos) << secret;
  EXPECT_EQ(run.output().find(secret), std::string::npos);
  EXPECT_EQ(run.errors().find(secret), std::string::npos);
}

TEST_F(cli_security, a_shared_key_connects_and_another_one_is_told) {
  make_psk("psk");
  make_psk("wrong");
  serve({"--psk-file=" + at("psk")});
  expect_connects({"--psk-file=" + at("psk")});
  expect_refused({"--psk-file=" + at("wrong")}, "the pre-shared key is not that of this server");
  expect_refused({}, "takes clients with its pre-shared key alone");
  expect_connects({"--psk-file=" + at("psk")});
}

TEST_F(cli_security, forward_with_a_wrong_key_says_so_and_with_the_right_one_is_up) {
  make_psk("psk");
  make_psk("wrong");
  serve({"--psk-file=" + at("psk")});
  process wrong(dialing("forward", {"--listen=127.0.0.1:0", "--psk-file=" + at("wrong")}));
  EXPECT_TRUE(wrong.await_error(
      "path p1 cannot come up: the pre-shared key is not that of this server; see --psk-file"))
      << wrong.errors();
  process right(dialing("forward", {"--listen=127.0.0.1:0", "--psk-file=" + at("psk")}));
  EXPECT_TRUE(right.await_error("link is up")) << right.errors();
}

TEST_F(cli_security, a_dialer_with_keys_does_not_speak_to_a_server_without) {
  make_psk("psk");
  const auto key = make_key("key");
  serve({});
  expect_refused({"--psk-file=" + at("psk")}, "has no pre-shared key");
  expect_refused({"--peer-key=" + key}, "has no key that a client could know it by");
  expect_connects({});
}

TEST_F(cli_security, a_path_in_plaintext_is_warned_of) {
  serve({});
  process pipe({"pipe", "--path=tcp://" + address(port) + ",plaintext"});
  EXPECT_TRUE(pipe.await_error("plaintext: whoever is on the way can read and change"))
      << pipe.errors();
  auto far = target.accept();
  pipe.close_input();
  far.close();
  EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
}

TEST_F(cli_security, without_insecure_only_keys_open_a_server_beyond_loopback) {
  make_psk("psk");
  const auto key = make_key("server");
  const auto everywhere = [&](const std::string& key_option) {
    return words{"serve", "--listen=tcp://0.0.0.0:" + std::to_string(free_port()),
                 "--to=" + address(target.port()), "--state-dir=" + at("state"), key_option};
  };
  expect_failure(everywhere("--key-file=" + at("server")), permission,
                 {"--insecure", "allowed keys"});
  // On every address at once, a port that was free may be taken by anybody meanwhile.
  bool serves = false;
  std::string errors;
  for (int tries = 0; tries < 10 && !serves; ++tries) {
    process open(everywhere("--psk-file=" + at("psk")));
    serves = open.await_error("serving on");
    errors = open.errors();
    if (errors.find("in use") == std::string::npos) break;
  }
  EXPECT_TRUE(serves) << errors;
}

TEST_F(cli_security, a_pinned_server_is_known_by_its_key_alone) {
  const auto key = make_key("server");
  write("server.pub", "# the server\n" + key + "\n");
  const auto other = make_key("other");
  serve({"--key-file=" + at("server")});
  EXPECT_TRUE(server->await_error("the key of this server is " + key));
  expect_connects({"--peer-key=" + key});
  expect_connects({"--peer-key=" + at("server.pub")});
  expect_refused({"--peer-key=" + other}, "the pinned public key is not that of this server");
  expect_refused({}, "takes clients that know its public key alone");
}

TEST_F(cli_security, only_clients_on_the_list_connect) {
  const auto key = make_key("server");
  const auto mine = make_key("mine");
  make_key("stranger");
  write("clients", "# who may\n\n" + mine + " laptop\n");
  serve({"--key-file=" + at("server"), "--allow-keys=" + at("clients")});
  expect_connects({"--peer-key=" + key, "--key-file=" + at("mine")});
  expect_refused({"--peer-key=" + key, "--key-file=" + at("stranger")},
                 "is not on the list of allowed keys");
  expect_refused({"--peer-key=" + key}, "is not on the list of allowed keys");
  expect_refused({}, "takes clients with an allowed key alone");
}

TEST_F(cli_security, a_shared_key_is_demanded_beside_a_pinned_one) {
  const auto key = make_key("server");
  make_psk("psk");
  serve({"--key-file=" + at("server"), "--psk-file=" + at("psk")});
  expect_connects({"--peer-key=" + key, "--psk-file=" + at("psk")});
  expect_refused({"--peer-key=" + key}, "its pre-shared key is another one");
}

TEST_F(cli_security, files_that_others_can_read_or_change_are_refused) {
  const auto key = make_key("key");
  make_psk("psk");
  write("list", key + "\n");
  const auto path = "--path=tcp://127.0.0.1:1";
  fs::permissions(at("psk"), fs::perms::group_read, fs::perm_options::add);
  expect_failure({"pipe", path, "--psk-file=" + at("psk")}, permission,
                 {"--psk-file", at("psk"), "chmod 600"});
  fs::permissions(at("key"), fs::perms::others_read, fs::perm_options::add);
  expect_failure({"pipe", path, "--peer-key=" + key, "--key-file=" + at("key")}, permission,
                 {"--key-file", at("key"), "chmod 600"});
  expect_failure({"keygen", "--show", at("key")}, permission, {at("key"), "chmod 600"});
  fs::permissions(at("list"), fs::perms::others_write, fs::perm_options::add);
  expect_failure({"pipe", path, "--peer-key=" + at("list")}, permission,
                 {"--peer-key", at("list"), "chmod go-w"});
}

TEST_F(cli_security, keys_on_the_command_line_and_pairs_that_make_no_sense_are_refused) {
  const std::string digits(64, 'a');
  const auto path = "--path=tcp://127.0.0.1:1";
  expect_failure({"pipe", path, "--psk-file=rendr-psk:" + digits}, usage,
                 {"--psk-file", "every user"});
  expect_failure({"pipe", path, "--peer-key=rendr-private:" + digits}, usage,
                 {"--peer-key", "every user"});
  expect_failure({"pipe", path, "--peer-key=rendr-public:abc"}, usage, {"64 hexadecimal"});
  expect_failure({"pipe", path, "--key-file=" + at("key")}, usage, {"--peer-key"});
  expect_failure({"serve", "--listen=tcp://127.0.0.1:1", "--to=h:1", "--allow-keys=x"}, usage,
                 {"--key-file"});
  expect_failure({"pipe", path, "--psk-file=" + at("absent")}, failed,
                 {"--psk-file", at("absent"), "No such file"});
}

}  // namespace
}  // namespace rendr::test
