// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/crypto.hpp"

namespace rendr::engine {

/// What both ends hold once the hellos are exchanged. Copyable: it is part of a link's state.
///
///   prk            = HKDF-Extract(salt = Noise handshake hash, ikm = Noise chaining key)
///   E(k, label, x) = HKDF-Expand(k, info = label | SHA-256(x), 32 bytes)
///   link_secret    = E(prk, "rendr 1 link secret", nothing)
///   attach_auth    = E(link_secret, "rendr 1 attach auth", nothing)
///   a path's keys  = E(link_secret, "rendr 1 path to acceptor" or "... dialer",
///                      path id | attach transcript | Noise handshake hash)
///   a record key   = E(path key, "rendr 1 record key", nothing), its first 16 bytes for AES-128
///   a record iv    = E(path key, "rendr 1 record iv", nothing), its first 12 bytes
///   the next one   = E(path key, "rendr 1 next key", nothing), in place of the path key
///
/// The transport keys of Noise (`split`) are not used: every path has its own.
struct link_keys {
  link_id link{};
  secret<32> link_secret;
  secret<32> attach_auth;     ///< key of the proofs in `attach_proof.hpp`
  crypto::hash transcript{};  ///< the Noise handshake hash: both offers, both instances, both keys
};

/// The record keys of one path, one per direction, for sealing.
struct path_keys {
  secret<32> to_acceptor;
  secret<32> to_dialer;
  friend bool operator==(const path_keys&, const path_keys&) = default;
};

/// What records of one direction and key phase are sealed with.
struct record_keys {
  secret<32> key;
  secret<12> iv;
};
record_keys derive_record_keys(const secret<32>& path_key) noexcept;
/// The path key of the next key phase. The one before cannot be computed from it.
secret<32> next_path_key(const secret<32>& path_key) noexcept;

/// @param chaining_key, handshake_hash of a finished Noise handshake.
link_keys derive_link_keys(const link_id& link, const secret<32>& chaining_key,
                           const crypto::hash& handshake_hash) noexcept;

/// The id of the link that two ephemeral public keys and a dialer's link nonce make. Not secret;
/// unique because both ends contribute, and neither end can choose it.
link_id derive_link_id(const byte_array<16>& link_nonce, const crypto::public_key& dialer_ephemeral,
                       const crypto::public_key& acceptor_ephemeral) noexcept;

/// The keys of path `path`. `attach_transcript` is the hash over everything that the attach
/// exchanged, both fresh values included (`attach_transcript()`), so that an attach that is tried
/// again never seals under a key that was used before.
path_keys derive_path_keys(const link_keys& keys, std::uint64_t path,
                           const crypto::hash& attach_transcript) noexcept;

/// The token with which the acceptor later proves that the link of a routing token is gone:
/// HMAC-SHA256 of the server's id and the routing token under its persistent reset key, as
/// QUIC does with connection ids (RFC 9000, section 10.3). An acceptor that lost all state but that
/// key can still make it. Whoever gets it can end the link, and routing tokens travel in clear: so
/// only the owner that the routing token names may answer "unknown link" with it, never another
/// loop or another server that merely does not know the link. The id sees to it: a server cannot
/// make the reset tokens of another one that shares its reset key and not its id.
secret<32> make_reset_token(const secret<32>& reset_key, const byte_array<16>& server,
                            const routing_token& token) noexcept;

/// True when `given`, from a refusal, is that token. All zeros, "no token", never is.
[[nodiscard]] bool verify_reset_token(const secret<32>& expected,
                                      const byte_array<32>& given) noexcept;

}  // namespace rendr::engine
