// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rendr::test {

/// The program as a child, with pipes to its three descriptors, or with other descriptors as its
/// stdin and stdout (which stay the caller's). Killed when the object goes.
class process {
 public:
  /// Where a descriptor leads instead of to a pipe: a path, or "-": it is closed.
  struct leads {
    std::string out = {};
    std::string err = {};
  };
  explicit process(std::vector<std::string> arguments, int stdin_fd = -1, int stdout_fd = -1)
      : process(std::move(arguments), leads{}, stdin_fd, stdout_fd) {}
  process(std::vector<std::string> arguments, const leads& to, int stdin_fd = -1,
          int stdout_fd = -1) {
    int in[2];
    int out[2];
    int err[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 ||
        ::pipe2(err, O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe failed");
    }
    arguments.insert(arguments.begin(), RENDR_PROGRAM);
    std::vector<char*> words;
    for (auto& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(stdin_fd >= 0 ? stdin_fd : in[0], 0);
      ::dup2(stdout_fd >= 0 ? stdout_fd : out[1], 1);
      ::dup2(err[1], 2);
      lead(1, to.out);
      lead(2, to.err);
      ::execv(RENDR_PROGRAM, words.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    close_input();
    if (out_ >= 0) ::close(out_);
    ::close(err_);
  }

  /// Makes the pipe behind its stderr as small as can be, and full.
  void stuff_errors() const {
    ::fcntl(err_, F_SETPIPE_SZ, 4096);
    const auto path = "/proc/" + std::to_string(pid_) + "/fd/2";
    const int own = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    while (::write(own, "#", 1) == 1) {
    }
    ::close(own);
  }
  /// The exit code, found without reading anything; -1: it did not end in 60 s.
  int finish_unread() {
    for (auto left = std::chrono::milliseconds(60'000); left.count() > 0;
         left -= std::chrono::milliseconds(10)) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        ended_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      ::poll(nullptr, 0, 10);
    }
    return -1;
  }
  void close_output() { ::close(std::exchange(out_, -1)); }
  /// What a descriptor of it is, e.g. "/dev/null".
  std::string descriptor(int fd) const {
    char name[4096];
    const auto path = "/proc/" + std::to_string(pid_) + "/fd/" + std::to_string(fd);
    const auto n = ::readlink(path.c_str(), name, sizeof name);
    return n < 0 ? std::string() : std::string(name, static_cast<std::size_t>(n));
  }

  void signal(int number) const { ::kill(pid_, number); }
  pid_t id() const { return pid_; }
  void send(const std::string& text) const {
    std::size_t at = 0;
    while (at < text.size()) {
      const auto n = ::write(in_, text.data() + at, text.size() - at);
      if (n <= 0) return;
      at += static_cast<std::size_t>(n);
    }
  }
  void close_input() {
    if (in_ >= 0) ::close(std::exchange(in_, -1));
  }

  /// Reads stderr until `part` stands in it; false: it ended, or 60 s passed.
  bool await_error(const std::string& part) {
    while (errors_.find(part) == std::string::npos) {
      if (!read_more(std::chrono::steady_clock::now() + std::chrono::seconds(60), false)) {
        return errors_.find(part) != std::string::npos;
      }
    }
    return true;
  }
  /// Reads everything and returns the exit code; -1: a signal ended it or 60 s passed.
  int finish() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (read_more(limit, true)) {
    }
    if (std::chrono::steady_clock::now() >= limit) return -1;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

 private:
  static void lead(int fd, const std::string& to) {
    if (to.empty()) return;
    ::close(fd);
    if (to == "-") return;
    int made = ::open(to.c_str(), O_WRONLY);
    if (made < 0) made = ::open(to.c_str(), O_RDONLY);  // a directory
    ::dup2(made, fd);
    if (made != fd) ::close(made);
  }

  /// One read of what comes first; false at the end or the limit.
  bool read_more(std::chrono::steady_clock::time_point limit, bool until_both_end) {
    pollfd fds[2] = {{out_open_ ? out_ : -1, POLLIN, 0}, {err_open_ ? err_ : -1, POLLIN, 0}};
    if (!err_open_ && (!until_both_end || !out_open_)) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        limit - std::chrono::steady_clock::now());
    if (left.count() <= 0 || ::poll(fds, 2, static_cast<int>(left.count())) <= 0) return false;
    char block[65536];
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      const auto n = ::read(fds[i].fd, block, sizeof block);
      if (n > 0) {
        (i == 0 ? output_ : errors_).append(block, static_cast<std::size_t>(n));
      } else {
        (i == 0 ? out_open_ : err_open_) = false;
      }
    }
    return true;
  }

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  bool out_open_ = true;
  bool err_open_ = true;
  bool ended_ = false;
  std::string output_;
  std::string errors_;
};

}  // namespace rendr::test
