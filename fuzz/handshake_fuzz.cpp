// SPDX-License-Identifier: Apache-2.0
// The payload of a handshake record: what is accepted is written again as it came, byte for byte.
#include <cstddef>
#include <cstdint>

#include "fuzz_check.hpp"
#include "wire/handshake.hpp"

using namespace rendr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view payload = std::as_bytes(std::span(data, size));
  const auto message = wire::decode_handshake(payload);
  if (!message) {
    fuzz::check(message.error() == errc::protocol_violation);
    return 0;
  }
  fuzz::check(fuzz::equal(wire::encode(*message), payload));
  return 0;
}
