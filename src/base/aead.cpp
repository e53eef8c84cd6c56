// SPDX-License-Identifier: Apache-2.0
#include "base/aead.hpp"

#include <sodium/crypto_aead_chacha20poly1305.h>

#include <algorithm>
#include <cassert>

#include "base/aes_gcm.hpp"
#include "base/octets.hpp"

namespace rendr::crypto {

aead_key::aead_key(aead kind, const secret<key_size>& key) : kind_(kind) {
  if (kind == aead::aes_128_gcm) {
    aes_ = make_aes_gcm(key.view().first<aes_key_size>());
  } else {
    key_ = key;
  }
}
aead_key::aead_key(aead_key&&) noexcept = default;
aead_key& aead_key::operator=(aead_key&&) noexcept = default;
aead_key::~aead_key() = default;

void aead_key::seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    bytes_span data) const noexcept {
  assert(data.size() >= tag_size);
  if (kind_ == aead::aes_128_gcm) return aes_->seal(nonce, associated, data);
  const auto text = data.first(data.size() - tag_size);
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      writable(text), writable(data.last(tag_size)), nullptr, raw(text), text.size(),
      raw(associated), associated.size(), nullptr, raw(nonce), raw(key_.view()));
}

void aead_key::seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    std::span<const bytes_view> text, bytes_span out) const noexcept {
  assert(out.size() >= tag_size);
  if (kind_ == aead::aes_128_gcm && aes_->takes_pieces(text.size(), out.size() - tag_size)) {
    return aes_->seal(nonce, associated, text, out);
  }
  auto to = out.begin();
  for (const auto piece : text) to = std::copy(piece.begin(), piece.end(), to);
  seal(nonce, associated, out);
}

bool aead_key::open(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    bytes_span data) const noexcept {
  if (data.size() < tag_size) {
    wipe(data);
    return false;
  }
  const auto text = data.first(data.size() - tag_size);
  const bool good =
      kind_ == aead::aes_128_gcm
          ? aes_->open(nonce, associated, data)
          : crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                writable(text), nullptr, raw(text), text.size(), raw(data.last(tag_size)),
                raw(associated), associated.size(), raw(nonce), raw(key_.view())) == 0;
  if (!good) wipe(text);  // AES-GCM decrypts before it has verified
  return good;
}

}  // namespace rendr::crypto
