// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
// What the program says, and that saying it stops nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "net/cli_plain_socket.hpp"
#include "net/cli_process.hpp"

namespace rendr::test {
namespace {

namespace fs = std::filesystem;
using words = std::vector<std::string>;

std::string address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
std::string tcp(std::uint16_t port) { return "tcp://" + address(port); }
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

struct cli_words : testing::Test {
  cli_words() {
    auto pattern = (fs::temp_directory_path() / "rendr-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~cli_words() override { fs::remove_all(dir); }

  std::string at(const std::string& name) const { return (dir / name).string(); }
  /// A server with the targets app, and dead, which nobody listens for.
  std::unique_ptr<process> serve(words options = {}, process::leads to = {}) {
    options.insert(options.begin(),
                   {"serve", "--listen=" + tcp(port), "--state-dir=" + at("state"),
                    "--to=app=" + address(target.port()), "--to=dead=" + address(free_port())});
    auto made = std::make_unique<process>(std::move(options), to);
    if (to.err.empty()) {
      EXPECT_TRUE(made->await_error("serving on")) << made->errors();
    }
    return made;
  }
  std::unique_ptr<process> forward(std::uint16_t from, const std::string& to, words options = {}) {
    options.insert(options.begin(),
                   {"forward", "--listen=" + address(from), "--to=" + to, "--path=" + tcp(port)});
    auto made = std::make_unique<process>(std::move(options));
    EXPECT_TRUE(made->await_error("link is up")) << made->errors();
    return made;
  }
  /// A connection through rendr carries a byte both ways.
  void expect_echo(std::uint16_t through) {
    auto near = plain_socket::connect(through);
    ASSERT_TRUE(near.send("x"));
    auto far = target.accept();
    EXPECT_EQ(far.receive(1), "x");
    ASSERT_TRUE(far.send("y"));
    EXPECT_EQ(near.receive(1), "y");
  }

  fs::path dir;
  plain_listener target;
  std::uint16_t port = free_port();
};

TEST_F(cli_words, a_log_that_nobody_reads_stops_no_traffic_and_no_signal) {
  auto server = serve({"--log-level=debug"});
  const auto local = free_port();
  const auto client = forward(local, "app");
  expect_echo(local);
  server->stuff_errors();
  for (int i = 0; i < 100; ++i) expect_echo(local);  // some lines each
  server->signal(SIGTERM);
  EXPECT_EQ(server->finish_unread(), 0);
}

TEST_F(cli_words, a_log_that_is_read_again_goes_on) {
  auto server = serve({"--log-level=debug"});
  const auto local = free_port();
  const auto client = forward(local, "app");
  server->stuff_errors();
  for (int i = 0; i < 20; ++i) expect_echo(local);
  EXPECT_TRUE(server->await_error("connection to \"app\" ended")) << server->errors();
}

TEST_F(cli_words, a_log_that_takes_nothing_stops_nothing) {
  for (const auto* log : {"-", "/", "/dev/full"}) {
    port = free_port();
    auto server = serve({}, {{}, log});
    const auto local = free_port();
    const auto client = forward(local, "app");
    expect_echo(local);
    if (*log == '-') {
      EXPECT_EQ(server->descriptor(2), "/dev/null") << "no carrier gets the log";
    }
    server->signal(SIGTERM);
    EXPECT_EQ(server->finish_unread(), 0) << log;
  }
}

TEST_F(cli_words, a_log_file_that_may_not_grow_stops_nothing) {
  const auto log = at("log");
  ASSERT_GE(::close(::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
  auto server = serve({"--log-level=debug"}, {{}, log});
  const auto local = free_port();
  const auto client = forward(local, "app");
  expect_echo(local);
  const rlimit nothing{0, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(server->id(), RLIMIT_FSIZE, &nothing, nullptr), 0);
  for (int i = 0; i < 10; ++i) expect_echo(local);
  server->signal(SIGTERM);
  EXPECT_EQ(server->finish_unread(), 0);
}

TEST_F(cli_words, a_result_that_cannot_be_written_is_a_failure) {
  process run({"keygen", at("key")}, {"/dev/full", {}});
  EXPECT_EQ(run.finish(), 1);
  EXPECT_NE(run.errors().find("cannot write the result to stdout"), std::string::npos)
      << run.errors();
  process version({"--version"}, {"/dev/full", {}});
  EXPECT_EQ(version.finish(), 1);
}

TEST_F(cli_words, refusals_of_a_target_are_counted) {
  auto server = serve();
  const auto local = free_port();
  auto client = forward(local, "dead");
  for (int i = 0; i < 50; ++i) {
    auto near = plain_socket::connect(local);
    EXPECT_EQ(near.receive_all(), "");
  }
  for (auto* one : {client.get(), server.get()}) {
    one->signal(SIGTERM);
    EXPECT_EQ(one->finish(), 0);
    EXPECT_EQ(count(one->errors(), "Connection refused"), 2u) << one->errors();
    EXPECT_EQ(count(one->errors(), "(and 49 more of these in the last minute)"), 1u)
        << one->errors();
  }
}

TEST_F(cli_words, pipe_says_nothing_while_all_is_well) {
  auto server = serve();
  process pipe({"pipe", "--to=app", "--path=" + tcp(port)});
  auto far = target.accept();
  pipe.send("question");
  pipe.close_input();
  EXPECT_EQ(far.receive_all(), "question");
  EXPECT_TRUE(far.send("answer"));
  far.close();
  EXPECT_EQ(pipe.finish(), 0);
  EXPECT_EQ(pipe.output(), "answer");
  EXPECT_EQ(pipe.errors(), "");
}

TEST_F(cli_words, pipe_says_nothing_when_its_reader_has_seen_enough) {
  auto server = serve();
  process pipe({"pipe", "--to=app", "--path=" + tcp(port)});
  auto far = target.accept();
  pipe.close_output();
  EXPECT_TRUE(far.send("more than anybody reads"));
  far.close();
  pipe.close_input();
  EXPECT_EQ(pipe.finish_unread(), 1) << "not everything arrived";
  EXPECT_FALSE(pipe.await_error("rendr")) << pipe.errors();
}

TEST_F(cli_words, a_path_that_this_machine_refuses_is_told_at_the_start) {
  auto server = serve();
  for (const auto* option : {"device=nosuch0", "cc=nosuch", "bind=192.0.2.200"}) {
    process client({"forward", "--listen=127.0.0.1:0", "--to=app", "--path=main=" + tcp(port),
                    "--path=spare=" + tcp(port) + "," + option});
    EXPECT_TRUE(client.await_error("warning: path spare cannot come up: " + std::string(option)))
        << client.errors();
  }
}

TEST_F(cli_words, a_path_that_is_not_up_is_told_with_its_reason_though_another_one_lives) {
  auto server = serve();
  const auto nobody = free_port();
  process client({"forward", "--listen=127.0.0.1:0", "--to=app", "--path=main=" + tcp(port),
                  "--path=spare=" + tcp(nobody)});
  EXPECT_TRUE(client.await_error("warning: path spare is not up after ")) << client.errors();
  EXPECT_TRUE(client.await_error(" s: connect to " + address(nobody) + ": Connection refused"))
      << client.errors();
}

TEST_F(cli_words, a_target_that_is_not_there_is_told_at_the_start_with_those_that_are) {
  auto server = serve();
  auto client = forward(free_port(), "ap");
  EXPECT_TRUE(client->await_error("no target is named \"ap\"; there is \"app\", \"dead\""))
      << client->errors();
  const auto local = free_port();
  auto good = forward(local, "app");
  expect_echo(local);
  EXPECT_EQ(good->errors().find("no target"), std::string::npos) << good->errors();
}

TEST_F(cli_words, a_stranger_is_named_and_told_from_a_friend) {
  auto server = serve();
  auto web = plain_socket::connect(port);
  ASSERT_TRUE(web.send("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(server->await_error("a connection from 127.0.0.1:")) << server->errors();
  EXPECT_TRUE(server->await_error(" was refused: the first bytes are not rendr's"))
      << server->errors();
}

TEST_F(cli_words, both_ends_name_the_key_of_the_other_as_keygen_shows_it) {
  const auto make = [&](const std::string& name) {
    process run({"keygen", at(name)});
    EXPECT_EQ(run.finish(), 0) << run.errors();
    return run.output().substr(0, run.output().find('\n'));
  };
  const auto own = make("server");
  const auto friends = make("friend");
  const auto other = make("other");
  std::ofstream(at("list")) << friends << '\n';
  auto server = serve({"--key-file=" + at("server"), "--allow-keys=" + at("list")});
  const auto dial = [&](const std::string& name) {
    return words{"forward",
                 "--listen=127.0.0.1:0",
                 "--to=app",
                 "--path=" + tcp(port),
                 "--key-file=" + at(name),
                 "--peer-key=" + own};
  };
  process stranger(dial("other"));
  EXPECT_TRUE(server->await_error("the client's key " + other + " is not on the list"))
      << server->errors();
  EXPECT_TRUE(stranger.await_error("path p1 cannot come up: the client's key"))
      << stranger.errors();
  process client(dial("friend"));
  EXPECT_TRUE(client.await_error("with the key " + own)) << client.errors();
  EXPECT_TRUE(server->await_error("with the key " + friends)) << server->errors();
}

}  // namespace
}  // namespace rendr::test
