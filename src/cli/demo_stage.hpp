// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli/demo_relay.hpp"
#include "cli/options.hpp"
#include "rendr/link.hpp"
#include "rendr/listener.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

inline const std::array<std::string, 3> demo_paths{"fiber", "lte", "wifi"};

/// Two instances in this process and three lines with faults between them.
class demo_stage {
 public:
  demo_stage(const demo_options& options, link_observer on_event);
  ~demo_stage();

  /// Listens, starts the lines and begins to dial.
  [[nodiscard]] failure open();

  link& over() noexcept { return over_; }
  listener& at() noexcept { return at_; }
  demo_relay& relay(std::size_t path) noexcept { return *relays_[path]; }
  /// The dialer's view of the link.
  link_status sender_status() const { return over_.status(); }
  /// The acceptor's view of it; empty before it is up.
  link_status receiver_status() const;
  /// Ends flows and waits at once, e.g. after a signal.
  void abort();

 private:
  const demo_options& options_;
  link_observer on_event_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::unique_ptr<demo_relay>> relays_;
  std::thread relay_thread_;
  runtime acceptor_;
  runtime dialer_;
  listener at_;
  link over_;
};

}  // namespace rendr::cli
