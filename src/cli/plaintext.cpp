// SPDX-License-Identifier: Apache-2.0
#include "cli/plaintext.hpp"

namespace rendr::cli {

void warn_of_plaintext(std::span<const path_spec> paths, console& to) {
  for (const auto& path : paths) {
    if (!path.plaintext) continue;
    to.warn("--path=" + to_text(path) +
            ": plaintext: whoever is on the way can read and change what it carries");
  }
}

}  // namespace rendr::cli
