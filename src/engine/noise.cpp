// SPDX-License-Identifier: Apache-2.0
#include "engine/noise.hpp"

#include <cassert>
#include <utility>

namespace rendr::engine::noise {

namespace {

/// Section 12.3: 32 bits of zeros, then the counter, little-endian.
byte_array<crypto::nonce_size> nonce_of(std::uint64_t counter) noexcept {
  byte_array<crypto::nonce_size> out{};
  for (std::size_t i = 0; i < 8; ++i) out[4 + i] = static_cast<std::byte>(counter >> (8 * i));
  return out;
}

/// HKDF of section 4.3 with two outputs, which is RFC 5869 with an empty info.
std::pair<secret<32>, secret<32>> hkdf2(const secret<32>& chaining_key, bytes_view input) noexcept {
  const auto prk = crypto::hkdf_extract(chaining_key.view(), input);
  secret<64> out;
  crypto::hkdf_expand(prk, {}, out.span());
  return {secret<32>(out.view().first<32>()), secret<32>(out.view().last<32>())};
}

constexpr token nn_first[]{token::e};
constexpr token nn_second[]{token::e, token::ee};
constexpr std::span<const token> nn_messages[]{nn_first, nn_second};

}  // namespace

const pattern nn{"Noise_NN_25519_ChaChaPoly_SHA256", nn_messages};

void cipher_state::initialize_key(const secret<32>& key) noexcept {
  key_ = key;
  counter_ = 0;
  has_key_ = true;
}

void cipher_state::encrypt_with_ad(bytes_view associated, bytes_view plain, bytes& out) {
  const auto begin = out.size();
  if (!has_key_) {
    out.insert(out.end(), plain.begin(), plain.end());
    return;
  }
  assert(counter_ != UINT64_MAX);  // reserved; no sender here comes near it
  out.resize(begin + plain.size() + crypto::tag_size);
  crypto::aead_seal(key_, nonce_of(counter_++), associated, plain, bytes_span(out).subspan(begin));
}

result<bytes> cipher_state::decrypt_with_ad(bytes_view associated, bytes_view sealed) {
  if (!has_key_) return bytes(sealed.begin(), sealed.end());
  if (sealed.size() < crypto::tag_size || counter_ == UINT64_MAX) return errc::auth_failed;
  bytes plain(sealed.size() - crypto::tag_size);
  if (!crypto::aead_open(key_, nonce_of(counter_), associated, sealed, plain)) {
    return errc::auth_failed;
  }
  ++counter_;
  return plain;
}

symmetric_state::symmetric_state(std::string_view protocol_name) noexcept {
  const auto name = as_bytes(protocol_name);
  if (name.size() <= crypto::hash_size) {
    std::copy(name.begin(), name.end(), hash_.begin());
  } else {
    hash_ = crypto::sha256({name});
  }
  chaining_key_ = secret<32>(hash_);
}

void symmetric_state::mix_key(const secret<32>& input) noexcept {
  auto [chaining_key, key] = hkdf2(chaining_key_, input.view());
  chaining_key_ = std::move(chaining_key);
  cipher_.initialize_key(key);
}

void symmetric_state::mix_hash(bytes_view data) noexcept { hash_ = crypto::sha256({hash_, data}); }

void symmetric_state::encrypt_and_hash(bytes_view plain, bytes& out) {
  const auto begin = out.size();
  cipher_.encrypt_with_ad(hash_, plain, out);
  mix_hash(bytes_view(out).subspan(begin));
}

result<bytes> symmetric_state::decrypt_and_hash(bytes_view sealed) {
  auto plain = cipher_.decrypt_with_ad(hash_, sealed);
  if (plain) mix_hash(sealed);
  return plain;
}

symmetric_state::pair symmetric_state::split() const noexcept {
  const auto [first, second] = hkdf2(chaining_key_, {});
  pair out;
  out.to_responder.initialize_key(first);
  out.to_initiator.initialize_key(second);
  return out;
}

handshake_state::handshake_state(const pattern& shape, role side, bytes_view prologue,
                                 const secret<32>& ephemeral) noexcept
    : shape_(&shape),
      side_(side),
      symmetric_(shape.protocol_name),
      local_(ephemeral),
      local_public_(crypto::x25519_public(ephemeral)) {
  symmetric_.mix_hash(prologue);
}

bool handshake_state::mix_dh() noexcept {
  const auto shared = crypto::x25519(local_, remote_public_);
  if (!shared) return false;
  symmetric_.mix_key(*shared);
  return true;
}

result<bytes> handshake_state::write_message(bytes_view payload) {
  assert(!finished() && (next_ % 2 == 0) == (side_ == role::initiator));
  bytes out;
  for (const auto t : shape_->messages[next_]) {
    switch (t) {
      case token::e:
        out.insert(out.end(), local_public_.begin(), local_public_.end());
        symmetric_.mix_hash(local_public_);
        break;
      case token::ee:
        if (!mix_dh()) return errc::protocol_violation;
        break;
    }
  }
  symmetric_.encrypt_and_hash(payload, out);
  ++next_;
  return out;
}

result<bytes> handshake_state::read_message(bytes_view message) {
  assert(!finished() && (next_ % 2 == 0) == (side_ == role::responder));
  for (const auto t : shape_->messages[next_]) {
    switch (t) {
      case token::e:
        if (message.size() < remote_public_.size()) return errc::protocol_violation;
        std::copy_n(message.begin(), remote_public_.size(), remote_public_.begin());
        message = message.subspan(remote_public_.size());
        symmetric_.mix_hash(remote_public_);
        break;
      case token::ee:
        if (!mix_dh()) return errc::protocol_violation;
        break;
    }
  }
  auto payload = symmetric_.decrypt_and_hash(message);
  if (payload) ++next_;
  return payload;
}

}  // namespace rendr::engine::noise
