// SPDX-License-Identifier: Apache-2.0
#include "cli/state_dir.hpp"

#include <fcntl.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "cli/private_file.hpp"

namespace rendr::cli {

namespace {

/// nullopt: there is no such file.
std::optional<result<reset_key, failure>> read_key(const std::string& path, secrets_rule rule,
                                                   remarks* notes) {
  // The files of a mounted volume are links (Kubernetes).
  const int follow = rule == secrets_rule::trusted ? 0 : O_NOFOLLOW;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow);
  if (fd < 0) {
    if (errno == ENOENT) return std::nullopt;
    return system_failure("cannot open " + path);
  }
  struct stat about {};
  std::optional<failure> bad;
  if (::fstat(fd, &about) != 0) {
    bad = system_failure("cannot examine " + path);
  } else {
    bad = check_owner(fd, about, path, privacy::secret, rule, notes);
  }
  reset_key key{};
  if (!bad && (about.st_size != static_cast<off_t>(key.size()) ||
               ::read(fd, key.data(), key.size()) != static_cast<ssize_t>(key.size()))) {
    bad = failure{make_error_code(errc::invalid_argument),
                  path +
                      " does not hold 32 bytes: remove it, and links of the server before its "
                      "restart end with their grace"};
  }
  ::close(fd);
  if (bad) return std::move(*bad);
  return key;
}

std::optional<failure> write_all(int fd, const reset_key& key, const std::string& path) {
  if (::write(fd, key.data(), key.size()) != static_cast<ssize_t>(key.size()) || ::fsync(fd) != 0) {
    return system_failure("cannot write " + path);
  }
  return std::nullopt;
}

/// Puts a new key in place unless there is one by then.
std::optional<failure> make_key(const std::string& path) {
  if (sodium_init() < 0) return failure{make_error_code(errc::unavailable), "no random source"};
  reset_key key{};
  randombytes_buf(key.data(), key.size());
  auto aside = path + ".XXXXXX";
  const int fd = ::mkostemp(aside.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return system_failure("cannot write in " + path.substr(0, path.rfind('/')));
  auto bad = write_all(fd, key, aside);
  ::close(fd);
  if (!bad && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    bad = system_failure("cannot make " + path);
  }
  ::unlink(aside.c_str());
  return bad;
}

}  // namespace

std::string default_state_dir() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/rendr";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.local/state/rendr";
  return {};
}

/// Makes `dir` and what is missing above it.
std::optional<failure> make_directories(const std::string& dir) {
  for (std::size_t at = dir.find('/', 1);; at = dir.find('/', at + 1)) {
    const auto part = dir.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return system_failure("cannot make " + part);
    }
    if (at == std::string::npos) return std::nullopt;
  }
}

std::optional<failure> check_state_dir(const std::string& dir, secrets_rule rule) {
  if (auto bad = make_directories(dir)) return bad;
  const int fd = ::open(dir.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return system_failure("cannot open " + dir);
  struct stat about {};
  std::optional<failure> bad;
  if (::fstat(fd, &about) != 0) {
    bad = system_failure("cannot examine " + dir);
  } else if (!S_ISDIR(about.st_mode)) {
    bad = failure{make_error_code(errc::permission_denied), dir + " is not a directory"};
  } else if (rule == secrets_rule::strict) {
    bad = check_owner(fd, about, dir, privacy::secret, rule);
  }
  ::close(fd);
  return bad;
}

result<reset_key, failure> load_reset_key(const std::string& dir, secrets_rule rule,
                                          remarks* notes) {
  if (auto bad = check_state_dir(dir, rule)) return std::move(*bad);
  const auto path = dir + "/reset.key";
  if (auto found = read_key(path, rule, notes)) return std::move(*found);
  if (auto bad = make_key(path)) return std::move(*bad);
  if (auto found = read_key(path, rule, notes)) return std::move(*found);
  return system_failure("cannot read " + path);
}

}  // namespace rendr::cli
