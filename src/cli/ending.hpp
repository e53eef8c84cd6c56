// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <functional>
#include <memory>

#include "cli/console.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

/// The main thread of a command: waits for its end, and for signals. The first SIGINT, SIGTERM or
/// SIGHUP (its terminal or its parent is gone: nobody reads what it says) calls `stop` with its
/// number, 0 when the end has another cause, and shuts the runtime down in order, the second
/// returns at once (the runtime's destructor does the rest). Those that were ignored when the
/// program began stay ignored.
class ending {
 public:
  /// @param context what the main thread runs meanwhile; others may post to it.
  ending(console& to, runtime& of, std::function<void(int)> stop,
         std::shared_ptr<asio::io_context> context = std::make_shared<asio::io_context>(1));

  /// Returns when the runtime was shut down, or at the second signal.
  void wait();
  /// Shuts down without a signal, e.g. because the work is done. From any thread.
  void begin();
  /// Whether a signal began it.
  bool signalled() const noexcept { return signals_seen_ > 0; }

 private:
  void await_signal();
  void shut_down(int signal);

  console& console_;
  runtime& runtime_;
  std::function<void(int)> stop_;
  /// Shared with the shutdown under way, which may outlive this object.
  std::shared_ptr<asio::io_context> context_;
  asio::signal_set signals_;
  int signals_seen_ = 0;
  bool begun_ = false;
};

}  // namespace rendr::cli
