// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cli/commands.hpp"

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
    } else {
      std::cerr << "rendr: error: " << outcome.text << '\n';
    }
    return outcome.code;
  }
  const auto& line = *outcome.command;
  console to(std::cout, std::cerr, line.level, line.quiet, terminal_of(STDERR_FILENO));
  try {
    return std::visit(runner{to}, line.command);
  } catch (const std::exception& e) {
    to.error(e.what());
    return exit_code::failed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a broken pipe is an error of its write
  return static_cast<int>(run({argv + (argc > 0 ? 1 : 0), argv + argc}));
}
