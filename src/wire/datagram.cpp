// SPDX-License-Identifier: Apache-2.0
#include "wire/datagram.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "wire/varint.hpp"

namespace rendr::wire {

namespace {

constexpr std::byte key_phase_flag{0x80};  // in the form byte

}  // namespace

std::size_t write_datagram_head(const datagram_head& head,
                                std::span<std::byte, max_datagram_head> out) noexcept {
  assert(!head.key_phase || head.kind == form::record);
  write_prologue({head.kind, version, head.token}, out.first<prologue_size>());
  if (head.key_phase) out[0] |= key_phase_flag;
  return prologue_size + write_varint(head.number, out.subspan<prologue_size>());
}

result<datagram_view> read_datagram(bytes_view in) noexcept {
  if (in.size() < prologue_size + crc_size) return errc::protocol_violation;
  std::array<std::byte, prologue_size> first{};
  std::ranges::copy(in.first<prologue_size>(), first.begin());
  datagram_view d;
  d.head.key_phase = (first[0] & key_phase_flag) != std::byte{0};
  first[0] &= ~key_phase_flag;
  const auto p = read_prologue(first);
  if (!p) return p.error();
  d.head.kind = (*p)->kind;
  d.head.token = (*p)->token;
  if (d.head.key_phase && d.head.kind != form::record) return errc::protocol_violation;

  const auto body = in.first(in.size() - crc_size);
  if (!std::ranges::equal(record_crc(std::array{body}), in.last(crc_size))) {
    return errc::protocol_violation;
  }
  const auto after_prologue = body.subspan(prologue_size);
  const auto number_size = read_varint(after_prologue, d.head.number);
  if (number_size == 0 || number_size == after_prologue.size()) return errc::protocol_violation;
  d.payload = after_prologue.subspan(number_size);
  return d;
}

}  // namespace rendr::wire
