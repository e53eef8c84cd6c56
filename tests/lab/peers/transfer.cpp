// SPDX-License-Identifier: Apache-2.0
#include "lab/peers/transfer.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

/// Waits until a descriptor is readable, at most so long.
bool readable(int fd, duration within) {
  pollfd one{fd, POLLIN, 0};
  const timespec limit{static_cast<time_t>(within / 1s), static_cast<long>((within % 1s).count())};
  return ::ppoll(&one, 1, &limit, nullptr) > 0;
}

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(core), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

child::child(const netns& where, int core, trace& errors, const std::function<void()>& body) {
  const netns::scope there(where);
  pid_ = checked(::fork(), "fork");
  if (pid_ > 0) {
    handle_ = owned_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    checked(handle_.get(), "pidfd_open");
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (core >= 0) pin(core);
  try {
    body();
  } catch (const std::exception& e) {
    errors.set_error(e.what());
  }
  ::_exit(1);
}

child::~child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool child::running() const { return !readable(handle_.get(), 0s); }

double child::cpu_seconds() const {
  clockid_t clock{};
  timespec t{};
  if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

transfer::transfer(const emulator& net, const job& what, bool pinned) {
  static_cast<void>(content());  // made once, before the processes are
  const auto limit = monotonic_now() + 10s;
  const auto& far_end = net.server();
  const auto& near_end = what.loopback ? net.server() : net.client();
  receiver_.emplace(far_end, pinned ? 1 : -1, far_, [&] { receive_all(what, far_); });
  while (far_.port() == 0 && receiver_->running() && monotonic_now() < limit) {
    ::poll(nullptr, 0, 1);
  }
  if (far_.port() == 0) throw std::runtime_error(what.name + ": " + far_.error());
  sender_.emplace(near_end, pinned ? 0 : -1, near_, [&] { send_all(what, far_.port(), near_); });
  if (!wait(limit, [this] { return far_.total() > 0; })) {
    throw std::runtime_error(what.name + " did not begin: " + error());
  }
}

std::string transfer::error() const {
  const auto near = near_.error();
  return near.empty() ? far_.error() : near;
}

bool transfer::wait(instant end, const std::function<bool()>& done) const {
  for (;;) {
    if (done()) return true;
    if (!running() || monotonic_now() >= end) return false;
    ::poll(nullptr, 0, 1);
  }
}

void transfer::run_until(instant end) const {
  if (!wait(end, [] { return false; }) && monotonic_now() < end) {
    throw std::runtime_error("a transfer ended early: " + error());
  }
}

void run_in(const netns& where, const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const netns::scope there(where);
  const auto pid = checked(::fork(), "fork");
  if (pid == 0) {
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) {
    std::string text;
    for (const auto& word : command) text += (text.empty() ? "" : " ") + word;
    throw std::runtime_error("failed: " + text);
  }
}

}  // namespace rendr::test
