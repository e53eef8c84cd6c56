// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=120
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "net/cli_plain_socket.hpp"
#include "net/cli_process.hpp"
#include "net/relays_in_process.hpp"
#include "relay/server.hpp"

namespace rendr::test {
namespace {

constexpr std::size_t large = 1 << 20;

std::string some_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 24);
  return bytes;
}

/// Two descriptors: what the program gets, and the test's side of it.
struct descriptors {
  int given = -1;
  int kept = -1;

  descriptors(int g, int k) : given(g), kept(k) {}
  descriptors(descriptors&& other) noexcept
      : given(std::exchange(other.given, -1)), kept(std::exchange(other.kept, -1)) {}
  ~descriptors() {
    drop(given);
    drop(kept);
  }
  static void drop(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  /// Up to `size` bytes, or until its end.
  std::string read(std::size_t size) const {
    std::string all(size, '\0');
    std::size_t at = 0;
    while (at < size) {
      const auto n = ::read(kept, all.data() + at, size - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    all.resize(at);
    return all;
  }
  bool write(std::string_view text) const {
    while (!text.empty()) {
      const auto n = ::write(kept, text.data(), text.size());
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
};

descriptors temporary_file(const std::string& content = {}) {
  char name[] = "/tmp/rendr-pipe-XXXXXX";
  const int fd = ::mkostemp(name, O_CLOEXEC);
  const descriptors file(::open(name, O_RDWR | O_CLOEXEC), fd);
  ::unlink(name);
  EXPECT_TRUE(file.write(content));
  return {::dup(file.given), ::dup(file.kept)};
}

descriptors make_pipe(bool program_reads) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return program_reads ? descriptors(ends[0], ends[1]) : descriptors(ends[1], ends[0]);
}

descriptors terminal() {
  int master = -1;
  int slave = -1;
  termios raw{};
  ::cfmakeraw(&raw);
  raw.c_cflag |= CREAD | CS8;
  EXPECT_EQ(::openpty(&master, &slave, nullptr, &raw, nullptr), 0);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  ::fcntl(slave, F_SETFD, FD_CLOEXEC);
  return {slave, master};
}

descriptors socket_pair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {ends[0], ends[1]};
}

descriptors nothing() { return {::open("/dev/null", O_RDWR | O_CLOEXEC), -1}; }

struct pipe_ends : testing::Test {
  plain_listener target;
  std::uint16_t port = free_port();
  serving server{port, {{"", "127.0.0.1", target.port()}}};
  const std::string content = some_bytes(large);

  std::unique_ptr<process> start(const descriptors& in, const descriptors& out) const {
    const std::vector<std::string> words{"pipe", "--path=tcp://127.0.0.1:" + std::to_string(port)};
    return std::make_unique<process>(words, in.given, out.given);
  }

  /// The far side says bye and ends its direction; `content` goes up afterwards.
  void far_side_ends_first(descriptors out) {
    auto in = make_pipe(true);
    auto pipe = start(in, out);
    descriptors::drop(in.given);
    descriptors::drop(out.given);
    auto far = target.accept();
    ASSERT_TRUE(far.send("bye\n"));
    far.finish_sending();
    if (out.kept >= 0 && ::lseek(out.kept, 0, SEEK_CUR) < 0) {
      ASSERT_EQ(out.read(4), "bye\n");
    }
    std::thread writer([&] {
      EXPECT_TRUE(in.write(content));
      descriptors::drop(in.kept);
    });
    EXPECT_TRUE(far.receive_all() == content);
    EXPECT_EQ(far.error(), 0);
    writer.join();
    far.close();
    EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
    EXPECT_EQ(pipe->errors().find("error"), std::string::npos) << pipe->errors();
  }
};

TEST_F(pipe_ends, stdin_goes_on_after_the_far_side_ended_with_stdout_a_pipe) {
  far_side_ends_first(make_pipe(false));
}
TEST_F(pipe_ends, stdin_goes_on_after_the_far_side_ended_with_stdout_a_terminal) {
  far_side_ends_first(terminal());
}
TEST_F(pipe_ends, stdin_goes_on_after_the_far_side_ended_with_stdout_a_socket) {
  far_side_ends_first(socket_pair());
}
TEST_F(pipe_ends, stdin_goes_on_after_the_far_side_ended_with_stdout_a_file) {
  far_side_ends_first(temporary_file());
}
TEST_F(pipe_ends, stdin_goes_on_after_the_far_side_ended_with_stdout_nothing) {
  far_side_ends_first(nothing());
}

TEST_F(pipe_ends, the_end_of_stdout_is_seen_while_stdin_is_open) {
  auto in = make_pipe(true);
  auto out = make_pipe(false);
  auto pipe = start(in, out);
  descriptors::drop(in.given);
  descriptors::drop(out.given);
  auto far = target.accept();
  ASSERT_TRUE(far.send("bye"));
  far.close();
  EXPECT_EQ(out.read(100), "bye") << "and then its end";
  descriptors::drop(in.kept);
  EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
}

TEST_F(pipe_ends, exit_code_0_means_that_the_whole_file_arrived) {
  for (int i = 0; i < 8; ++i) {
    const auto in = temporary_file(content);
    ASSERT_EQ(::lseek(in.given, 0, SEEK_SET), 0);
    const auto out = temporary_file();
    auto pipe = start(in, out);
    auto far = target.accept();
    ASSERT_TRUE(far.send("bye"));
    far.finish_sending();
    EXPECT_TRUE(far.receive_all() == content);
    EXPECT_EQ(far.error(), 0);
    EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
  }
}

TEST_F(pipe_ends, both_directions_of_one_socket_end_by_themselves) {
  auto both = socket_pair();
  auto pipe = start(both, both);
  descriptors::drop(both.given);
  auto far = target.accept();
  ASSERT_TRUE(both.write("question"));
  EXPECT_EQ(far.receive(8), "question");
  ASSERT_TRUE(far.send("answer"));
  far.finish_sending();
  EXPECT_EQ(both.read(100), "answer") << "and then its end";
  std::thread writer([&] {
    EXPECT_TRUE(both.write(content));
    ::shutdown(both.kept, SHUT_WR);
  });
  EXPECT_TRUE(far.receive_all() == content);
  writer.join();
  far.close();
  EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
}

TEST_F(pipe_ends, a_socket_of_others_stays_blocking) {
  auto both = socket_pair();
  auto pipe = start(both, both);
  auto far = target.accept();
  ASSERT_TRUE(both.write("question"));
  EXPECT_EQ(far.receive(8), "question");
  ASSERT_TRUE(far.send("answer"));
  EXPECT_EQ(both.read(6), "answer");
  EXPECT_EQ(::fcntl(both.given, F_GETFL) & O_NONBLOCK, 0) << "while it is used";
  ::shutdown(both.kept, SHUT_WR);
  far.close();
  EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
  EXPECT_EQ(::fcntl(both.given, F_GETFL) & O_NONBLOCK, 0) << "and after it";
}

TEST_F(pipe_ends, a_device_without_input_is_waited_for_and_stops_nothing) {
  const descriptors in(::eventfd(0, EFD_CLOEXEC), -1);
  auto out = make_pipe(false);
  auto pipe = start(in, out);
  descriptors::drop(out.given);
  auto far = target.accept();
  ASSERT_TRUE(far.send("answer"));
  EXPECT_EQ(out.read(6), "answer");
  ASSERT_EQ(::eventfd_write(in.given, 1), 0);
  EXPECT_EQ(far.receive(8).size(), 8u);
}

// A service's log and what a program gives its children are sockets that others write to as well.
TEST_F(pipe_ends, a_socket_of_others_is_neither_ended_nor_made_non_blocking) {
  const auto in = nothing();
  auto out = socket_pair();
  auto pipe = start(in, out);
  auto far = target.accept();
  std::thread writer([&] { EXPECT_TRUE(far.send(content)); });
  EXPECT_TRUE(out.read(large) == content);
  writer.join();
  EXPECT_EQ(::fcntl(out.given, F_GETFL) & O_NONBLOCK, 0) << "while it runs";
  far.close();
  EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
  EXPECT_EQ(::fcntl(out.given, F_GETFL) & O_NONBLOCK, 0) << "afterwards";
  ASSERT_EQ(::send(out.given, "others", 6, MSG_NOSIGNAL), 6);
  EXPECT_EQ(out.read(6), "others");
}

TEST_F(pipe_ends, the_end_of_a_socket_is_seen_while_stdin_is_open) {
  auto in = make_pipe(true);
  auto out = socket_pair();
  auto pipe = start(in, out);
  descriptors::drop(in.given);
  descriptors::drop(out.given);
  auto far = target.accept();
  ASSERT_TRUE(far.send("bye"));
  far.close();
  EXPECT_EQ(out.read(100), "bye") << "and then its end";
  descriptors::drop(in.kept);
  EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
}

TEST_F(pipe_ends, a_file_that_may_not_grow_is_an_error_with_words) {
  auto in = make_pipe(true);
  const auto out = temporary_file();
  auto pipe = start(in, out);
  const rlimit little{1000, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(pipe->id(), RLIMIT_FSIZE, &little, nullptr), 0);
  auto far = target.accept();
  ASSERT_TRUE(far.send(std::string(5000, 'x')));
  far.close();
  descriptors::drop(in.given);
  descriptors::drop(in.kept);
  EXPECT_EQ(pipe->finish(), 1);
  EXPECT_NE(pipe->errors().find("File too large"), std::string::npos) << pipe->errors();
}

TEST_F(pipe_ends, the_end_of_a_terminal_is_the_end_of_stdin) {
  auto in = terminal();
  auto out = make_pipe(false);
  auto pipe = start(in, out);
  descriptors::drop(in.given);
  descriptors::drop(out.given);
  auto far = target.accept();
  ASSERT_TRUE(in.write("typed"));
  EXPECT_EQ(far.receive(5), "typed");
  descriptors::drop(in.kept);
  EXPECT_EQ(far.receive_all(), "");
  EXPECT_EQ(far.error(), 0);
  ASSERT_TRUE(far.send("answer"));
  far.close();
  EXPECT_EQ(out.read(100), "answer");
  EXPECT_EQ(pipe->finish(), 0) << pipe->errors();
}

TEST_F(pipe_ends, stdin_goes_on_when_nobody_reads_stdout_and_the_exit_code_tells_the_loss) {
  auto in = make_pipe(true);
  auto out = make_pipe(false);
  auto pipe = start(in, out);
  descriptors::drop(in.given);
  descriptors::drop(out.given);
  descriptors::drop(out.kept);
  auto far = target.accept();
  ASSERT_TRUE(far.send("nobody reads this"));
  std::thread writer([&] {
    EXPECT_TRUE(in.write(content));
    descriptors::drop(in.kept);
  });
  EXPECT_TRUE(far.receive_all() == content);
  EXPECT_EQ(far.error(), 0);
  writer.join();
  far.close();
  EXPECT_EQ(pipe->finish(), 1);
  EXPECT_EQ(pipe->errors(), "") << "who stopped reading knows it";
}

TEST_F(pipe_ends, a_target_that_throws_bytes_away_is_no_exit_code_0) {
  auto in = make_pipe(true);
  auto out = make_pipe(false);
  auto pipe = start(in, out);
  descriptors::drop(in.given);
  descriptors::drop(out.given);
  auto far = target.accept();
  ASSERT_TRUE(in.write("never read"));
  ASSERT_TRUE(far.readable());
  ASSERT_TRUE(far.send("answer"));
  far.close();  // with unread input: a reset
  EXPECT_EQ(out.read(100), "answer");
  EXPECT_EQ(pipe->finish(), 1);
  EXPECT_NE(pipe->errors().find("connection reset"), std::string::npos) << pipe->errors();
}

}  // namespace
}  // namespace rendr::test
