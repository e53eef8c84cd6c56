// SPDX-License-Identifier: Apache-2.0
// The frames of one record's payload: what is accepted is written again as it came, byte for byte.
#include <cstddef>
#include <cstdint>

#include "fuzz_check.hpp"
#include "wire/frames.hpp"

using namespace rendr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view payload = std::as_bytes(std::span(data, size));
  bytes again(size);
  std::size_t used = 0;
  wire::frame_reader reader(payload);
  for (;;) {
    const auto next = reader.next();
    if (!next) {
      fuzz::check(next.error() == errc::protocol_violation);
      fuzz::check(!reader.next());
      return 0;
    }
    if (!*next) break;
    const auto before = used;
    fuzz::check(wire::append(**next, again, used));
    fuzz::check(used - before == wire::encoded_size(**next));
  }
  fuzz::check(used == size);
  fuzz::check(fuzz::equal(again, payload));
  return 0;
}
