// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.hpp"

#include <csignal>

namespace rendr::cli {

bool ignored(int signal) noexcept {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
         now.sa_handler == SIG_IGN;
}

void heed(asio::signal_set& set, std::initializer_list<int> signals) {
  for (const int signal : signals) {
    if (!ignored(signal)) set.add(signal);
  }
}

}  // namespace rendr::cli
