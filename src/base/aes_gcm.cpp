// SPDX-License-Identifier: Apache-2.0
#include "base/aes_gcm.hpp"

namespace rendr::crypto {

std::unique_ptr<aes_gcm> make_aes_gcm(std::span<const std::byte, aes_key_size> key) {
#ifdef RENDR_IPSEC_MB
  if (auto fast = ipsec_mb_aes_gcm(key)) return fast;
#endif
  return gnutls_aes_gcm(key);
}

}  // namespace rendr::crypto
