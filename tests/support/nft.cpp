// SPDX-License-Identifier: Apache-2.0
#include "support/nft.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace rendr::test::nft {
namespace {

std::string program() {
  for (const auto* path : {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

/// Runs nft in a namespace; what it said, or throws with that.
std::string run(const netns& where, std::vector<std::string> words) {
  words.insert(words.begin(), program());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  const owned_fd output(ends[0]);
  owned_fd input(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int fd : {1, 2}) ::posix_spawn_file_actions_adddup2(&actions, input.get(), fd);
  pid_t pid = 0;
  int error = 0;
  {
    const netns::scope there(where);
    std::array<char*, 1> environment{};
    error =
        ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  }
  ::posix_spawn_file_actions_destroy(&actions);
  input = owned_fd();
  if (error != 0) throw std::system_error(error, std::generic_category(), "nft");
  std::string said;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = ::read(output.get(), piece.data(), piece.size())) > 0;) {
    said.append(piece.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) throw std::runtime_error("nft: " + said);
  return said;
}

}  // namespace

std::string unavailable() {
  if (auto why = netns::unavailable(); !why.empty()) return why;
  if (program().empty()) return "nft (package nftables) is not installed";
  try {
    const netns probe;
    apply(probe, "table ip probe {\nchain c {\ntype nat hook postrouting priority 100\n}\n}");
  } catch (const std::exception& e) {
    return std::string("packet filters do not work here: ") + e.what();
  }
  return {};
}

void apply(const netns& where, std::string_view rules) { run(where, {std::string(rules)}); }

std::uint64_t packets(const netns& where, std::string_view table) {
  std::istringstream words(run(where, {"list table " + std::string(table)}));
  std::uint64_t sum = 0;
  for (std::string word, before; words >> word; before = word) {
    if (before == "packets") sum += std::stoull(word);
  }
  return sum;
}

}  // namespace rendr::test::nft
