// SPDX-License-Identifier: Apache-2.0
#include "base/drbg.hpp"

#include <algorithm>
#include <cstring>

namespace rendr {

void drbg::fill(bytes_span out) noexcept {
  while (!out.empty()) {
    if (used_ == pool_size) refill();
    const auto n = std::min(out.size(), pool_size - used_);
    const auto fresh = pool_.span().subspan(used_, n);
    std::copy(fresh.begin(), fresh.end(), out.begin());
    crypto::wipe(fresh);
    used_ += n;
    out = out.subspan(n);
  }
}

std::uint64_t drbg::u64() noexcept {
  byte_array<8> raw;
  fill(raw);
  std::uint64_t value = 0;
  for (const auto b : raw) value = value << 8 | std::to_integer<std::uint64_t>(b);
  return value;
}

void drbg::refill() noexcept {
  secret<32 + pool_size> block;
  // One nonce for ever: each key makes one block, whose head is the next key.
  crypto::chacha20_stream(key_, byte_array<crypto::nonce_size>{}, block.span());
  key_ = secret<32>(block.view().first<32>());
  pool_ = secret<pool_size>(block.view().last<pool_size>());
  used_ = 0;
}

}  // namespace rendr
