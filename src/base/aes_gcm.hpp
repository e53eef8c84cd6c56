// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "base/crypto.hpp"

namespace rendr::crypto {

inline constexpr std::size_t aes_key_size = 16;
inline constexpr std::size_t most_pieces = 64;

/// AES-128-GCM (NIST SP 800-38D) under one key, which is wiped when it goes. What the library
/// beneath it is decides the speed alone: all give the same bytes. Contracts are those of
/// `aead_key`.
class aes_gcm {
 public:
  aes_gcm() = default;
  aes_gcm(const aes_gcm&) = delete;
  aes_gcm& operator=(const aes_gcm&) = delete;
  virtual ~aes_gcm() = default;

  virtual void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    bytes_span data) const noexcept = 0;
  /// Whether a text of so many pieces and bytes is better sealed from where it is than copied
  /// together and sealed in place. Never true of more than `most_pieces`.
  virtual bool takes_pieces(std::size_t pieces, std::size_t text) const noexcept = 0;
  /// Precondition: no more than `most_pieces`.
  virtual void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    std::span<const bytes_view> text, bytes_span out) const noexcept = 0;
  /// @param data at least a tag. False: it may hold what was decrypted before it was verified.
  [[nodiscard]] virtual bool open(std::span<const std::byte, nonce_size> nonce,
                                  bytes_view associated, bytes_span data) const noexcept = 0;
};

/// The fastest there is. Running out of memory ends the process, here and below.
std::unique_ptr<aes_gcm> make_aes_gcm(std::span<const std::byte, aes_key_size> key);
/// By GnuTLS, on any processor.
std::unique_ptr<aes_gcm> gnutls_aes_gcm(std::span<const std::byte, aes_key_size> key);
/// By Intel's IPsec-MB, which is built in on x86-64 alone: with VAES two to three times as fast.
/// Null: it has no code for this processor, or what it has fails the published vectors.
std::unique_ptr<aes_gcm> ipsec_mb_aes_gcm(std::span<const std::byte, aes_key_size> key);

}  // namespace rendr::crypto
