// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rendr/defaults.hpp"
#include "rendr/detail/completion.hpp"
#include "rendr/error.hpp"
#include "rendr/incoming.hpp"
#include "rendr/runtime.hpp"

namespace rendr {

namespace detail {
struct listener_core;
void cancel_operation(const std::shared_ptr<listener_core>& core, std::uint64_t operation);
}  // namespace detail

/// Where a listener waits for paths.
struct listen_options {
  /// A name or an address of this machine; "::", "*" or "" for all of both families.
  std::string host = {};
  std::uint16_t port = 0;       ///< 0: the system chooses; see `listener::port`
  std::string device = {};      ///< only connections through this network device (SO_BINDTODEVICE)
  std::string congestion = {};  ///< TCP_CONGESTION of accepted connections; empty: the system's
  /// Accept peers as they are: an address that is not on loopback needs it unless the runtime
  /// demands a pre-shared key or allowed keys (`runtime_options::accepted_credentials`), and so
  /// does a peer's `plaintext` path from elsewhere. See `link_options::insecure`.
  bool insecure = false;
  int backlog = defaults::backlog;
  /// Told, as a sentence, when an address of the host cannot be listened on for now, and when it is
  /// (`good`). On the runtime's first loop; it must not wait, throw or close the listener.
  std::function<void(bool good, const std::string& sentence)> on_change = {};
};

/// Takes links of other instances, and hands out the flows that they open. A runtime has at most
/// one open listener; it may listen on several addresses. Movable. Destroying it closes it; links
/// that were accepted live on with the runtime.
class listener {
 public:
  using executor_type = asio::any_io_executor;

  explicit listener(runtime& owner);
  listener(listener&&) noexcept;
  listener& operator=(listener&&) noexcept;
  ~listener();

  executor_type get_executor() const;

  /// Listens on all addresses of one more host. Waits for the name's resolution, 3 s at most: not
  /// on a loop thread, unless the host is a literal address. An address or a device that is not
  /// there yet is no failure: it is waited for, and bound to again when it was made anew (see
  /// `listen_options::on_change`). Fails with the system's error (address in use, permission
  /// denied) and a detail with the address when nothing can be bound; with `permission_denied` off
  /// loopback without credentials or `insecure`; with `limit_reached` when the runtime has another
  /// listener.
  [[nodiscard]] failure listen(const listen_options& options);
  /// The same with any transport that can be listened on, where `at` says; `host`, `port`, `device`
  /// and `congestion` of the options count for nothing. `unavailable`: it cannot be listened on.
  [[nodiscard]] failure listen(const path_spec& at, const listen_options& options);
  /// Takes a connected stream socket that the embedder accepted. rendr owns it from now on.
  [[nodiscard]] failure adopt(int fd, bool secured = false);
  /// The port of the last `listen`; 0 before, and while it waits for what is not there.
  std::uint16_t port() const;
  /// Every address it listens on now, e.g. "127.0.0.1:7000".
  std::vector<std::string> addresses() const;

  /// The next flow that a peer opens, of whatever link. `void(std::error_code, incoming)`. Several
  /// may wait at once. Cancelling loses no flow. `asio::error::operation_aborted` after `close`.
  template <class Token>
  auto async_accept(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, incoming)>(
        [](auto handler, std::shared_ptr<detail::listener_core> core,
           asio::any_io_executor executor) {
          const auto operation = detail::next_operation();
          detail::connect_cancellation(core, operation, handler);
          start_accept(core, operation, detail::accept_completion(std::move(handler), executor));
        },
        token, core_, get_executor());
  }
  /// The same, waiting; not on a loop thread.
  incoming accept(std::error_code& code);
  incoming accept();

  /// Stops listening: the ports are free when it returns (on an embedder's io_context and in
  /// another thread: as soon as the context runs). Flows that wait to be accepted are
  /// refused; links that live go on.
  void close();

 private:
  static void start_accept(const std::shared_ptr<detail::listener_core>& core,
                           std::uint64_t operation, detail::accept_completion done);

  std::shared_ptr<detail::listener_core> core_;
};

}  // namespace rendr
