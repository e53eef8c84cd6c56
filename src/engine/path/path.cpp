// SPDX-License-Identifier: Apache-2.0
#include "engine/path/path.hpp"

#include <algorithm>

namespace rendr::engine {

void path::protect(const path_keys& keys, role side, crypto::aead cipher,
                   std::uint64_t records_per_key) {
  if (guarded == wire::guard::checksum) return;
  const bool dialer = side == role::dialer;
  const auto numbers = traits.shape == carrier_shape::stream ? record_opener::order::growing
                                                             : record_opener::order::any;
  sealer.emplace(cipher, dialer ? keys.to_acceptor : keys.to_dialer, records_per_key);
  opener.emplace(cipher, dialer ? keys.to_dialer : keys.to_acceptor, numbers);
}

path_guard path::guard_kind(crypto::aead cipher) const noexcept {
  if (guarded == wire::guard::checksum)
    return traits.secured ? path_guard::carrier : path_guard::plaintext;
  return cipher == crypto::aead::aes_128_gcm ? path_guard::aes_128_gcm
                                             : path_guard::chacha20_poly1305;
}

void path::write_handshake(slab_pool& pool) {
  const auto written = out.scratch(pool, handshake_out.size());
  std::copy(handshake_out.begin(), handshake_out.end(), written.begin());
  out.add(written);
  out.mark(0, false);
  handshake_out = bytes();  // `= {}` would keep its memory
}

}  // namespace rendr::engine
