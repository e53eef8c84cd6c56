// SPDX-License-Identifier: Apache-2.0
// What stands around frames: prologue, stream record, datagram. Each input is read as it is and,
// because no fuzzer guesses a CRC32C, once more with the checksum mended. What is accepted is
// written again as it came, byte for byte.
#include <cstddef>
#include <cstdint>

#include "fuzz_check.hpp"
#include "wire/datagram.hpp"
#include "wire/record.hpp"

using namespace rendr;

namespace {

void append(bytes& out, bytes_view more) { out.insert(out.end(), more.begin(), more.end()); }

/// The checksum of `body` put where `in` has its own.
bytes mended(bytes_view body) {
  bytes out(body.begin(), body.end());
  append(out, wire::record_crc(std::array{body}));
  return out;
}

void prologue(bytes_view in) {
  const auto p = wire::read_prologue(in);
  if (!p || !*p) return;
  std::array<std::byte, wire::prologue_size> again{};
  wire::write_prologue(**p, again);
  fuzz::check(fuzz::equal(again, in.first(wire::prologue_size)));
}

void record(bytes_view in) {
  const auto size = wire::record_size(in);
  const auto r = wire::read_record(in);
  if (!r) return;
  fuzz::check(size.has_value());
  if (!*r) {
    fuzz::check(!*size || **size > in.size());
    return;
  }
  fuzz::check(*size && **size == (*r)->size && (*r)->size <= in.size());
  std::array<std::byte, wire::max_record_head> head{};
  const auto head_size = wire::write_record_head((*r)->kind, (*r)->key_phase, (*r)->number,
                                                 (*r)->payload.size(), head);
  const auto head_view = bytes_view(head).first(head_size);
  bytes again(head_view.begin(), head_view.end());
  append(again, (*r)->payload);
  append(again, wire::record_crc(std::array{head_view, (*r)->payload}));
  fuzz::check(fuzz::equal(again, in.first((*r)->size)));
}

void datagram(bytes_view in) {
  const auto d = wire::read_datagram(in);
  if (!d) return;
  std::array<std::byte, wire::max_datagram_head> head{};
  const auto head_size = wire::write_datagram_head(d->head, head);
  bytes body(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(head_size));
  append(body, d->payload);
  fuzz::check(fuzz::equal(mended(body), in));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view in = std::as_bytes(std::span(data, size));
  prologue(in);
  record(in);
  datagram(in);
  if (size < wire::crc_size) return 0;
  datagram(mended(in.first(size - wire::crc_size)));
  const auto whole = wire::record_size(in);
  if (whole && *whole && **whole <= size) record(mended(in.first(**whole - wire::crc_size)));
  return 0;
}
