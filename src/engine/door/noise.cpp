// SPDX-License-Identifier: Apache-2.0
#include "engine/door/noise.hpp"

#include <algorithm>
#include <array>
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

/// HKDF of section 4.3 with N outputs, which is RFC 5869 with an empty info.
template <std::size_t N>
std::array<secret<32>, N> hkdf(const secret<32>& chaining_key, bytes_view input) noexcept {
  const auto prk = crypto::hkdf_extract(chaining_key.view(), input);
  secret<32 * N> all;
  crypto::hkdf_expand(prk, {}, all.span());
  std::array<secret<32>, N> out;
  for (std::size_t i = 0; i < N; ++i) {
    out[i] = secret<32>(std::span<const std::byte, 32>(all.view().subspan(32 * i, 32)));
  }
  return out;
}

constexpr token nn_first[]{token::e};
constexpr token nn_second[]{token::e, token::ee};
constexpr std::span<const token> nn_messages[]{nn_first, nn_second};

constexpr token nn_psk0_first[]{token::psk, token::e};
constexpr std::span<const token> nn_psk0_messages[]{nn_psk0_first, nn_second};

constexpr token ik_psk2_first[]{token::e, token::es, token::s, token::ss};
constexpr token ik_psk2_second[]{token::e, token::ee, token::se, token::psk};
constexpr std::span<const token> ik_psk2_messages[]{ik_psk2_first, ik_psk2_second};

}  // namespace

const pattern nn{"Noise_NN_25519_ChaChaPoly_SHA256", nn_messages};
const pattern nn_psk0{"Noise_NNpsk0_25519_ChaChaPoly_SHA256", nn_psk0_messages, false, true};
const pattern ik_psk2{"Noise_IKpsk2_25519_ChaChaPoly_SHA256", ik_psk2_messages, true, true};

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
  auto [chaining_key, key] = hkdf<2>(chaining_key_, input.view());
  chaining_key_ = std::move(chaining_key);
  cipher_.initialize_key(key);
}

void symmetric_state::mix_key_and_hash(const secret<32>& input) noexcept {
  auto [chaining_key, hashed, key] = hkdf<3>(chaining_key_, input.view());
  chaining_key_ = std::move(chaining_key);
  mix_hash(hashed.view());
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
  const auto [first, second] = hkdf<2>(chaining_key_, {});
  pair out;
  out.to_responder.initialize_key(first);
  out.to_initiator.initialize_key(second);
  return out;
}

handshake_state::handshake_state(const pattern& shape, role side, bytes_view prologue,
                                 const handshake_keys& keys) noexcept
    : shape_(&shape),
      side_(side),
      symmetric_(shape.protocol_name),
      local_(keys.ephemeral),
      own_static_(keys.own),
      psk_(keys.psk) {
  symmetric_.mix_hash(prologue);
  if (!shape.responder_known) return;
  if (side == role::initiator) remote_static_ = keys.peer;
  symmetric_.mix_hash(side == role::initiator ? keys.peer : own_static_.public_key);
}

bool handshake_state::mix_dh(const key_pair& own, const crypto::public_key& peer) noexcept {
  const auto shared = crypto::x25519(own.secret_key, peer);
  if (!shared) return false;
  symmetric_.mix_key(*shared);
  return true;
}

/// The tokens that add nothing to the message. False: a key of low order.
bool handshake_state::mix(token t) noexcept {
  const bool initiator = side_ == role::initiator;
  switch (t) {
    case token::ee:
      return mix_dh(local_, remote_);
    case token::es:
      return initiator ? mix_dh(local_, remote_static_) : mix_dh(own_static_, remote_);
    case token::se:
      return initiator ? mix_dh(own_static_, remote_) : mix_dh(local_, remote_static_);
    case token::ss:
      return mix_dh(own_static_, remote_static_);
    case token::psk:
      symmetric_.mix_key_and_hash(psk_);
      return true;
    case token::e:
    case token::s:
      break;
  }
  return false;
}

void handshake_state::mix_ephemeral(const crypto::public_key& key) noexcept {
  symmetric_.mix_hash(key);
  if (shape_->with_psk) symmetric_.mix_key(secret<32>(key));
}

result<bytes> handshake_state::write_message(bytes_view payload) {
  assert(!finished() && (next_ % 2 == 0) == (side_ == role::initiator));
  bytes out;
  for (const auto t : shape_->messages[next_]) {
    if (t == token::e) {
      out.insert(out.end(), local_.public_key.begin(), local_.public_key.end());
      mix_ephemeral(local_.public_key);
    } else if (t == token::s) {
      symmetric_.encrypt_and_hash(own_static_.public_key, out);
    } else if (!mix(t)) {
      return errc::protocol_violation;
    }
  }
  symmetric_.encrypt_and_hash(payload, out);
  ++next_;
  return out;
}

/// Takes a key of the peer off the front of the message; errc{} when it did.
errc handshake_state::read_key(token t, bytes_view& message) {
  const bool sealed = t == token::s && symmetric_.has_key();
  const auto size = remote_.size() + (sealed ? crypto::tag_size : 0);
  if (message.size() < size) return errc::protocol_violation;
  const auto field = message.first(size);
  message = message.subspan(size);
  if (t == token::e) {
    std::copy(field.begin(), field.end(), remote_.begin());
    mix_ephemeral(remote_);
    return errc{};
  }
  const auto key = symmetric_.decrypt_and_hash(field);
  if (!key) return key.error();
  std::copy(key->begin(), key->end(), remote_static_.begin());
  return errc{};
}

result<bytes> handshake_state::read_message(bytes_view message) {
  assert(!finished() && (next_ % 2 == 0) == (side_ == role::responder));
  for (const auto t : shape_->messages[next_]) {
    if (t == token::e || t == token::s) {
      if (const auto bad = read_key(t, message); bad != errc{}) return bad;
    } else if (!mix(t)) {
      return errc::protocol_violation;
    }
  }
  auto payload = symmetric_.decrypt_and_hash(message);
  if (payload) ++next_;
  return payload;
}

}  // namespace rendr::engine::noise
