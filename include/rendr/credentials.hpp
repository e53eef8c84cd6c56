// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rendr/error.hpp"

namespace rendr {

/// 32 secret bytes, wiped when they go. Nothing prints them but `secret_text`.
class secret_key {
 public:
  static constexpr std::size_t size = 32;

  secret_key() noexcept = default;
  explicit secret_key(std::span<const std::byte, size> data) noexcept {
    std::copy(data.begin(), data.end(), data_.begin());
  }
  secret_key(const secret_key&) noexcept = default;
  secret_key& operator=(const secret_key&) noexcept = default;
  ~secret_key();

  std::span<const std::byte, size> view() const noexcept { return data_; }
  std::span<std::byte, size> span() noexcept { return data_; }

 private:
  std::array<std::byte, size> data_{};
};

/// An X25519 public key.
using public_key = std::array<std::byte, 32>;

/// The public half of a private key.
public_key public_key_of(const secret_key& own) noexcept;

/// What an end proves itself with, and what it demands of the other one. Empty: nothing, and the
/// peer is not authenticated: whoever answers is believed. Which handshake follows from what the
/// dialer has:
/// - `peer_key`, with or without the others: Noise IKpsk2. The acceptor must have that key as its
///   `own_key`, and the same `psk` if there is one.
/// - `psk` alone: Noise NNpsk0. The acceptor must have the same `psk`, and no `allowed_keys`.
/// - nothing: Noise NN. The acceptor must have nothing.
///
/// An acceptor with a `psk` demands it of everybody, one with `allowed_keys` demands one of those,
/// and one with any credentials refuses a dialer without: there is no falling back.
struct credentials {
  /// The pre-shared key: 32 random bytes that both ends hold, and nobody else.
  std::optional<secret_key> psk = {};
  /// This end's private key. A dialer without one shows a fresh one each time.
  std::optional<secret_key> own_key = {};
  /// Dialer only: the acceptor's public key.
  std::optional<public_key> peer_key = {};
  /// Acceptor only: the dialers that may make links. Without it everybody may who has the `psk`, or
  /// without that, everybody who knows the acceptor's public key.
  std::optional<std::vector<public_key>> allowed_keys = {};

  bool empty() const noexcept { return !psk && !own_key && !peer_key && !allowed_keys; }
};

/// Whether the parts fit together, for an end that dials or one that accepts: `invalid_argument`
/// with the field and the rule when they do not.
failure check_dialer(const credentials& of);
failure check_acceptor(const credentials& of);

/// 16 hexadecimal digits that tell keys apart: part of a hash, of no use to who wants the key.
std::string fingerprint(std::span<const std::byte, 32> key);

/// The text forms of keys, one line without its end: what kind of key it is, and 64 hexadecimal
/// digits, as `rendr-public:5866…`, `rendr-private:77ab…`, `rendr-psk:3d01…`.
enum class key_kind : unsigned char { public_half, private_half, psk };
std::string to_text(const public_key& key);
std::optional<public_key> parse_public_key(std::string_view text) noexcept;
/// Writes a private or pre-shared key to `out`, whose owner wipes it. Allocates once.
void secret_text(key_kind kind, const secret_key& key, std::string& out);
std::optional<secret_key> parse_secret_key(key_kind kind, std::string_view text) noexcept;
/// The kind whose word the text begins with.
std::optional<key_kind> kind_of_key(std::string_view text) noexcept;

}  // namespace rendr
