// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "cli/commands.hpp"
#include "cli/limits.hpp"

namespace {

using namespace rendr::cli;

struct runner {
  console& to;
  exit_code operator()(const demo_options& o) const { return run_demo(o, to); }
  exit_code operator()(const serve_options& o) const { return run_serve(o, to); }
  exit_code operator()(const forward_options& o) const { return run_forward(o, to); }
  exit_code operator()(const pipe_options& o) const { return run_pipe(o, to); }
  exit_code operator()(const keygen_options& o) const { return run_keygen(o, to); }
};

exit_code run(const std::vector<std::string>& arguments) {
  const auto outcome = parse(arguments);
  if (!outcome.command) {
    if (outcome.code == exit_code::ok) {
      std::cout << outcome.text << std::flush;
      if (std::cout) return exit_code::ok;
    }
    console to(STDOUT_FILENO, STDERR_FILENO, log_level::error, false, terminal_of(STDERR_FILENO));
    to.error(outcome.code == exit_code::ok ? "cannot write to stdout" : outcome.text);
    return outcome.code == exit_code::ok ? exit_code::failed : outcome.code;
  }
  const auto& line = *outcome.command;
  console to(STDOUT_FILENO, STDERR_FILENO, line.level, line.quiet, terminal_of(STDERR_FILENO));
  try {
    const auto code = std::visit(runner{to}, line.command);
    if (to.result_error() == 0) return code;
    to.error("cannot write the result to stdout: " +
             std::generic_category().message(to.result_error()));
  } catch (const std::exception& e) {
    to.error(e.what());
  }
  return exit_code::failed;
}

// What is opened first would take the number of a standard descriptor that is closed, and a
// carrier would be given the log. Their reads and writes fail as they would have.
void keep_numbers() {
  constexpr std::array modes{O_WRONLY, O_RDONLY, O_RDONLY};  // of stdin, stdout, stderr
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", modes[static_cast<std::size_t>(fd)]) != fd) std::_Exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  keep_numbers();
  std::signal(SIGPIPE, SIG_IGN);  // a broken pipe is an error of its write
  std::signal(SIGXFSZ, SIG_IGN);  // so is a file of the log, or stdout, that may not grow
  raise_descriptor_limit();
  return static_cast<int>(run({argv + (argc > 0 ? 1 : 0), argv + argc}));
}
