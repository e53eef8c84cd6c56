// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rendr::detail {

/// Whether this processor computes AES-GCM by instructions of its own; elsewhere ChaCha20 is
/// faster.
bool fast_aes() noexcept;

/// Lets libsodium choose its fastest code for this processor; without it ChaCha20 and X25519 give
/// the same bytes, slowly. Any number of times, from any thread.
void choose_ciphers() noexcept;

}  // namespace rendr::detail
