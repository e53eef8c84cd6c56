// SPDX-License-Identifier: Apache-2.0
#include "relay/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rendr::relay {

bool descriptors_are_short() noexcept {
  rlimit all{};
  if (::getrlimit(RLIMIT_NOFILE, &all) != 0 || all.rlim_cur == RLIM_INFINITY) return false;
  const auto reserve = std::clamp<rlim_t>(all.rlim_cur / 16, 8, 256);
  if (all.rlim_cur <= reserve) return false;
  // The kernel gives the lowest free number: when that is high, nearly all below it are in use.
  const int free = ::open("/", O_PATH | O_CLOEXEC);
  if (free < 0) return errno == EMFILE || errno == ENFILE;
  ::close(free);
  return static_cast<rlim_t>(free) >= all.rlim_cur - reserve;
}

}  // namespace rendr::relay
