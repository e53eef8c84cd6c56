// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu.hpp"

#include <sodium/core.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace rendr::detail {

bool fast_aes() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0;
#elif defined(__aarch64__)
  const auto has = ::getauxval(AT_HWCAP);
  return (has & HWCAP_AES) != 0 && (has & HWCAP_PMULL) != 0;
#else
  return false;
#endif
}

void choose_ciphers() noexcept {
  [[maybe_unused]] const int chosen = sodium_init();  // a failure leaves the portable code
}

}  // namespace rendr::detail
