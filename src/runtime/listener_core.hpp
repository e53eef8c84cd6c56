// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rendr/listener.hpp"
#include "rendr/transport.hpp"
#include "runtime/accept_queue.hpp"
#include "runtime/handover.hpp"

namespace rendr::detail {

struct runtime_core;

/// The listening sockets of a runtime, on its first loop, and the flows that wait to be accepted.
struct listener_core : std::enable_shared_from_this<listener_core> {
  explicit listener_core(std::shared_ptr<runtime_core> o);

  failure listen(const path_spec& at, const listen_options& options);
  /// On the first loop's thread.
  failure listen_on(transport::place& at, const listen_options& options);
  void close();

  const std::shared_ptr<runtime_core> owner;
  const std::shared_ptr<accept_queue> queue;

  // The first loop's thread.
  std::vector<std::unique_ptr<transport::listening>> places;
  std::shared_ptr<handover> handing_over;

  mutable std::mutex mutex;  // guards what follows
  bool closed = false;
  /// Of each place: where it listens now.
  std::vector<std::vector<transport::bound_address>> addresses;
};

}  // namespace rendr::detail
