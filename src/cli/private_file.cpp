// SPDX-License-Identifier: Apache-2.0
#include "cli/private_file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <span>
#include <utility>

#include "base/crypto.hpp"

namespace rendr::cli {

namespace {

failure refusal(std::string detail) {
  return {make_error_code(errc::permission_denied), std::move(detail)};
}

/// All of an open file.
std::optional<failure> read_all(int fd, const std::string& path, std::size_t limit,
                                std::string& out) {
  while (out.size() <= limit) {
    const auto had = out.size();
    out.resize(limit + 1);
    const auto n = ::read(fd, out.data() + had, out.size() - had);
    out.resize(n > 0 ? had + static_cast<std::size_t>(n) : had);
    if (n < 0 && errno != EINTR) return system_failure("cannot read " + path);
    if (n == 0) return std::nullopt;
  }
  return failure{make_error_code(errc::invalid_argument),
                 path + " is larger than " + std::to_string(limit) + " bytes: is it a key file?"};
}

bool same_file(const struct stat& a, const struct stat& b) {
  const auto same = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_size == b.st_size && same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim);
}

std::optional<failure> read_at_rest(int fd, struct stat about, const std::string& path,
                                    std::size_t limit, std::string& out,
                                    const std::function<void()>& meanwhile) {
  constexpr int tries = 3;
  out.reserve(limit + 1);  // once, so that no copy of a secret is left behind
  for (int i = 0; i < tries; ++i) {
    out.clear();
    if (::lseek(fd, 0, SEEK_SET) != 0) return system_failure("cannot read " + path);
    if (auto bad = read_all(fd, path, limit, out)) return bad;
    if (meanwhile) meanwhile();
    struct stat after {};
    if (::fstat(fd, &after) != 0) return system_failure("cannot examine " + path);
    const bool whole = out.size() == static_cast<std::size_t>(after.st_size);
    if (whole && same_file(about, after)) return std::nullopt;
    about = after;
  }
  return failure{make_error_code(errc::unavailable),
                 path + " changes while it is read: put it in place with a rename"};
}

bool write_all(int fd, const std::string& contents) {
  std::size_t at = 0;
  while (at < contents.size()) {
    const auto n = ::write(fd, contents.data() + at, contents.size() - at);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return ::fsync(fd) == 0;
}

// A credential of a service manager, directly in the folder that it names. systemd leaves it with
// root and lets the service's user read it by an ACL, whose mask stands in the bits of the group.
bool handed_over(const std::string& path) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder != nullptr && folder[0] == '/' && path.substr(0, path.rfind('/')) == folder;
}

// A mount of a container, a volume or an image: what is there was put there by whoever set it up.
bool on_read_only_mount(int fd) {
  struct statvfs about {};
  return ::fstatvfs(fd, &about) == 0 && (about.f_flag & ST_RDONLY) != 0;
}

}  // namespace

wiped::~wiped() { crypto::wipe(std::as_writable_bytes(std::span(text_.data(), text_.size()))); }

failure system_failure(const std::string& what) {
  const std::error_code code(errno, std::system_category());
  return {code, what + ": " + code.message()};
}

std::optional<failure> check_owner(int fd, const struct stat& about, const std::string& path,
                                   privacy wanted, secrets_rule rule, remarks* notes) {
  const bool mine = about.st_uid == ::geteuid();
  const bool of_root = about.st_uid == 0;
  if (handed_over(path) && (mine || of_root) && (about.st_mode & 037U) == 0) return std::nullopt;
  const bool fixed = on_read_only_mount(fd);
  if (rule == secrets_rule::trusted) {
    if (fixed) return std::nullopt;
    wanted = privacy::trusted;
  } else if (fixed && of_root && (about.st_mode & 022U) == 0) {
    if (wanted == privacy::secret && (about.st_mode & 077U) != 0 && notes != nullptr) {
      notes->push_back(path +
                       " can be read by other users; it is taken, as it is root's on a read-only "
                       "mount (--secrets=trusted says that this is meant)");
    }
    return std::nullopt;
  }
  if (!mine && !(wanted == privacy::trusted && of_root)) {
    return refusal(path + " belongs to another user");
  }
  if (wanted == privacy::trusted) {
    if ((about.st_mode & 022U) == 0) return std::nullopt;
    return refusal(path + " can be changed by other users: chmod go-w " + path);
  }
  if ((about.st_mode & 077U) == 0) return std::nullopt;
  const bool changeable = (about.st_mode & 022U) != 0 && !S_ISDIR(about.st_mode);
  return refusal(path + " is open to other users: chmod " +
                 (S_ISDIR(about.st_mode) ? "700 " : "600 ") + path +
                 (changeable ? "" : ", or --secrets=trusted where they may read it"));
}

result<std::string, failure> read_file(const std::string& path, privacy wanted, std::size_t limit,
                                       secrets_rule rule, remarks* notes,
                                       const std::function<void()>& meanwhile) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_failure("cannot open " + path);
  struct stat about {};
  std::optional<failure> bad;
  std::string contents;
  if (::fstat(fd, &about) != 0) {
    bad = system_failure("cannot examine " + path);
  } else if (!S_ISREG(about.st_mode)) {
    bad = failure{make_error_code(errc::invalid_argument), path + " is not a regular file"};
  } else if (bad = check_owner(fd, about, path, wanted, rule, notes); !bad) {
    bad = read_at_rest(fd, about, path, limit, contents, meanwhile);
  }
  ::close(fd);
  if (!bad) return contents;
  const wiped gone(std::move(contents));
  return std::move(*bad);
}

std::optional<failure> write_new_file(const std::string& path, const std::string& contents) {
  auto aside = path + ".XXXXXX";
  const int fd = ::mkostemp(aside.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return system_failure("cannot write beside " + path);
  std::optional<failure> bad;
  if (!write_all(fd, contents)) bad = system_failure("cannot write " + aside);
  ::close(fd);
  // A link takes no name that is taken, whatever it names.
  if (!bad && ::link(aside.c_str(), path.c_str()) != 0) {
    bad = errno == EEXIST
              ? failure{std::make_error_code(std::errc::file_exists),
                        path + " exists, and a key is never overwritten: name another file"}
              : system_failure("cannot make " + path);
  }
  ::unlink(aside.c_str());
  return bad;
}

}  // namespace rendr::cli
