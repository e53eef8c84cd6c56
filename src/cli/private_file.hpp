// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "rendr/error.hpp"

namespace rendr::cli {

/// Who else may do what with a file.
enum class privacy : std::uint8_t {
  secret,   ///< nobody else may read or write it; it is this user's
  trusted,  ///< nobody else may write it; it is this user's or root's
};

/// What is asked of secrets and their folders.
enum class secrets_rule : std::uint8_t {
  strict,   ///< others must neither read nor change them
  trusted,  ///< whoever can read them may: they are handed over by a container or a volume
};

/// What a check found that is no failure, one sentence each.
using remarks = std::vector<std::string>;

/// `permission_denied` with the file, the rule and the command that mends it, when the open file
/// breaks the rule. A file directly in $CREDENTIALS_DIRECTORY, where a service manager puts what it
/// hands over, may also be root's and have the mode 0440 (systemd.exec(5), "LoadCredential"). What
/// lies on a read-only mount is taken when it is root's and root alone may write it, with a remark
/// when others can read a secret: nobody can mend it there. `secrets_rule::trusted` takes what
/// others can read, this user's or root's, and everything on a read-only mount, without a remark.
/// What others can change on a mount that can be written is never taken.
std::optional<failure> check_owner(int fd, const struct stat& about, const std::string& path,
                                   privacy wanted, secrets_rule rule, remarks* notes = nullptr);

/// The system's last error, as the detail of what failed.
failure system_failure(const std::string& what);

/// A regular file's contents, at most `limit` bytes (`invalid_argument`), after `check_owner`:
/// opened once, judged and read by that descriptor, so that a name that changes under us changes
/// nothing. A file that is written meanwhile is read anew, three times, and then fails with
/// `unavailable`. A symbolic link is followed and its target judged. The caller wipes what is
/// secret (`wiped`).
/// @param meanwhile for tests: runs after each time that the file was read.
result<std::string, failure> read_file(const std::string& path, privacy wanted, std::size_t limit,
                                       secrets_rule rule = secrets_rule::strict,
                                       remarks* notes = nullptr,
                                       const std::function<void()>& meanwhile = {});

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
