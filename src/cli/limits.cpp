// SPDX-License-Identifier: Apache-2.0
#include "cli/limits.hpp"

#include <sys/resource.h>

#include <string>

namespace rendr::cli {

void tell_memory(const runtime& of, console& to) {
  if (!to.shows(log_level::debug)) return;
  const auto bytes = of.status().budget;
  to.debug("buffers may take " + std::to_string(bytes >> 20) + " MiB of memory (--memory)");
}

void raise_descriptor_limit() noexcept {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur == now.rlim_max) return;
  now.rlim_cur = now.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &now);
}

}  // namespace rendr::cli
