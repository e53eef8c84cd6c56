// SPDX-License-Identifier: Apache-2.0
#include "relay/buffer.hpp"

#include <utility>
#include <vector>

namespace rendr::relay {

namespace {

constexpr std::size_t kept = 16;

std::vector<std::unique_ptr<std::byte[]>>& free_buffers() {
  thread_local std::vector<std::unique_ptr<std::byte[]>> list;
  return list;
}

}  // namespace

buffer buffer::take() {
  buffer result;
  auto& list = free_buffers();
  if (list.empty()) {
    result.bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
  } else {
    result.bytes_ = std::move(list.back());
    list.pop_back();
  }
  return result;
}

buffer& buffer::operator=(buffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  buffer dropped(std::move(other));
  return *this;
}

buffer::~buffer() {
  if (!bytes_) return;
  auto& list = free_buffers();
  if (list.size() < kept) list.push_back(std::move(bytes_));
}

}  // namespace rendr::relay
