// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
// The program under supervisors: nohup and scripts, containers, limits.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

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

/// Whether a program ignores a signal now.
bool ignores(const process& program, int signal) {
  std::ifstream about("/proc/" + std::to_string(program.id()) + "/status");
  std::string line;
  while (std::getline(about, line)) {
    if (line.starts_with("SigIgn:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1U) != 0;
  }
  return false;
}

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

  /// The port of a forward, whose server need not be there yet.
  static std::uint16_t port_of(process& forward) {
    EXPECT_TRUE(forward.await_error("listening on 127.0.0.1:")) << forward.errors();
    const auto& said = forward.errors();
    return static_cast<std::uint16_t>(
        std::stoi(said.substr(said.find("listening on 127.0.0.1:") + 23)));
  }

  /// Of so many connections at once, those that cannot be carried yet wait, which is told once; the
  /// others go on, and as each ends another has its turn.
  void expect_turns(process& forward, std::uint16_t port, std::size_t many,
                    const std::string& reason) {
    std::thread far([&] {
      std::vector<std::thread> echoes;
      for (std::size_t i = 0; i < many; ++i) {
        echoes.emplace_back([one = std::make_shared<plain_socket>(target.accept())] {
          for (auto part = one->receive_some(9); !part.empty(); part = one->receive_some(9)) {
            one->send(part);
          }
        });
      }
      for (auto& one : echoes) one.join();
    });
    std::vector<plain_socket> clients;
    for (std::size_t i = 0; i < many; ++i) {
      clients.push_back(plain_socket::connect(port));
      ASSERT_TRUE(clients.back().send("x"));
    }
    EXPECT_TRUE(forward.await_error(reason)) << forward.errors();
    EXPECT_EQ(clients.front().receive(1), "x");
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(clients.front().send("y"));
      EXPECT_EQ(clients.front().receive(1), "y") << "old work goes on";
    }
    for (auto& one : clients) {  // as each ends, another has its turn
      if (&one != &clients.front()) {
        EXPECT_EQ(one.receive(1), "x") << one.error();
      }
      one.close();
    }
    far.join();
    const auto& said = forward.errors();
    EXPECT_EQ(said.find(reason), said.rfind(reason)) << "told once";
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
  EXPECT_TRUE(ignores(pipe, SIGINT)) << "what a handler does comes too late to be seen for sure";
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

/// This process, and those that it starts, may have so many descriptors; false: not here.
bool allow_descriptors(rlim_t wanted) {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_max < wanted) return false;
  now.rlim_cur = std::max(now.rlim_cur, wanted);
  return ::setrlimit(RLIMIT_NOFILE, &now) == 0;
}

// They wait for the server and reach it in one instant: more of them than it takes in one turn.
TEST_F(cli_supervised, two_thousand_connections_in_one_instant_wait_their_turn_and_none_is_reset) {
  constexpr std::size_t many = 2'000;
  if (!allow_descriptors(3 * many)) GTEST_SKIP() << "not so many descriptors here";
  at = free_port();
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at), "--to=app",
                   "--connect-timeout=60s"});
  const auto port = port_of(forward);
  std::vector<plain_socket> clients;
  for (std::size_t i = 0; i < many; ++i) {
    clients.push_back(plain_socket::connect(port));
    ASSERT_TRUE(clients.back().send("x"));
    clients.back().finish_sending();
  }
  std::thread far([&] {
    std::vector<plain_socket> taken;
    for (std::size_t i = 0; i < many; ++i) {
      taken.push_back(target.accept());
      taken.back().send("answer");
      taken.back().finish_sending();
    }
    for (auto& one : taken) one.receive_all();
  });
  process server({"serve", "--listen=" + tcp(at), "--to=app=" + address(target.port()), state()});
  std::size_t answered = 0;
  for (auto& one : clients) {
    if (one.receive_all() == "answer" && one.error() == 0) ++answered;
    one.close();
  }
  EXPECT_EQ(answered, many);
  for (auto left = answered; left < many; ++left) plain_socket::connect(target.port());
  far.join();
}

TEST_F(cli_supervised, out_of_descriptors_new_connections_wait_and_old_ones_go_on) {
  auto server = serve({state()});
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at)});
  const auto port = port_of(forward);
  ASSERT_TRUE(forward.await_error("link is up")) << forward.errors();
  const rlimit few{100, 100};
  ASSERT_EQ(::prlimit(forward.id(), RLIMIT_NOFILE, &few, nullptr), 0);
  expect_turns(forward, port, 150, "out of descriptors");
}

TEST_F(cli_supervised, out_of_memory_new_connections_wait_and_old_ones_go_on) {
  auto server = serve({state()});
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at), "--memory=1MiB"});
  const auto port = port_of(forward);
  ASSERT_TRUE(forward.await_error("link is up")) << forward.errors();
  expect_turns(forward, port, 150, "(--memory)");
}

// The server's sockets are spent: the flows wait with its listener.
TEST_F(cli_supervised, a_server_out_of_descriptors_refuses_nobody) {
  auto server = serve({state()});
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at)});
  const auto port = port_of(forward);
  ASSERT_TRUE(forward.await_error("link is up")) << forward.errors();
  const rlimit few{100, 100};
  ASSERT_EQ(::prlimit(server->id(), RLIMIT_NOFILE, &few, nullptr), 0);
  expect_turns(*server, port, 150, "out of descriptors");
}

TEST_F(cli_supervised, a_target_is_told_the_address_of_the_client_before_its_first_byte) {
  at = free_port();
  process server({"serve", "--listen=" + tcp(at), state(),
                  "--to=two=" + address(target.port()) + ",proxy-protocol=v2",
                  "--to=one=" + address(target.port()) + ",proxy-protocol=v1"});
  ASSERT_TRUE(server.await_error("serving on")) << server.errors();
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  const auto big_endian = [](std::uint16_t number) {
    return std::string{static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
  };
  for (const std::string name : {"one", "two"}) {
    process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at), "--to=" + name});
    const auto port = port_of(forward);
    auto client = plain_socket::connect(port);
    ASSERT_TRUE(client.send("hello"));
    client.finish_sending();
    auto far = target.accept();
    const auto own = client.local_port();
    const auto ends = name == "one" ? "PROXY TCP4 127.0.0.1 127.0.0.1 " + std::to_string(own) +
                                          " " + std::to_string(port) + "\r\n"
                                    : signature + "\x21\x11" + big_endian(12) +
                                          std::string("\x7f\0\0\1\x7f\0\0\1", 8) + big_endian(own) +
                                          big_endian(port);
    EXPECT_EQ(far.receive_all(), ends + "hello");
  }
  process pipe({"pipe", "--path=" + tcp(at), "--to=two"});
  auto far = target.accept();
  pipe.send("hello");
  pipe.close_input();
  EXPECT_EQ(far.receive_all(), signature + std::string("\x20\0\0\0", 4) + "hello");
  far.close();
  EXPECT_EQ(pipe.finish(), ok) << pipe.errors();
}

TEST_F(cli_supervised, when_dark_a_forward_that_was_told_to_refuse_says_so_at_once) {
  at = free_port();
  process forward({"forward", "--listen=127.0.0.1:0", "--path=" + tcp(at), "--when-dark=refuse",
                   "--connect-timeout=60s"});
  const auto port = port_of(forward);
  auto early = plain_socket::connect(port);
  EXPECT_EQ(early.receive_all(), "");
  EXPECT_EQ(early.error(), ECONNRESET);
  EXPECT_TRUE(forward.await_error("refused: no path to the server lives")) << forward.errors();
  process server({"serve", "--listen=" + tcp(at), "--to=" + address(target.port()), state()});
  ASSERT_TRUE(forward.await_error("link is up")) << forward.errors();
  auto client = plain_socket::connect(port);
  auto far = target.accept();
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(far.receive(5), "hello");
}

TEST_F(cli_supervised, the_memory_of_buffers_is_told_for_debugging) {
  auto server = serve({state(), "--memory=24MiB", "--log-level=debug"});
  EXPECT_TRUE(server->await_error("buffers may take 24 MiB")) << server->errors();
}

}  // namespace
}  // namespace rendr::test
