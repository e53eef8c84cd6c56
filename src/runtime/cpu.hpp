// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rendr::detail {

/// Whether this processor computes AES-GCM by instructions of its own; elsewhere ChaCha20 is
/// faster.
bool fast_aes() noexcept;

}  // namespace rendr::detail
