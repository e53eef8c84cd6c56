// SPDX-License-Identifier: Apache-2.0
#include <intel-ipsec-mb.h>
#include <sodium/crypto_verify_16.h>

#include <memory>
#include <optional>

#include "base/aes_gcm.hpp"
#include "base/octets.hpp"

namespace rendr::crypto {

namespace {

/// A piece costs some 15 ns: a text that is small, or in small pieces, is copied sooner.
constexpr std::size_t least_in_pieces = 4096;
constexpr std::size_t least_piece = 256;

/// The functions for this processor. They keep nothing between calls but what is in their arguments
/// and a last error, which nobody asks for: any thread may use them. The manager that knows them
/// has 200 KB and goes.
struct functions {
  aes_gcm_pre_t expand;
  aes_gcm_enc_dec_t encrypt;
  aes_gcm_enc_dec_t decrypt;
  aes_gcm_init_t begin;
  aes_gcm_enc_dec_update_t add;
  aes_gcm_enc_dec_finalize_t end;

  /// Null: there are none.
  static const functions* best() {
    static const auto chosen = choose();
    return chosen ? &*chosen : nullptr;
  }

 private:
  static std::optional<functions> choose() {
    const std::unique_ptr<IMB_MGR, void (*)(IMB_MGR*)> manager(alloc_mb_mgr(0), free_mb_mgr);
    if (!manager) return std::nullopt;
    init_mb_mgr_auto(manager.get(), nullptr);
    // Its self-test computes the published vectors with what it chose.
    if ((manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0) return std::nullopt;
    return functions{manager->gcm128_pre,        manager->gcm128_enc,
                     manager->gcm128_dec,        manager->gcm128_init,
                     manager->gcm128_enc_update, manager->gcm128_enc_finalize};
  }
};

class ipsec_mb_gcm final : public aes_gcm {
 public:
  ipsec_mb_gcm(const functions& with, std::span<const std::byte, aes_key_size> key) noexcept
      : functions_(with) {
    functions_.expand(key.data(), &key_);
  }
  ~ipsec_mb_gcm() override { wipe(std::as_writable_bytes(std::span(&key_, 1))); }

  void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            bytes_span data) const noexcept override {
    const auto text = data.first(data.size() - tag_size);
    gcm_context_data context;
    functions_.encrypt(&key_, &context, writable(text), raw(text), text.size(), raw(nonce),
                       raw(associated), associated.size(), writable(data.last(tag_size)), tag_size);
  }

  bool takes_pieces(std::size_t pieces, std::size_t text) const noexcept override {
    return pieces <= most_pieces && text >= least_in_pieces && text / least_piece >= pieces;
  }

  void seal(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            std::span<const bytes_view> text, bytes_span out) const noexcept override {
    gcm_context_data context;
    functions_.begin(&key_, &context, raw(nonce), raw(associated), associated.size());
    std::size_t at = 0;
    for (const auto piece : text) {
      if (piece.empty()) continue;
      functions_.add(&key_, &context, writable(out.subspan(at)), raw(piece), piece.size());
      at += piece.size();
    }
    functions_.end(&key_, &context, writable(out.last(tag_size)), tag_size);
  }

  bool open(std::span<const std::byte, nonce_size> nonce, bytes_view associated,
            bytes_span data) const noexcept override {
    const auto text = data.first(data.size() - tag_size);
    gcm_context_data context;
    byte_array<tag_size> tag;
    functions_.decrypt(&key_, &context, writable(text), raw(text), text.size(), raw(nonce),
                       raw(associated), associated.size(), writable(tag), tag_size);
    return crypto_verify_16(raw(tag), raw(data.last(tag_size))) == 0;
  }

 private:
  const functions& functions_;
  alignas(64) gcm_key_data key_;
};

}  // namespace

std::unique_ptr<aes_gcm> ipsec_mb_aes_gcm(std::span<const std::byte, aes_key_size> key) {
  const auto* const with = functions::best();
  return with == nullptr ? nullptr : std::make_unique<ipsec_mb_gcm>(*with, key);
}

}  // namespace rendr::crypto
