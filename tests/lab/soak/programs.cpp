// SPDX-License-Identifier: Apache-2.0
#include "lab/soak/programs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace rendr::test {
namespace {

/// True when it has ended within `milliseconds`.
bool ended(pid_t pid, int milliseconds) {
  const owned_fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd wait{handle.get(), POLLIN, 0};
  return ::poll(&wait, 1, milliseconds) > 0;
}

/// The variables that load the meter of the heap.
std::vector<std::string> heap_figure(const std::string& file) {
  const auto tools = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return {"LD_PRELOAD=" + (tools / "liblab_heap_figure.so").string(), "RENDR_LAB_HEAP=" + file};
}

}  // namespace

program::program(const netns& where, std::vector<std::string> words, const std::string& log,
                 const std::string& heap) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const owned_fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  auto additions = heap.empty() ? std::vector<std::string>() : heap_figure(heap);
  std::vector<char*> variables;
  for (char** one = environ; *one != nullptr; ++one) variables.push_back(*one);
  for (auto& one : additions) variables.push_back(one.data());
  variables.push_back(nullptr);
  const auto parent = ::getpid();
  const netns::scope there(where);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  ::dup2(output.get(), 1);
  ::dup2(output.get(), 2);
  ::execvpe(arguments[0], arguments.data(), variables.data());
  ::_exit(127);
}

int program::end() {
  if (pid_ < 0) return 0;
  for (int i = 0; i < 2; ++i) {
    ::kill(pid_, SIGTERM);
    if (ended(pid_, 3000)) return wait();
  }
  ::kill(pid_, SIGKILL);
  return wait();
}

int program::wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

process_figures look_at(pid_t pid) {
  const auto folder = "/proc/" + std::to_string(pid);
  process_figures figures;
  std::ifstream status(folder + "/status");
  for (std::string word; status >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "RssAnon:" && status >> kibibytes) figures.anonymous = kibibytes * 1024;
  }
  std::error_code gone;
  for (std::filesystem::directory_iterator at(folder + "/fd", gone), none; at != none;
       at.increment(gone)) {
    ++figures.descriptors;
  }
  return figures;
}

std::uint64_t heap_of(const std::string& file) {
  std::uint64_t bytes = 0;
  std::ifstream(file).read(reinterpret_cast<char*>(&bytes), sizeof bytes);
  if (bytes == 0) throw std::runtime_error("nothing tells the heap of a program: " + file);
  return bytes;
}

std::size_t lines_with(const std::string& file, const std::string& text, const std::string& other) {
  std::ifstream log(file);
  std::size_t n = 0;
  for (std::string line; std::getline(log, line);) {
    if (line.find(text) != line.npos && line.find(other) != line.npos) ++n;
  }
  return n;
}

}  // namespace rendr::test
