// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
#include <gtest/gtest.h>

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
constexpr int unreachable = 3;
constexpr int permission = 5;

std::string address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
std::string tcp(std::uint16_t port) { return "tcp://" + address(port); }

struct cli_program : testing::Test {
  cli_program() {
    auto pattern = (fs::temp_directory_path() / "rendr-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~cli_program() override { fs::remove_all(dir); }

  std::string state() const { return "--state-dir=" + (dir / "state").string(); }
  std::unique_ptr<process> serve(std::uint16_t at, std::uint16_t target) const {
    auto made = std::make_unique<process>(std::vector<std::string>{
        "serve", "--listen=" + tcp(at), "--to=" + address(target), state()});
    EXPECT_TRUE(made->await_error("serving on")) << made->errors();
    return made;
  }
  /// The line must fail with this code and say each of these.
  static void expect_failure(std::vector<std::string> words, int code,
                             std::initializer_list<std::string> parts) {
    process run(std::move(words));
    EXPECT_EQ(run.finish(), code) << run.errors();
    EXPECT_EQ(run.output(), "");
    for (const auto& part : parts) {
      EXPECT_NE(run.errors().find(part), std::string::npos) << part << " in: " << run.errors();
    }
  }

  fs::path dir;
};

TEST_F(cli_program, help_and_version_are_results) {
  for (const auto* word : {"--help", "--version"}) {
    process run({word});
    EXPECT_EQ(run.finish(), ok);
    EXPECT_NE(run.output(), "");
    EXPECT_EQ(run.errors(), "");
  }
}

TEST_F(cli_program, bad_input_is_refused_with_a_reason) {
  plain_listener taken;
  const auto to = "--to=" + address(taken.port());
  expect_failure({"forward", "--listen=127.0.0.1:0", "--path=xyz://h:1"}, usage, {"--path", "xyz"});
  expect_failure({"forward", "--listen=127.0.0.1:0", "--path=a=tcp://h:1", "--root=race(a, b)"},
                 usage, {"--root", "\"b\""});
  expect_failure({"serve", "--listen=" + tcp(taken.port()), to, state()}, failed,
                 {"--listen", std::to_string(taken.port()), "in use"});
  expect_failure({"forward", "--listen=" + address(taken.port()), "--path=tcp://127.0.0.1:1"},
                 failed, {std::to_string(taken.port()), "in use"});
  expect_failure({"serve", "--listen=tcp://0.0.0.0:" + std::to_string(free_port()), to, state()},
                 permission, {"--insecure"});
  expect_failure({"pipe", "--path=tcp://192.0.2.1:7000"}, permission, {"insecure"});
  expect_failure({"demo", "/nonexistent/file"}, failed, {"/nonexistent/file"});
}

TEST_F(cli_program, pipe_gives_up_on_a_server_that_is_not_there) {
  expect_failure({"pipe", "--path=" + tcp(free_port()), "--connect-timeout=500ms"}, unreachable,
                 {"p1", "refused"});
}

TEST_F(cli_program, pipe_gives_up_on_a_peer_that_speaks_something_else) {
  plain_listener web;
  process run({"pipe", "--path=" + tcp(web.port()), "--connect-timeout=1s"});
  auto peer = web.accept();
  peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(run.finish(), unreachable) << run.errors();
  EXPECT_NE(run.errors().find("p1"), std::string::npos) << run.errors();
}

TEST_F(cli_program, pipe_carries_stdin_and_stdout_and_its_end_is_a_half_close) {
  plain_listener target;
  const auto port = free_port();
  auto server = serve(port, target.port());
  process pipe({"pipe", "--path=" + tcp(port)});
  auto far = target.accept();
  pipe.send("question");
  pipe.close_input();
  EXPECT_EQ(far.receive_all(), "question");
  ASSERT_TRUE(far.send("answer"));
  far.close();
  EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
  EXPECT_EQ(pipe.output(), "answer");
}

TEST_F(cli_program, pipe_tells_a_refusal_by_its_exit_code) {
  const auto port = free_port();
  auto server = serve(port, free_port());
  expect_failure({"pipe", "--path=" + tcp(port)}, unreachable, {"refused"});
  expect_failure({"pipe", "--to=nobody", "--path=" + tcp(port)}, failed, {"unknown target"});
}

TEST_F(cli_program, sigterm_ends_serve_and_forward_in_order) {
  plain_listener target;
  const auto port = free_port();
  auto server = serve(port, target.port());
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(port)});
  ASSERT_TRUE(forward.await_error("link is up")) << forward.errors();
  forward.signal(SIGTERM);
  EXPECT_EQ(forward.finish(), ok) << forward.errors();
  server->signal(SIGTERM);
  EXPECT_EQ(server->finish(), ok) << server->errors();
}

TEST_F(cli_program, a_hang_up_ends_pipe_in_order_and_leaves_no_link_at_the_server) {
  plain_listener target;
  const auto port = free_port();
  auto server = serve(port, target.port());
  process pipe({"pipe", "--path=" + tcp(port)});
  auto far = target.accept();
  pipe.send("question");
  EXPECT_EQ(far.receive(8), "question");
  pipe.signal(SIGHUP);  // as ssh ends its ProxyCommand
  EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
  EXPECT_EQ(far.receive_all(), "");
  EXPECT_TRUE(server->await_error("link is over")) << server->errors();
}

TEST_F(cli_program, a_second_signal_ends_at_once_though_a_connection_is_open) {
  plain_listener target;
  const auto port = free_port();
  auto server = serve(port, target.port());
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(port)});
  ASSERT_TRUE(forward.await_error("listening on 127.0.0.1:"));
  const auto& said = forward.errors();
  const auto at = said.find("listening on 127.0.0.1:") + 23;
  auto client = plain_socket::connect(static_cast<std::uint16_t>(std::stoi(said.substr(at))));
  auto far = target.accept();
  forward.signal(SIGINT);
  ASSERT_TRUE(forward.await_error("ending"));
  forward.signal(SIGINT);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(forward.finish(), ok);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(client.receive_all(), "");
}

TEST_F(cli_program, demo_survives_its_cuts_and_writes_its_report) {
  const auto report = dir / "demo.html";
  process demo({"demo", "--size=24MiB", "--report=" + report.string()});
  EXPECT_EQ(demo.finish(), ok) << demo.output() << demo.errors();
  EXPECT_NE(demo.output().find("equal, "), std::string::npos) << demo.output();
  std::stringstream page;
  page << std::ifstream(report).rdbuf();
  EXPECT_NE(page.str().find("</svg>"), std::string::npos);
}

TEST_F(cli_program, demo_fails_when_a_cut_does_not_happen) {
  process demo({"demo", "--size=1MiB", "--cut=60s:kill"});
  EXPECT_EQ(demo.finish(), failed);
  EXPECT_NE(demo.errors().find("did not happen"), std::string::npos) << demo.errors();
}

}  // namespace
}  // namespace rendr::test
