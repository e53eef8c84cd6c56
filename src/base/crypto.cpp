// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.hpp"

#include <sodium/crypto_aead_chacha20poly1305.h>
#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/crypto_hash_sha256.h>
#include <sodium/crypto_scalarmult_curve25519.h>
#include <sodium/crypto_stream_chacha20.h>
#include <sodium/utils.h>

#include <cassert>

#include "base/octets.hpp"

namespace rendr::crypto {

namespace {

/// HMAC state that leaves no trace of its key.
class hmac {
 public:
  explicit hmac(bytes_view key) noexcept {
    crypto_auth_hmacsha256_init(&state_, raw(key), key.size());
  }
  hmac(const hmac&) = delete;
  hmac& operator=(const hmac&) = delete;
  ~hmac() { sodium_memzero(&state_, sizeof state_); }

  void add(bytes_view data) noexcept {
    crypto_auth_hmacsha256_update(&state_, raw(data), data.size());
  }
  void finish(bytes_span out) noexcept {
    assert(out.size() == hash_size);
    crypto_auth_hmacsha256_final(&state_, writable(out));
  }

 private:
  crypto_auth_hmacsha256_state state_;
};

}  // namespace

void wipe(bytes_span data) noexcept {
  if (!data.empty()) sodium_memzero(data.data(), data.size());
}

bool equal(bytes_view a, bytes_view b) noexcept {
  if (a.size() != b.size()) return false;
  return a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

public_key x25519_public(const secret<32>& key) noexcept {
  public_key out;
  crypto_scalarmult_curve25519_base(writable(out), raw(key.view()));
  return out;
}

std::optional<secret<32>> x25519(const secret<32>& key, const public_key& peer) noexcept {
  secret<32> out;
  if (crypto_scalarmult_curve25519(writable(out.span()), raw(key.view()), raw(peer)) != 0) {
    return std::nullopt;
  }
  return out;
}

hash sha256(pieces data) noexcept {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const auto piece : data) crypto_hash_sha256_update(&state, raw(piece), piece.size());
  hash out;
  crypto_hash_sha256_final(&state, writable(out));
  sodium_memzero(&state, sizeof state);
  return out;
}

secret<hash_size> hmac_sha256(bytes_view key, pieces data) noexcept {
  hmac mac(key);
  for (const auto piece : data) mac.add(piece);
  secret<hash_size> out;
  mac.finish(out.span());
  return out;
}

secret<hash_size> hkdf_extract(bytes_view salt, bytes_view input_key) noexcept {
  return hmac_sha256(salt, {input_key});
}

void hkdf_expand(const secret<hash_size>& prk, pieces info, bytes_span out) noexcept {
  assert(out.size() <= 255 * hash_size);
  secret<hash_size> block;
  std::byte counter{0};
  while (!out.empty()) {
    hmac mac(prk.view());
    if (counter != std::byte{0}) mac.add(block.view());
    counter = static_cast<std::byte>(std::to_integer<unsigned>(counter) + 1);
    for (const auto piece : info) mac.add(piece);
    mac.add({&counter, 1});
    mac.finish(block.span());
    const auto n = std::min(out.size(), hash_size);
    std::copy_n(block.view().begin(), n, out.begin());
    out = out.subspan(n);
  }
}

void aead_seal(const secret<key_size>& key, std::span<const std::byte, nonce_size> nonce,
               bytes_view associated, bytes_view plain, bytes_span out) noexcept {
  assert(out.size() == plain.size() + tag_size);
  crypto_aead_chacha20poly1305_ietf_encrypt(writable(out), nullptr, raw(plain), plain.size(),
                                            raw(associated), associated.size(), nullptr, raw(nonce),
                                            raw(key.view()));
}

bool aead_open(const secret<key_size>& key, std::span<const std::byte, nonce_size> nonce,
               bytes_view associated, bytes_view sealed, bytes_span out) noexcept {
  if (sealed.size() < tag_size) {
    std::fill(out.begin(), out.end(), std::byte{0});
    return false;
  }
  assert(out.size() == sealed.size() - tag_size);
  const auto cipher = sealed.first(sealed.size() - tag_size);
  const auto tag = sealed.last(tag_size);
  // The detached form also verifies when there is nothing to decrypt: a null message is allowed.
  return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
             writable(out), nullptr, raw(cipher), cipher.size(), raw(tag), raw(associated),
             associated.size(), raw(nonce), raw(key.view())) == 0;
}

void chacha20_stream(const secret<key_size>& key, std::span<const std::byte, nonce_size> nonce,
                     bytes_span out) noexcept {
  crypto_stream_chacha20_ietf(writable(out), out.size(), raw(nonce), raw(key.view()));
}

}  // namespace rendr::crypto
