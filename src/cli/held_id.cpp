// SPDX-License-Identifier: Apache-2.0
#include "cli/held_id.hpp"

#include <fcntl.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cli/state_dir.hpp"

namespace rendr::cli {

namespace {

constexpr int most_slots = 4096;  // of one directory at once

/// Of a file that is locked by us.
std::optional<failure> read_or_make(held_id& held, const struct stat& about,
                                    const std::string& path) {
  const int fd = held.lock.get();
  const auto size = static_cast<ssize_t>(held.id.size());
  if (about.st_size == size && ::pread(fd, held.id.data(), held.id.size(), 0) == size) return {};
  if (sodium_init() < 0) return failure{make_error_code(errc::unavailable), "no random source"};
  randombytes_buf(held.id.data(), held.id.size());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, held.id.data(), held.id.size(), 0) != size ||
      ::fsync(fd) != 0) {
    return system_failure("cannot write " + path);
  }
  return {};
}

}  // namespace

result<held_id, failure> hold_id(const std::string& path, secrets_rule rule) {
  held_id out;
  out.lock.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.lock) return system_failure("cannot open " + path);
  struct stat about {};
  if (::fstat(out.lock.get(), &about) != 0) return system_failure("cannot examine " + path);
  if (auto bad = check_owner(out.lock.get(), about, path, privacy::secret, rule))
    return std::move(*bad);
  if (::flock(out.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_failure("cannot lock " + path);
    return failure{make_error_code(errc::unavailable), path + " is held by another process"};
  }
  if (::fstat(out.lock.get(), &about) != 0) return system_failure("cannot examine " + path);
  if (auto bad = read_or_make(out, about, path)) return std::move(*bad);
  return out;
}

std::optional<held_id> hold_slot(const std::string& dir) {
  if (dir.empty() || make_directories(dir)) return std::nullopt;
  for (int n = 0; n < most_slots; ++n) {
    auto held = hold_id(dir + "/slot-" + std::to_string(n));
    if (held) return std::move(*held);
    if (held.error().code != errc::unavailable) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<held_id> slot_for(const dial_options& options, const credentials& keys) {
  if (!keys.psk && !keys.own_key) return std::nullopt;
  return hold_slot(options.state_dir.empty() ? default_state_dir() : options.state_dir);
}

}  // namespace rendr::cli
