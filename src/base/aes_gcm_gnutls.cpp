// SPDX-License-Identifier: Apache-2.0
#include <gnutls/crypto.h>

#include <array>
#include <cstdlib>

#include "base/aes_gcm.hpp"
#include "base/octets.hpp"

namespace rendr::crypto {

namespace {

/// Pieces cost GnuTLS some 150 ns more: a text that is small is in the cache, and copied sooner.
constexpr std::size_t least_in_pieces = 16 * 1024;

giovec_t iovec_of(bytes_view data) noexcept {
  // GnuTLS only reads; its type lacks the const.
  return {const_cast<std::byte*>(data.data()), data.size()};
}

class gnutls_gcm final : public aes_gcm {
 public:
  explicit gnutls_gcm(std::span<const std::byte, aes_key_size> key) noexcept {
    secret<aes_key_size> copy(key);
    const gnutls_datum_t datum{writable(copy.span()), aes_key_size};
    if (gnutls_aead_cipher_init(&handle_, GNUTLS_CIPHER_AES_128_GCM, &datum) < 0) std::abort();
  }
  ~gnutls_gcm() override { gnutls_aead_cipher_deinit(handle_); }

  void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            bytes_span data) const noexcept override {
    const auto text = data.size() - tag_size;
    auto size = data.size();
    const int code = gnutls_aead_cipher_encrypt(handle_, nonce.data(), nonce.size(),
                                                associated.data(), associated.size(), tag_size,
                                                data.data(), text, data.data(), &size);
    if (code < 0 || size != data.size()) std::abort();  // never goes on with what is not sealed
  }

  bool takes_pieces(std::size_t pieces, std::size_t text) const noexcept override {
    return pieces <= most_pieces && text >= least_in_pieces;
  }

  void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            std::span<const bytes_view> text, bytes_span out) const noexcept override {
    std::array<giovec_t, most_pieces> list;
    std::size_t count = 0;
    for (const auto piece : text) {
      if (!piece.empty()) list[count++] = iovec_of(piece);
    }
    const auto bound = iovec_of(associated);
    auto size = out.size();
    const int code =
        gnutls_aead_cipher_encryptv(handle_, nonce.data(), nonce.size(), &bound, 1, tag_size,
                                    list.data(), static_cast<int>(count), out.data(), &size);
    if (code < 0 || size != out.size()) std::abort();  // never goes on with what is not sealed
  }

  bool open(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            bytes_span data) const noexcept override {
    auto size = data.size() - tag_size;
    return gnutls_aead_cipher_decrypt(handle_, nonce.data(), nonce.size(), associated.data(),
                                      associated.size(), tag_size, data.data(), data.size(),
                                      data.data(), &size) == 0;
  }

 private:
  gnutls_aead_cipher_hd_t handle_ = nullptr;
};

}  // namespace

std::unique_ptr<aes_gcm> gnutls_aes_gcm(std::span<const std::byte, aes_key_size> key) {
  return std::make_unique<gnutls_gcm>(key);
}

}  // namespace rendr::crypto
