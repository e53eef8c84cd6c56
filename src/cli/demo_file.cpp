// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

namespace rendr::cli {

namespace {

failure system_failure(const std::string& what) {
  const std::error_code code(errno, std::system_category());
  return {code, what + ": " + code.message()};
}

std::string temporary_directory() {
  const char* set = std::getenv("TMPDIR");
  return set != nullptr && set[0] != '\0' ? set : "/tmp";
}

/// The next value of splitmix64: fast, and no compressor or zero page takes it for nothing.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace

result<demo_file, failure> demo_file::existing(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_failure("cannot open " + path);
  demo_file file(fd, 0);
  struct stat about {};
  if (::fstat(fd, &about) != 0) return system_failure("cannot examine " + path);
  if (!S_ISREG(about.st_mode) || about.st_size == 0) {
    return failure{make_error_code(errc::invalid_argument),
                   "FILE=" + path + ": it must be a regular file that is not empty"};
  }
  file.size_ = static_cast<std::uint64_t>(about.st_size);
  return file;
}

result<demo_file, failure> demo_file::make(std::uint64_t size) {
  auto path = temporary_directory() + "/rendr-demo-XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return system_failure("cannot make a file in " + temporary_directory());
  ::unlink(path.c_str());  // it goes with its descriptor, however this process ends
  demo_file file(fd, size);
  std::vector<std::uint64_t> block(std::size_t{1} << 17);
  std::uint64_t state = 0x72656e6472;
  for (std::uint64_t done = 0; done < size;) {
    std::generate(block.begin(), block.end(), [&state] { return next(state); });
    const auto want = std::min<std::uint64_t>(size - done, block.size() * sizeof block.front());
    const auto n = ::write(fd, block.data(), want);
    if (n < 0) return system_failure("cannot write " + std::to_string(size) + " bytes to " + path);
    done += static_cast<std::uint64_t>(n);
  }
  return file;
}

demo_file::demo_file(demo_file&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

demo_file& demo_file::operator=(demo_file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

demo_file::~demo_file() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace rendr::cli
