// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "engine/door/routing_tokens.hpp"
#include "rendr/runtime.hpp"
#include "runtime/accept_queue.hpp"
#include "runtime/loop.hpp"
#include "transport/net_events.hpp"
#include "transport/registry.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::detail {

struct listener_core;

/// What a runtime is made of.
struct runtime_core : std::enable_shared_from_this<runtime_core> {
  explicit runtime_core(runtime_options o);

  /// `embedded` null: own loops and threads.
  void begin(const std::shared_ptr<asio::io_context>& embedded);
  void end();
  bool on_any_loop() const;
  loop& least_loaded();
  /// The queue of the open listener; null: nobody listens.
  std::shared_ptr<accept_queue> flows_of_listener() const;
  void start_shutdown(void_completion done);
  /// From a loop: its number of links changed. An embedder's io_context has work of the watch only
  /// while there are links.
  void links_changed(std::size_t links_of_loop);

  const runtime_options options;
  transport::registry schemes{transport::registry::of_process()};
  std::optional<engine::token_mint> mint;  ///< of the first loop: it reads the tokens of all
  instance_id instance{};
  std::vector<std::shared_ptr<loop>> loops;
  std::vector<std::thread> threads;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::vector<std::shared_ptr<asio::io_context>> contexts;
  std::atomic<std::uint64_t> observer_exceptions{0};
  std::atomic<std::uint64_t> network_changes{0};
  failure network_watch;  // why there is no `network`; fixed once the loops run

  mutable std::mutex mutex;  // guards what follows
  std::weak_ptr<listener_core> listener;

 private:
  void watch_network();
  std::unique_ptr<transport::net_events> network_;  // of the first loop
};

/// Random bytes of the system; throws `std::system_error` when there are none.
void fill_random(std::span<std::byte> out);

/// Runs `start(completion)` and waits for the completion. `start` gets a `completion<Args...>`.
template <class... Args, class Start>
std::tuple<Args...> wait_for(Start start) {
  auto promise = std::make_shared<std::promise<std::tuple<Args...>>>();
  auto future = promise->get_future();
  start(completion<Args...>::in_place(
      [promise](Args... args) { promise->set_value(std::tuple<Args...>(std::move(args)...)); }));
  return future.get();
}

}  // namespace rendr::detail
