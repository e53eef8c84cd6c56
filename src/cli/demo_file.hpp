// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "rendr/error.hpp"

namespace rendr::cli {

/// What the demo sends: a file of the user's, or one made for this run and removed with the object.
class demo_file {
 public:
  /// An existing regular file.
  static result<demo_file, failure> existing(const std::string& path);
  /// `size` pseudo-random bytes in a new file in the directory for temporary ones.
  static result<demo_file, failure> make(std::uint64_t size);

  demo_file(demo_file&& other) noexcept;
  demo_file& operator=(demo_file&& other) noexcept;
  ~demo_file();

  int descriptor() const noexcept { return fd_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  demo_file(int fd, std::uint64_t size) noexcept : fd_(fd), size_(size) {}

  int fd_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace rendr::cli
