// SPDX-License-Identifier: Apache-2.0
#include "rendr/credentials.hpp"

#include <algorithm>

#include "base/crypto.hpp"

namespace rendr {

namespace {

constexpr std::array<std::string_view, 3> words{"rendr-public:", "rendr-private:", "rendr-psk:"};

std::string_view word_of(key_kind kind) noexcept { return words[static_cast<std::size_t>(kind)]; }

void append_hex(std::string& out, std::span<const std::byte> data) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const auto b : data) {
    const auto value = std::to_integer<unsigned>(b);
    out += digits[value >> 4];
    out += digits[value & 15];
  }
}

/// -1: no digit. Without a table, so that its time tells nothing of a secret.
int nibble(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_key(key_kind kind, std::string_view text, std::span<std::byte, 32> out) noexcept {
  const auto word = word_of(kind);
  if (!text.starts_with(word) || text.size() != word.size() + 2 * out.size()) return false;
  const auto digits = text.substr(word.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = nibble(digits[2 * i]);
    const int low = nibble(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high << 4 | low);
  }
  return true;
}

failure wrong(std::string detail) {
  return {make_error_code(errc::invalid_argument), std::move(detail)};
}

failure check_common(const credentials& of) {
  constexpr std::array<std::byte, 32> zeros{};
  if (of.psk && crypto::equal(of.psk->view(), zeros)) return wrong("psk: all zeros is no key");
  if (of.own_key && crypto::equal(of.own_key->view(), zeros)) {
    return wrong("own_key: all zeros is no key");
  }
  return {};
}

}  // namespace

secret_key::~secret_key() { crypto::wipe(data_); }

public_key public_key_of(const secret_key& own) noexcept {
  return crypto::x25519_public(secret<32>(own.view()));
}

failure check_dialer(const credentials& of) {
  if (of.allowed_keys) return wrong("allowed_keys: only who accepts links has such a list");
  if (of.own_key && !of.peer_key) {
    return wrong("own_key: it is shown only to a server whose key is known: set peer_key too");
  }
  if (of.peer_key && *of.peer_key == public_key{}) return wrong("peer_key: all zeros is no key");
  return check_common(of);
}

failure check_acceptor(const credentials& of) {
  if (of.peer_key) return wrong("peer_key: who accepts links lists his peers in allowed_keys");
  if (of.allowed_keys && !of.own_key) {
    return wrong("allowed_keys: dialers show their keys only to a server with own_key");
  }
  if (of.allowed_keys && of.allowed_keys->empty()) {
    return wrong("allowed_keys: the list is empty, so nobody could make a link");
  }
  return check_common(of);
}

std::string fingerprint(std::span<const std::byte, 32> key) {
  const auto digest = crypto::sha256({as_bytes("rendr 1 fingerprint"), key});
  std::string out;
  append_hex(out, std::span(digest).first(8));
  return out;
}

std::string to_text(const public_key& key) {
  std::string out(word_of(key_kind::public_half));
  append_hex(out, key);
  return out;
}

std::optional<public_key> parse_public_key(std::string_view text) noexcept {
  public_key out{};
  if (!read_key(key_kind::public_half, text, out)) return std::nullopt;
  return out;
}

void secret_text(key_kind kind, const secret_key& key, std::string& out) {
  const auto word = word_of(kind);
  out.clear();
  out.reserve(word.size() + 2 * secret_key::size + 1);
  out += word;
  append_hex(out, key.view());
}

std::optional<secret_key> parse_secret_key(key_kind kind, std::string_view text) noexcept {
  secret_key out;
  if (!read_key(kind, text, out.span())) return std::nullopt;
  return out;
}

std::optional<key_kind> kind_of_key(std::string_view text) noexcept {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (text.starts_with(words[i])) return static_cast<key_kind>(i);
  }
  return std::nullopt;
}

}  // namespace rendr
