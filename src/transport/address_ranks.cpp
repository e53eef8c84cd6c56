// SPDX-License-Identifier: Apache-2.0
#include "transport/address_ranks.hpp"

#include <algorithm>
#include <tuple>

namespace rendr::transport {

address_ranks::row& address_ranks::at(const endpoint& address) {
  const auto found = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const row& one) { return one.address == address; });
  return found == rows_.end() ? rows_.emplace_back(row{address}) : *found;
}

void address_ranks::tried(const endpoint& address) {
  const std::lock_guard lock(mutex_);
  at(address).tried = ++count_;
}

void address_ranks::good(const endpoint& address) {
  const std::lock_guard lock(mutex_);
  for (auto& one : rows_) one.tried = 0;
  at(address).served = ++count_;
}

void address_ranks::known(const std::vector<endpoint>& addresses) {
  const std::lock_guard lock(mutex_);
  const auto same = [](const row& one, const endpoint& address) { return one.address == address; };
  if (std::equal(rows_.begin(), rows_.end(), addresses.begin(), addresses.end(), same)) return;
  std::vector<row> rows;
  for (const auto& address : addresses) {
    const auto old = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const row& one) { return one.address == address; });
    rows.push_back(old == rows_.end() ? row{address} : *old);
  }
  rows_ = std::move(rows);
}

std::vector<address_ranks::endpoint> address_ranks::order() const {
  const std::lock_guard lock(mutex_);
  auto rows = rows_;
  std::stable_sort(rows.begin(), rows.end(), [](const row& a, const row& b) {
    return std::tuple(a.tried, b.served) < std::tuple(b.tried, a.served);
  });
  std::vector<endpoint> result;
  result.reserve(rows.size());
  for (const auto& one : rows) result.push_back(one.address);
  return result;
}

bool address_ranks::more() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(rows_.begin(), rows_.end(), [](const row& one) { return one.tried == 0; });
}

}  // namespace rendr::transport
