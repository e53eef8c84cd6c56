// SPDX-License-Identifier: Apache-2.0
#include "wire/metadata.hpp"

#include <array>

#include "wire/cursor.hpp"

namespace rendr::wire {

namespace {

void append_number(bytes& out, std::uint64_t value) {
  std::array<std::byte, max_varint_size> buffer{};
  const auto size = write_varint(value, buffer);
  out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
}

constexpr bool is_known(std::uint64_t type) noexcept {
  return type == static_cast<std::uint64_t>(metadata_type::target);
}

}  // namespace

void append_metadata(bytes& out, metadata_type type, bytes_view value) {
  append_number(out, static_cast<std::uint64_t>(type));
  append_number(out, value.size());
  out.insert(out.end(), value.begin(), value.end());
}

result<std::optional<bytes_view>> find_metadata(bytes_view metadata, metadata_type type) noexcept {
  std::optional<bytes_view> found;
  std::optional<std::uint64_t> before;
  reader r(metadata);
  while (!r.rest().empty()) {
    const auto number = r.varint();
    const auto value = r.take(r.varint());
    const bool in_order = !before || number > *before;
    if (!r.ok() || !in_order || (number % 2 == 0 && !is_known(number))) {
      return errc::protocol_violation;
    }
    if (number == static_cast<std::uint64_t>(type)) found = value;
    before = number;
  }
  return found;
}

}  // namespace rendr::wire
