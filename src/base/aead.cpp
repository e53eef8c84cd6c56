// SPDX-License-Identifier: Apache-2.0
#include "base/aead.hpp"

#include <gnutls/crypto.h>
#include <sodium/crypto_aead_chacha20poly1305.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>

namespace rendr::crypto {

namespace {

unsigned char* writable(bytes_span data) noexcept {
  return reinterpret_cast<unsigned char*>(data.data());
}
const unsigned char* raw(bytes_view data) noexcept {
  return reinterpret_cast<const unsigned char*>(data.data());
}

/// GnuTLS needs some 150 ns more for pieces: a text that is small, and therefore in the cache, or
/// in more pieces, is copied together first.
constexpr std::size_t least_in_pieces = 16 * 1024;
constexpr std::size_t most_pieces = 64;

giovec_t iovec_of(bytes_view data) noexcept {
  // GnuTLS only reads; its type lacks the const.
  return {const_cast<std::byte*>(data.data()), data.size()};
}

}  // namespace

struct aead_key::aes {
  explicit aes(std::span<const std::byte, 16> key) noexcept {
    secret<16> copy(key);
    const gnutls_datum_t datum{writable(copy.span()), 16};
    if (gnutls_aead_cipher_init(&handle, GNUTLS_CIPHER_AES_128_GCM, &datum) < 0) std::abort();
  }
  aes(const aes&) = delete;
  aes& operator=(const aes&) = delete;
  ~aes() { gnutls_aead_cipher_deinit(handle); }

  gnutls_aead_cipher_hd_t handle = nullptr;
};

aead_key::aead_key(aead kind, const secret<key_size>& key) : kind_(kind) {
  if (kind == aead::aes_128_gcm) {
    aes_ = std::make_unique<aes>(key.view().first<16>());
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
  const auto text = data.first(data.size() - tag_size);
  if (kind_ == aead::chacha20_poly1305) {
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        writable(text), writable(data.last(tag_size)), nullptr, raw(text), text.size(),
        raw(associated), associated.size(), nullptr, raw(nonce), raw(key_.view()));
    return;
  }
  auto size = data.size();
  const int code = gnutls_aead_cipher_encrypt(aes_->handle, nonce.data(), nonce.size(),
                                              associated.data(), associated.size(), tag_size,
                                              text.data(), text.size(), data.data(), &size);
  if (code < 0 || size != data.size()) std::abort();  // never goes on with what is not sealed
}

void aead_key::seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    std::span<const bytes_view> text, bytes_span out) const noexcept {
  std::array<giovec_t, most_pieces> list;
  std::size_t count = 0;
  if (kind_ == aead::aes_128_gcm && out.size() >= least_in_pieces && text.size() <= list.size()) {
    for (const auto piece : text) {
      if (!piece.empty()) list[count++] = iovec_of(piece);
    }
  }
  if (count == 0) {
    auto to = out.begin();
    for (const auto piece : text) to = std::copy(piece.begin(), piece.end(), to);
    return seal(nonce, associated, out);
  }
  const auto bound = iovec_of(associated);
  auto size = out.size();
  const int code =
      gnutls_aead_cipher_encryptv(aes_->handle, nonce.data(), nonce.size(), &bound, 1, tag_size,
                                  list.data(), static_cast<int>(count), out.data(), &size);
  if (code < 0 || size != out.size()) std::abort();  // never goes on with what is not sealed
}

bool aead_key::open(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
                    bytes_span data) const noexcept {
  if (data.size() < tag_size) {
    wipe(data);
    return false;
  }
  const auto text = data.first(data.size() - tag_size);
  bool good = false;
  if (kind_ == aead::chacha20_poly1305) {
    good = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               writable(text), nullptr, raw(text), text.size(), raw(data.last(tag_size)),
               raw(associated), associated.size(), raw(nonce), raw(key_.view())) == 0;
  } else {
    auto size = text.size();
    good = gnutls_aead_cipher_decrypt(aes_->handle, nonce.data(), nonce.size(), associated.data(),
                                      associated.size(), tag_size, data.data(), data.size(),
                                      text.data(), &size) == 0;
  }
  if (!good) wipe(text);  // GnuTLS decrypts before it has verified
  return good;
}

}  // namespace rendr::crypto
