// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/crypto.hpp"

namespace rendr {

/// Secret random bytes from one 32-byte seed: ChaCha20 with fast key erasure, so that what was
/// handed out cannot be computed from a later state. The same seed gives the same bytes. It is
/// never copied or moved: two generators with one state would hand out one secret twice.
class drbg {
 public:
  /// @param seed from the system's generator in the runtime, fixed in tests.
  explicit drbg(const secret<32>& seed) noexcept : key_(seed) {}
  drbg(const drbg&) = delete;
  drbg& operator=(const drbg&) = delete;

  /// Overwrites `out` with fresh bytes.
  void fill(bytes_span out) noexcept;
  std::uint64_t u64() noexcept;
  /// N fresh bytes.
  template <std::size_t N>
  byte_array<N> array() noexcept {
    byte_array<N> out;
    fill(out);
    return out;
  }

 private:
  static constexpr std::size_t pool_size = 480;

  void refill() noexcept;

  secret<32> key_;
  secret<pool_size> pool_;
  std::size_t used_ = pool_size;
};

}  // namespace rendr
