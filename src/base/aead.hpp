// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "base/crypto.hpp"

namespace rendr::crypto {

class aes_gcm;

/// How records are sealed. Both have a tag of `tag_size` and a nonce of `nonce_size` bytes.
enum class aead : std::uint8_t {
  chacha20_poly1305,  ///< RFC 8439, by libsodium: the same speed everywhere
  aes_128_gcm,        ///< NIST SP 800-38D, the fastest where the processor has it (`aes_gcm`)
};

/// A key made ready, for many messages. No call allocates but the construction of an AES key. Wiped
/// when it goes. Deterministic, and safe only while no nonce is used twice with one key.
class aead_key {
 public:
  /// @param key AES-128-GCM uses its first 16 bytes. Running out of memory ends the process.
  aead_key(aead kind, const secret<key_size>& key);
  aead_key(aead_key&&) noexcept;
  aead_key& operator=(aead_key&&) noexcept;
  ~aead_key();

  /// `data` is the plain text and behind it `tag_size` bytes of room, which get the tag.
  void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            bytes_span data) const noexcept;
  /// The same for a text in pieces, in order, that stay as they are: `out`, which overlaps none of
  /// them and has their size and `tag_size` bytes more, gets the sealed text and the tag.
  void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            std::span<const bytes_view> text, bytes_span out) const noexcept;
  /// `data` is sealed text and tag. True: all but its last `tag_size` bytes are the plain text now.
  /// False: it is shorter than a tag, or not what the holder of the key sealed with this nonce and
  /// associated data; `data` holds nothing of the plain text then.
  [[nodiscard]] bool open(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                          bytes_span data) const noexcept;
  aead kind() const noexcept { return kind_; }

 private:
  aead kind_;
  secret<key_size> key_;          // ChaCha20-Poly1305 alone
  std::unique_ptr<aes_gcm> aes_;  // AES-128-GCM alone
};

}  // namespace rendr::crypto
