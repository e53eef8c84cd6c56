// SPDX-License-Identifier: Apache-2.0
#include "engine/door/source_table.hpp"

#include <algorithm>
#include <vector>

#include "engine/config.hpp"

namespace rendr::engine {

namespace {

constexpr std::string_view mapped = "::ffff:";

std::vector<std::string_view> groups_of(std::string_view part) {
  std::vector<std::string_view> out;
  while (!part.empty()) {
    const auto end = std::min(part.find(':'), part.size());
    out.push_back(part.substr(0, end));
    part.remove_prefix(std::min(end + 1, part.size()));
  }
  return out;
}

// The first four groups of an IPv6 address in the text form of RFC 5952.
std::string prefix_of(std::string_view address) {
  constexpr std::size_t all = 8;
  const auto gap = address.find("::");
  auto groups = groups_of(address.substr(0, gap));
  if (gap != std::string_view::npos) {
    const auto behind = groups_of(address.substr(gap + 2));
    while (groups.size() + behind.size() < all) groups.push_back("0");
    groups.insert(groups.end(), behind.begin(), behind.end());
  }
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(groups.size(), 4); ++i) {
    out += groups[i];
    out += ':';
  }
  return out + ":/64";
}

}  // namespace

std::string source_key(std::string_view remote) {
  const auto host = remote.substr(0, remote.rfind(':'));
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::string(host);
  const auto address = host.substr(1, host.size() - 2);
  // A socket that takes both families shows IPv4 in the clothes of IPv6.
  if (address.starts_with(mapped) && address.find('.') != address.npos)
    return std::string(address.substr(mapped.size()));
  return prefix_of(address);
}

std::size_t share_of(std::size_t limit) noexcept {
  return std::max<std::size_t>(limit / defaults::sources_at_once, 1);
}

void source_table::remove(const std::string& source) {
  const auto it = counts_.find(source);
  if (--it->second == 0) counts_.erase(it);
}

std::size_t source_table::count(const std::string& source) const {
  const auto it = counts_.find(source);
  return it == counts_.end() ? 0 : it->second;
}

std::size_t source_table::most() const noexcept {
  std::size_t out = 0;
  for (const auto& [source, n] : counts_) out = std::max(out, n);
  return out;
}

}  // namespace rendr::engine
