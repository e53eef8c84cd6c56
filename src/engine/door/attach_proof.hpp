// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "wire/handshake.hpp"

namespace rendr::engine {

/// Which message a proof stands in. Each has its own label in the MAC, so that none can be
/// reflected or moved into another.
enum class proof_kind : std::uint8_t {
  attach,      ///< ATTACH, by the dialer; `acceptor_fresh` is not known yet and left zero
  challenge,   ///< CHALLENGE, by the acceptor
  attach_ack,  ///< ATTACH_ACK, by the dialer, in answer to a CHALLENGE
  confirm,     ///< ATTACH_ACK, by the dialer, in answer to a HELLO_ACK; both fresh values are zero:
               ///< freshness is that of the link's transcript
};

/// All that a proof covers. Value type but for `channel_binding`, which the caller keeps alive.
struct attach_facts {
  link_id link{};
  std::uint64_t incarnation = 0;
  std::uint64_t path = 0;
  std::uint64_t leaf = 0;
  wire::guard guarded = wire::guard::checksum;
  instance_id dialer{};
  instance_id acceptor{};
  wire::fresh_value dialer_fresh{};
  wire::fresh_value acceptor_fresh{};
  bytes_view channel_binding;  ///< e.g. tls-exporter; empty on carriers that have none (tcp)
};

/// HMAC-SHA256 under the link's attach auth key over: the label of `kind` (length first), link,
/// incarnation, path, leaf, guard, dialer, acceptor, dialer_fresh, acceptor_fresh, channel binding
/// (length first). Integers are 8 bytes, big-endian, the guard too.
wire::proof make_proof(const secret<32>& attach_auth, proof_kind kind,
                       const attach_facts& facts) noexcept;

/// Compares in constant time.
[[nodiscard]] bool verify_proof(const secret<32>& attach_auth, proof_kind kind,
                                const attach_facts& facts, const wire::proof& given) noexcept;

/// SHA-256 over the same bytes as the proof: what the keys of the path depend on.
crypto::hash attach_transcript(proof_kind kind, const attach_facts& facts) noexcept;

}  // namespace rendr::engine
