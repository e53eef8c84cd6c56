// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/netns.hpp"

namespace rendr::test {

/// A program in a network namespace, its stderr in a file. It is ended and waited for with this
/// object; it ends with this process whatever happens.
class program {
 public:
  /// @param heap a file for the figure that `heap_of` reads; empty: none is kept.
  program(const netns& where, std::vector<std::string> words, const std::string& log,
          const std::string& heap = {});
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() { end(); }

  pid_t pid() const noexcept { return pid_; }
  /// Its exit status, -1 when a signal ended it; it is asked twice and then killed.
  int end();
  /// Waits until it has ended by itself.
  int wait();

 private:
  pid_t pid_ = -1;
};

struct process_figures {
  std::uint64_t anonymous = 0;  ///< bytes of memory that are its own
  std::uint64_t descriptors = 0;
};
process_figures look_at(pid_t pid);
/// Bytes that the heap of a program has handed out, at most a quarter of a second ago.
std::uint64_t heap_of(const std::string& file);
/// Lines of a file that hold `text`, and `other` where that is not empty.
std::size_t lines_with(const std::string& file, const std::string& text,
                       const std::string& other = {});

}  // namespace rendr::test
