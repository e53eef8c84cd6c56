// SPDX-License-Identifier: Apache-2.0
#include "relay/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rendr::relay {

namespace {

/// The first number of the reserve; 0: there is no limit, or none that leaves a reserve.
rlim_t first_reserved() noexcept {
  rlimit all{};
  if (::getrlimit(RLIMIT_NOFILE, &all) != 0 || all.rlim_cur == RLIM_INFINITY) return 0;
  const auto reserve = std::clamp<rlim_t>(all.rlim_cur / 16, 8, 256);
  return all.rlim_cur > reserve ? all.rlim_cur - reserve : 0;
}

/// Whether the lowest free number is one of the reserve.
bool reserve_is_next(rlim_t first) noexcept {
  const int free = ::open("/", O_PATH | O_CLOEXEC);
  if (free < 0) return errno == EMFILE || errno == ENFILE;
  ::close(free);
  return static_cast<rlim_t>(free) >= first;
}

}  // namespace

bool descriptor_watch::is_short() const noexcept {
  const int highest = newest_ + under_way_;
  if (highest <= allowed_) return false;
  const auto first = first_reserved();
  if (first == 0) return false;
  if (static_cast<rlim_t>(highest) >= first) return reserve_is_next(first);
  allowed_ = highest;
  return false;
}

}  // namespace rendr::relay
