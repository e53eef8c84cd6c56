// SPDX-License-Identifier: Apache-2.0
#include "cli/log_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace rendr::cli {
namespace {

using namespace std::chrono_literals;

log_writer::options telling_of_lost(std::size_t most_bytes = 256 * 1024) {
  log_writer::options chosen;
  chosen.most_bytes = most_bytes;
  chosen.of_lost = [](std::uint64_t lost) { return std::to_string(lost) + " lost\n"; };
  return chosen;
}

/// A pipe of one page, as small as the system makes them.
struct small_pipe : testing::Test {
  small_pipe() {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    near = ends[0];
    far = ends[1];
    ::fcntl(far, F_SETPIPE_SZ, 4096);
  }
  ~small_pipe() override {
    close_reader();
    ::close(far);
  }
  void close_reader() {
    if (near >= 0) ::close(std::exchange(near, -1));
  }
  void fill() {
    const int own = ::open(("/proc/self/fd/" + std::to_string(far)).c_str(), O_WRONLY | O_NONBLOCK);
    ASSERT_GE(own, 0);
    while (::write(own, "#", 1) == 1) {
    }
    ::close(own);
  }
  /// Reads until `part` is there; false: nothing came for 20 s.
  bool await(const std::string& part) {
    while (text.find(part) == std::string::npos) {
      pollfd ready{near, POLLIN, 0};
      if (::poll(&ready, 1, 20'000) <= 0) return false;
      char block[4096];
      const auto n = ::read(near, block, sizeof block);
      if (n <= 0) return false;
      text.append(block, static_cast<std::size_t>(n));
    }
    return true;
  }

  int near = -1;
  int far = -1;
  std::string text;
};

TEST_F(small_pipe, lines_arrive_in_their_order_and_all_of_them_before_the_end) {
  std::string expected;
  {
    log_writer to(far, telling_of_lost());
    for (int i = 0; i < 100; ++i) {
      const auto line = "line " + std::to_string(i) + "\n";
      EXPECT_TRUE(to.write(line));
      expected += line;
    }
  }
  ASSERT_TRUE(await("line 99\n"));
  EXPECT_EQ(text, expected);
}

TEST_F(small_pipe, nobody_waits_for_a_reader_and_what_was_lost_is_counted) {
  fill();
  log_writer to(far, telling_of_lost(1000));
  const std::string line(99, 'x');
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += to.write(line + "\n") ? 1 : 0;
  EXPECT_EQ(taken, 10);
  ASSERT_TRUE(await("lost\n"));
  EXPECT_NE(text.find("x\n99990 lost\n"), std::string::npos) << text.substr(4096);
  EXPECT_TRUE(to.write("goes on\n"));
  EXPECT_TRUE(await("goes on\n"));
}

TEST_F(small_pipe, the_end_does_not_wait_for_a_reader_that_never_comes) {
  fill();
  auto chosen = telling_of_lost();
  chosen.linger = 50ms;
  std::optional<log_writer> to;
  to.emplace(far, chosen);
  EXPECT_TRUE(to->write("never read\n"));
  to.reset();  // or the test is killed for its time
  ASSERT_TRUE(await("never read\n")) << "a late reader finds it all the same";
}

TEST_F(small_pipe, a_late_reader_makes_nobody_ask_who_is_gone_of_what_was_lost) {
  fill();
  auto chosen = telling_of_lost(100);
  chosen.linger = 50ms;
  const auto asked = std::make_shared<std::atomic<int>>(0);
  chosen.of_lost = [asked](std::uint64_t) {
    ++*asked;
    return std::string("lost\n");
  };
  std::optional<log_writer> to;
  to.emplace(far, chosen);
  chosen.of_lost = nullptr;
  EXPECT_TRUE(to->write("never read\n"));
  EXPECT_FALSE(to->write(std::string(200, 'x') + "\n"));
  to.reset();
  ASSERT_TRUE(await("never read\n"));
  for (int i = 0; i < 20'000 && asked.use_count() > 1; ++i) ::poll(nullptr, 0, 1);
  EXPECT_EQ(asked.use_count(), 1) << "the thread has ended";
  EXPECT_EQ(*asked, 0);
}

TEST_F(small_pipe, a_description_that_somebody_made_non_blocking_is_waited_for_and_left_so) {
  ::fcntl(far, F_SETFL, ::fcntl(far, F_GETFL) | O_NONBLOCK);
  fill();
  log_writer to(far, telling_of_lost());
  EXPECT_TRUE(to.write("after all\n"));
  EXPECT_TRUE(await("after all\n"));
  EXPECT_NE(::fcntl(far, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(small_pipe, a_blocking_description_stays_blocking) {
  log_writer to(far, telling_of_lost());
  EXPECT_TRUE(to.write("hello\n"));
  EXPECT_TRUE(await("hello\n"));
  EXPECT_EQ(::fcntl(far, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(small_pipe, a_pipe_without_a_reader_takes_nothing_and_stops_nobody) {
  close_reader();
  log_writer to(far, telling_of_lost());
  for (int i = 0; i < 1000; ++i) to.write("into the void\n");
}

TEST(log_writer, a_closed_descriptor_or_a_directory_stops_nobody) {
  const int gone = ::dup(2);
  ::close(gone);
  log_writer closed(gone, telling_of_lost());
  EXPECT_TRUE(closed.write("into the void\n"));
  const int directory = ::open("/", O_RDONLY | O_CLOEXEC);
  log_writer at(directory, telling_of_lost());
  EXPECT_TRUE(at.write("into the void\n"));
  ::close(directory);
}

TEST(log_writer, a_full_disk_stops_nobody_and_its_end_is_at_once) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    auto chosen = telling_of_lost();
    chosen.linger = 1h;
    log_writer to(full, chosen);
    EXPECT_TRUE(to.write("no space\n"));
  }
  ::close(full);
}

// `stty tostop`, and a background job that has something to tell.
std::atomic<bool> was_refused{false};

/// A file that takes no byte more, until `give_space`: a limit of its size refuses as a full disk.
struct full_file {
  full_file()
      : stream(std::tmpfile()), before(std::signal(SIGXFSZ, [](int) { was_refused = true; })) {
    EXPECT_NE(stream, nullptr);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit none{0, limit.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  }
  ~full_file() {
    give_space();
    std::signal(SIGXFSZ, before);
    std::fclose(stream);
  }
  void give_space() const { ::setrlimit(RLIMIT_FSIZE, &limit); }
  int fd() const { return ::fileno(stream); }
  std::string content() const {
    std::string text(4096, ' ');
    const auto n = ::pread(fd(), text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  std::FILE* stream;
  void (*before)(int);
  rlimit limit{};
};

TEST(log_writer, when_there_is_space_again_the_log_goes_on_with_what_waited) {
  const full_file file;
  {
    log_writer to(file.fd(), telling_of_lost());
    EXPECT_TRUE(to.write("while it is full\n"));
    while (!was_refused) std::this_thread::yield();
    file.give_space();
    EXPECT_TRUE(to.write("with space\n"));
    while (!to.idle()) std::this_thread::yield();
  }
  EXPECT_EQ(file.content(), "while it is full\nwith space\n");
}

TEST(log_writer, a_terminal_that_stops_its_background_does_not_stop_the_program) {
  int master = -1;
  int terminal = -1;
  ASSERT_EQ(::openpty(&master, &terminal, nullptr, nullptr, nullptr), 0);
  termios mode{};
  ASSERT_EQ(::tcgetattr(terminal, &mode), 0);
  mode.c_lflag |= TOSTOP;
  ASSERT_EQ(::tcsetattr(terminal, TCSANOW, &mode), 0);
  constexpr int told = 7;
  const pid_t shell = ::fork();
  if (shell == 0) {
    ::setsid();
    ::ioctl(terminal, TIOCSCTTY, 0);
    const pid_t job = ::fork();
    if (job == 0) {
      ::setpgid(0, 0);
      { log_writer(terminal, telling_of_lost()).write("told\n"); }
      ::_exit(told);
    }
    int status = 0;
    ::waitpid(job, &status, WUNTRACED);
    if (WIFSTOPPED(status)) ::kill(job, SIGKILL);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(shell, &status, 0), shell);
  EXPECT_EQ(WEXITSTATUS(status), told) << "it was stopped";
  std::string shown(100, '\0');
  ::fcntl(master, F_SETFL, O_NONBLOCK);
  const auto n = ::read(master, shown.data(), shown.size());
  EXPECT_EQ(shown.substr(0, static_cast<std::size_t>(std::max<ssize_t>(n, 0))), "told\r\n");
  ::close(terminal);
  ::close(master);
}

TEST_F(small_pipe, what_is_due_is_asked_for_on_the_thread_after_lines_were_given) {
  auto chosen = telling_of_lost();
  log_writer* self = nullptr;
  int asked = 0;
  chosen.on_time = [&](log_writer::clock::time_point now) {
    if (++asked == 3) self->write("due\n");
    return asked < 3 ? now + 1ms : log_writer::clock::time_point::max();
  };
  log_writer to(far, chosen);
  self = &to;
  EXPECT_TRUE(to.write("first\n"));
  EXPECT_TRUE(await("due\n"));
  EXPECT_EQ(text, "first\ndue\n");
}

}  // namespace
}  // namespace rendr::cli
