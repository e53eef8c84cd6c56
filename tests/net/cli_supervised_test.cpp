// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
// The program under supervisors: nohup and scripts, containers, limits.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "net/cli_plain_socket.hpp"
#include "net/cli_process.hpp"

namespace rendr::test {
namespace {

namespace fs = std::filesystem;

constexpr int ok = 0;

std::string address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
std::string tcp(std::uint16_t port) { return "tcp://" + address(port); }

/// A signal is ignored by this process, and so by the programs that it starts, while this lives.
class ignoring {
 public:
  explicit ignoring(int signal) : signal_(signal), before_(std::signal(signal, SIG_IGN)) {}
  ignoring(const ignoring&) = delete;
  ignoring& operator=(const ignoring&) = delete;
  ~ignoring() { std::signal(signal_, before_); }

 private:
  int signal_;
  void (*before_)(int);
};

struct cli_supervised : testing::Test {
  cli_supervised() {
    auto pattern = (fs::temp_directory_path() / "rendr-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~cli_supervised() override { fs::remove_all(dir); }

  std::string state() const { return "--state-dir=" + (dir / "state").string(); }
  std::unique_ptr<process> serve(std::vector<std::string> more = {}) {
    at = free_port();
    std::vector<std::string> line{"serve", "--listen=" + tcp(at), "--to=" + address(target.port())};
    line.insert(line.end(), more.begin(), more.end());
    auto made = std::make_unique<process>(std::move(line));
    EXPECT_TRUE(made->await_error("serving on")) << made->errors();
    return made;
  }
  /// Bytes pass through a pipe to this server, both ways.
  void expect_serves() {
    process pipe({"pipe", "--path=" + tcp(at)});
    auto far = target.accept();
    pipe.send("question");
    pipe.close_input();
    EXPECT_EQ(far.receive_all(), "question");
    EXPECT_TRUE(far.send("answer"));
    far.close();
    EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
    EXPECT_EQ(pipe.output(), "answer");
  }

  fs::path dir;
  plain_listener target;
  std::uint16_t at = 0;
};

// A signal that ends the program in order leaves no word when it is SIGHUP, and makes the next one
// end it at once, without a word: so the word at SIGTERM says that SIGTERM was the first.
TEST_F(cli_supervised, forward_and_serve_outlive_a_hang_up_that_was_ignored_when_they_began) {
  const ignoring hang_up(SIGHUP);
  auto server = serve({state()});
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at)});
  ASSERT_TRUE(forward.await_error("link is up")) << forward.errors();
  for (auto* one : {&forward, server.get()}) {
    one->signal(SIGHUP);
    one->signal(SIGTERM);
    EXPECT_TRUE(one->await_error("ending: ")) << one->errors();
    EXPECT_EQ(one->finish(), ok) << one->errors();
  }
}

TEST_F(cli_supervised, pipe_outlives_an_interrupt_that_was_ignored_when_it_began) {
  auto server = serve({state()});
  const ignoring interrupt(SIGINT);
  process pipe({"pipe", "--path=" + tcp(at)});
  auto far = target.accept();
  pipe.signal(SIGINT);  // as at a terminal whose ^C is for sftp
  pipe.send("question");
  pipe.close_input();
  EXPECT_EQ(far.receive_all(), "question");
  EXPECT_TRUE(far.send("answer"));
  far.close();
  EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
  EXPECT_EQ(pipe.output(), "answer");
}

TEST_F(cli_supervised, a_state_directory_that_cannot_be_kept_is_a_warning) {
  const auto open = dir / "open";
  fs::create_directory(open);
  fs::permissions(open, fs::perms::all);
  for (const auto& [option, reason] : std::initializer_list<std::pair<std::string, std::string>>{
           {open.string(), "chmod 700"}, {"/proc/rendr", "cannot make"}}) {
    auto server = serve({"--state-dir=" + option});
    EXPECT_NE(server->errors().find("warning: --state-dir=" + option), std::string::npos)
        << server->errors();
    EXPECT_NE(server->errors().find(reason), std::string::npos) << server->errors();
    EXPECT_NE(server->errors().find("in memory"), std::string::npos) << server->errors();
    expect_serves();
  }
  EXPECT_TRUE(fs::is_empty(open)) << "no key where others can take it away";
}

TEST_F(cli_supervised, a_trusted_volume_keeps_the_state_though_it_is_open) {
  const auto volume = dir / "volume";
  fs::create_directory(volume);
  fs::permissions(volume, fs::perms::all);
  auto server = serve({"--state-dir=" + volume.string(), "--secrets=trusted"});
  EXPECT_EQ(server->errors().find("warning"), std::string::npos) << server->errors();
  struct stat about {};
  ASSERT_EQ(::stat((volume / "reset.key").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600u);
  expect_serves();
}

}  // namespace
}  // namespace rendr::test
