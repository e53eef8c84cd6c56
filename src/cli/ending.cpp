// SPDX-License-Identifier: Apache-2.0
#include "cli/ending.hpp"

#include <asio/post.hpp>
#include <csignal>
#include <utility>

#include "cli/signals.hpp"

namespace rendr::cli {

ending::ending(console& to, runtime& of, std::function<void(int)> stop,
               std::shared_ptr<asio::io_context> context)
    : console_(to),
      runtime_(of),
      stop_(std::move(stop)),
      context_(std::move(context)),
      signals_(*context_) {
  heed(signals_, {SIGINT, SIGTERM, SIGHUP});
}

void ending::wait() {
  await_signal();
  context_->run();
}

void ending::begin() {
  asio::post(*context_, [this] { shut_down(0); });
}

void ending::await_signal() {
  signals_.async_wait([this](std::error_code code, int number) {
    if (code) return;
    if (++signals_seen_ > 1) return context_->stop();
    if (number != SIGHUP) {
      console_.info(
          "ending: open connections have until their linger; a second signal ends at once");
    }
    shut_down(number);
    await_signal();
  });
}

void ending::shut_down(int signal) {
  if (std::exchange(begun_, true)) return;
  if (stop_) stop_(signal);
  runtime_.async_shutdown([context = context_](std::error_code) { context->stop(); });
}

}  // namespace rendr::cli
