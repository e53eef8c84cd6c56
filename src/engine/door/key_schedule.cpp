// SPDX-License-Identifier: Apache-2.0
#include "engine/door/key_schedule.hpp"

#include <algorithm>

namespace rendr::engine {

namespace {

secret<32> expand(const secret<32>& prk, std::string_view label, crypto::pieces context) noexcept {
  // The context goes in as a hash: one length for every label, so no two infos can be equal.
  const auto digest = crypto::sha256(context);
  secret<32> out;
  crypto::hkdf_expand(prk, {as_bytes(label), digest}, out.span());
  return out;
}

}  // namespace

link_keys derive_link_keys(const link_id& link, const secret<32>& chaining_key,
                           const crypto::hash& handshake_hash) noexcept {
  const auto prk = crypto::hkdf_extract(handshake_hash, chaining_key.view());
  link_keys keys;
  keys.link = link;
  keys.link_secret = expand(prk, "rendr 1 link secret", {});
  keys.attach_auth = expand(keys.link_secret, "rendr 1 attach auth", {});
  keys.transcript = handshake_hash;
  return keys;
}

link_id derive_link_id(const byte_array<16>& link_nonce, const crypto::public_key& dialer_ephemeral,
                       const crypto::public_key& acceptor_ephemeral) noexcept {
  const auto digest = crypto::sha256(
      {as_bytes("rendr 1 link id"), link_nonce, dialer_ephemeral, acceptor_ephemeral});
  link_id out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

path_keys derive_path_keys(const link_keys& keys, std::uint64_t path,
                           const crypto::hash& attach_transcript) noexcept {
  const auto number = crypto::integer(path);
  const crypto::pieces context{number, attach_transcript, keys.transcript};
  return {expand(keys.link_secret, "rendr 1 path to acceptor", context),
          expand(keys.link_secret, "rendr 1 path to dialer", context)};
}

record_keys derive_record_keys(const secret<32>& path_key) noexcept {
  record_keys out;
  out.key = expand(path_key, "rendr 1 record key", {});
  out.iv = secret<12>(expand(path_key, "rendr 1 record iv", {}).view().first<12>());
  return out;
}

secret<32> next_path_key(const secret<32>& path_key) noexcept {
  return expand(path_key, "rendr 1 next key", {});
}

secret<32> make_reset_token(const secret<32>& reset_key, const byte_array<16>& server,
                            const routing_token& token) noexcept {
  return crypto::hmac_sha256(reset_key.view(), {as_bytes("rendr 1 link reset"), server, token});
}

bool verify_reset_token(const secret<32>& expected, const byte_array<32>& given) noexcept {
  constexpr byte_array<32> none{};
  return !crypto::equal(given, none) && crypto::equal(expected.view(), given);
}

}  // namespace rendr::engine
