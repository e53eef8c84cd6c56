// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sodium/crypto_hash_sha256.h>

#include <array>
#include <cstddef>
#include <span>

namespace rendr::cli {

using digest = std::array<std::byte, 32>;

/// SHA-256 of what was added, in any pieces.
class sha256 {
 public:
  sha256() noexcept { crypto_hash_sha256_init(&state_); }
  void add(std::span<const std::byte> data) noexcept {
    if (data.empty()) return;
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(data.data()),
                              data.size());
  }
  /// Ends the sum; nothing may be added afterwards.
  digest finish() noexcept {
    digest result{};
    crypto_hash_sha256_final(&state_, reinterpret_cast<unsigned char*>(result.data()));
    return result;
  }

 private:
  crypto_hash_sha256_state state_{};
};

}  // namespace rendr::cli
