// SPDX-License-Identifier: Apache-2.0
#include "runtime/machine_limits.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

namespace rendr::detail {

namespace {

constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t least_budget = std::uint64_t{8} << 20;

std::string text_of(const std::string& path) {
  std::stringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

/// The number in a file of a cgroup; `unlimited`: there is no such file, or it says "max".
std::uint64_t number_in(const std::string& path) {
  const auto text = text_of(path);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? value : unlimited;
}

/// The lowest of the limits from `group` up to the root. A container sees its own group as the root
/// while its membership may name it as the host does: what is not there is passed over.
std::uint64_t lowest(const std::string& root, std::string_view group,
                     std::initializer_list<const char*> files) {
  auto result = unlimited;
  while (true) {
    for (const auto* file : files) {
      result = std::min(result, number_in(root + std::string(group) + "/" + file));
    }
    if (group.empty()) return result;
    group = group.substr(0, group.rfind('/'));
  }
}

bool names_memory(std::string_view controllers) {
  return ("," + std::string(controllers) + ",").find(",memory,") != std::string::npos;
}

}  // namespace

std::uint64_t cgroup_memory_limit(std::string_view membership, const std::string& root) {
  auto result = unlimited;
  while (!membership.empty()) {
    const auto line = membership.substr(0, membership.find('\n'));
    membership.remove_prefix(std::min(line.size() + 1, membership.size()));
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    auto group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (group == "/") group = {};
    if (controllers.empty()) {
      for (const auto* mount : {"", "/unified"}) {
        result = std::min(result, lowest(root + mount, group, {"memory.max", "memory.high"}));
      }
    } else if (names_memory(controllers)) {
      result = std::min(result, lowest(root + "/memory", group, {"memory.limit_in_bytes"}));
    }
  }
  return result;
}

std::uint64_t memory_of_process() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  const auto size = ::sysconf(_SC_PAGESIZE);
  const auto machine = pages > 0 && size > 0
                           ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size)
                           : std::uint64_t{4} << 30;
  return std::min(machine, cgroup_memory_limit(text_of("/proc/self/cgroup"), "/sys/fs/cgroup"));
}

std::size_t descriptor_limit() noexcept {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return 1024;
  return static_cast<std::size_t>(std::min<rlim_t>(now.rlim_cur, 1u << 30));
}

runtime_options fitted(runtime_options chosen) {
  constexpr std::size_t share = 8;  // each holds one, and those that were refused as many
  if (chosen.budget == 0) {
    chosen.budget = static_cast<std::size_t>(std::max(memory_of_process() / 4, least_budget));
  }
  const auto bearable = descriptor_limit() / share / std::max(chosen.loops, 1u);
  chosen.handshakes =
      std::clamp<std::size_t>(bearable, 1, std::max<std::size_t>(chosen.handshakes, 1));
  return chosen;
}

}  // namespace rendr::detail
