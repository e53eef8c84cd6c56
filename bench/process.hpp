// layer: bench
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <type_traits>

namespace rendr::bench {

/// User and system time of this process so far, in seconds.
inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A pipe for values of trivial types between a process and its children.
class channel {
 public:
  channel() {
    if (pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  }
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  template <class T>
  void send(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 4096);
    if (::write(ends_[1], &value, sizeof(T)) != static_cast<ssize_t>(sizeof(T)))
      throw std::runtime_error("the other process is gone");
  }
  template <class T>
  T receive() {
    T value{};
    if (::read(ends_[0], &value, sizeof(T)) != static_cast<ssize_t>(sizeof(T)))
      throw std::runtime_error("the other process is gone");
    return value;
  }

 private:
  int ends_[2]{};
};

/// A child that runs `body` on core `core` and ends. It dies with its parent and after 60 seconds.
class process {
 public:
  template <class Body>
  process(unsigned core, Body body) {
    std::fflush(nullptr);
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("no process");
    if (pid_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(60);
    const auto cores = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core % static_cast<unsigned>(cores), &set);
    sched_setaffinity(0, sizeof(set), &set);
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(1);
    }
    std::fflush(nullptr);
    _exit(0);
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  pid_t id() const { return pid_; }
  /// Waits for it; throws when it failed.
  void join() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    if (status != 0) throw std::runtime_error("a measuring process failed");
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace rendr::bench
