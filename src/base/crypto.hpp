// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

#include "base/bytes.hpp"

namespace rendr {

namespace crypto {

/// Overwrites memory in a way the compiler does not remove.
void wipe(bytes_span data) noexcept;

/// Compares in a time that depends on the lengths alone.
[[nodiscard]] bool equal(bytes_view a, bytes_view b) noexcept;

}  // namespace crypto

/// N bytes that nobody may print. Wiped when destroyed or moved from; compared in constant time.
template <std::size_t N>
class secret {
 public:
  secret() noexcept = default;
  explicit secret(std::span<const std::byte, N> data) noexcept {
    std::copy(data.begin(), data.end(), data_.begin());
  }
  secret(const secret&) noexcept = default;
  secret(secret&& other) noexcept : data_(other.data_) { crypto::wipe(other.data_); }
  secret& operator=(const secret&) noexcept = default;
  secret& operator=(secret&& other) noexcept {
    if (this != &other) {
      data_ = other.data_;
      crypto::wipe(other.data_);
    }
    return *this;
  }
  ~secret() { crypto::wipe(data_); }

  std::span<const std::byte, N> view() const noexcept { return data_; }
  std::span<std::byte, N> span() noexcept { return data_; }

  friend bool operator==(const secret& a, const secret& b) noexcept {
    return crypto::equal(a.data_, b.data_);
  }
  template <class Stream>
  friend Stream& operator<<(Stream&, const secret&) = delete;

 private:
  byte_array<N> data_{};
};

/// The pure functions of libsodium that rendr uses, and nothing of it that draws randomness, keeps
/// state or looks at the machine. All are deterministic and none fails but where it says so.
namespace crypto {

inline constexpr std::size_t key_size = 32;
inline constexpr std::size_t hash_size = 32;
inline constexpr std::size_t tag_size = 16;
inline constexpr std::size_t nonce_size = 12;

using hash = byte_array<hash_size>;
using public_key = byte_array<32>;
using pieces = std::initializer_list<bytes_view>;

/// An integer as it stands in what is hashed or authenticated: 8 bytes, big-endian.
constexpr byte_array<8> integer(std::uint64_t value) noexcept {
  byte_array<8> out{};
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::byte>(value >> (56 - 8 * i));
  return out;
}

/// The X25519 public key of a private key (RFC 7748; the key is clamped inside).
public_key x25519_public(const secret<32>& key) noexcept;
/// X25519. nullopt: the result is all zero, that is, the peer sent a point of low order.
std::optional<secret<32>> x25519(const secret<32>& key, const public_key& peer) noexcept;

/// SHA-256 over the pieces, in order.
hash sha256(pieces data) noexcept;
/// HMAC-SHA256 (RFC 2104) over the pieces, in order. The key may have any length.
secret<hash_size> hmac_sha256(bytes_view key, pieces data) noexcept;

/// HKDF-Extract (RFC 5869) with SHA-256.
secret<hash_size> hkdf_extract(bytes_view salt, bytes_view input_key) noexcept;
/// HKDF-Expand (RFC 5869) with SHA-256. `out` has at most 255 * 32 bytes; `info` is the
/// concatenation of the pieces.
void hkdf_expand(const secret<hash_size>& prk, pieces info, bytes_span out) noexcept;

/// ChaCha20-Poly1305 (RFC 8439). `out` has exactly `plain.size() + tag_size` bytes and may not
/// overlap `plain`.
void aead_seal(const secret<key_size>& key, std::span<const std::byte, nonce_size> nonce,
               bytes_view associated, bytes_view plain, bytes_span out) noexcept;
/// The reverse: `out` has exactly `sealed.size() - tag_size` bytes. False: `sealed` is shorter than
/// a tag, or not what the holder of the key sealed; `out` then holds zeros.
[[nodiscard]] bool aead_open(const secret<key_size>& key,
                             std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                             bytes_view sealed, bytes_span out) noexcept;

/// The ChaCha20 key stream (RFC 8439, counter from 0) into `out`.
void chacha20_stream(const secret<key_size>& key, std::span<const std::byte, nonce_size> nonce,
                     bytes_span out) noexcept;

}  // namespace crypto
}  // namespace rendr
