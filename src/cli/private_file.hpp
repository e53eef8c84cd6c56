// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "rendr/error.hpp"

namespace rendr::cli {

/// Who else may do what with a file.
enum class privacy : std::uint8_t {
  secret,   ///< nobody else may read or write it; it is this user's
  trusted,  ///< nobody else may write it; it is this user's or root's
};

/// `permission_denied` with the file, the rule and the command that mends it, when the file breaks
/// the rule. A file directly in $CREDENTIALS_DIRECTORY, where a service manager puts what it hands
/// over, may also be root's and have the mode 0440 (systemd.exec(5), "LoadCredential").
std::optional<failure> check_owner(const struct stat& about, const std::string& path,
                                   privacy wanted);

/// The system's last error, as the detail of what failed.
failure system_failure(const std::string& what);

/// A regular file's contents, at most `limit` bytes (`invalid_argument`), after `check_owner`. A
/// symbolic link is followed and its target judged. The caller wipes what is secret (`wiped`).
result<std::string, failure> read_file(const std::string& path, privacy wanted, std::size_t limit);

/// Writes a new file of mode 0600, whole or not at all. Fails with `file_exists` when there is
/// something of that name.
std::optional<failure> write_new_file(const std::string& path, const std::string& contents);

/// A text that is overwritten when it goes.
class wiped {
 public:
  wiped() = default;
  explicit wiped(std::string text) : text_(std::move(text)) {}
  wiped(const wiped&) = delete;
  wiped& operator=(const wiped&) = delete;
  ~wiped();
  std::string& text() noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace rendr::cli
