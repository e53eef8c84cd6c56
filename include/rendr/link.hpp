// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rendr/credentials.hpp"
#include "rendr/defaults.hpp"
#include "rendr/detail/completion.hpp"
#include "rendr/error.hpp"
#include "rendr/events.hpp"
#include "rendr/incoming.hpp"
#include "rendr/packet_flow.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/runtime.hpp"
#include "rendr/status.hpp"
#include "rendr/stream.hpp"
#include "rendr/time.hpp"

namespace rendr {

/// How a link is dialled.
struct link_options {
  /// 1 to 64 leaves. Unnamed ones are named "p1", "p2", ... by their position.
  std::vector<path_spec> paths = {};
  /// Policy graph, e.g. "best: selector(fiber, race(lte, wifi))", or a word for one over all paths:
  /// "handover", "interactive", "aggregate". Empty: a selector over all paths in order.
  std::string root = {};
  /// How long the link outlives its last path (`duration::max()`: for ever). The lower one of both
  /// ends holds.
  duration grace = defaults::no_path_grace;
  /// What is left of the grace at most once *every* path ended by FIN or RST: the server's program
  /// is gone, as darkness sends neither. `duration::max()`: all of it.
  duration grace_closed = defaults::grace_closed;
  /// How long a closed link waits for flows that are still open, and without a living path for what
  /// its flows still hold; that counts from when the last one was lost. A flow that was closed is
  /// delivered as long as the link lives, however slow its reader is.
  duration linger = defaults::linger;
  /// A link that is not up by then fails: with the code of the last refusal when there was one
  /// (`auth_failed`, `version_mismatch`, `refused`, …), else with `no_path`; the detail names the
  /// last dial's fault. `duration::max()`: keep trying. It also bounds how long a link goes on
  /// whose peer forgot it before it had taken part in it.
  duration dial_deadline = duration::max();
  /// What this end proves itself with, and what it demands of the peer (`check_dialer`). A peer
  /// that does not hold what is demanded is refused with `auth_failed`: each such dial ends, the
  /// link goes on trying. Copies of the secrets are wiped when the link is over: with them a server
  /// that was made anew proves that it does not know the link.
  rendr::credentials credentials = {};
  /// Accept an unauthenticated peer, and `plaintext` paths. Off loopback a link without a
  /// pre-shared key or the peer's key, or a path with `plaintext` on a connection that is not
  /// secured, is refused with `permission_denied` unless this is set. Records are sealed all the
  /// same; without credentials that keeps out those who only listen, not one who sits on the way
  /// from the start.
  bool insecure = false;
  /// Take flows that the acceptor opens (`link::async_accept`). Otherwise they are refused.
  bool accept_flows = false;
  /// Sees this link's events, on its loop.
  link_observer on_event = {};
  /// Which loop of the runtime; default: the one with the fewest links.
  std::optional<unsigned> loop = {};
};

/// What goes along when a flow is opened.
struct open_options {
  /// Opaque to rendr, at most 4 KiB; arrives with the flow.
  std::vector<std::byte> metadata = {};
  /// Name of a root target of this link's graph; empty: the default root.
  std::string root = {};
};

/// The association of this instance with another one, and the flows over it. A handle: copies mean
/// the same link. The link is closed in order (`close`) when the last handle of a dialled link is
/// gone; see there for what becomes of its flows.
///
/// Commands (`open_stream`, `attach`, `migrate`, ...) never wait for the network. They run at once
/// on the link's loop and wait some microseconds for it elsewhere; on the thread of *another* loop
/// they fail with `resource_deadlock_would_occur`. A `failure` without code means done.
class link {
 public:
  using executor_type = asio::any_io_executor;

  /// No link yet: `connect` or `start` makes one.
  explicit link(runtime& owner);
  link() noexcept;
  link(const link&) noexcept;
  link(link&&) noexcept;
  link& operator=(const link&) noexcept;
  link& operator=(link&&) noexcept;
  ~link();

  executor_type get_executor() const;
  bool is_open() const noexcept;

  /// Begins to dial and returns. Flows may be opened at once; their bytes wait for the first path.
  /// Fails with `invalid_argument` (the detail names the path, the key and the rule),
  /// `permission_denied` (see `insecure`), `limit_reached`; nothing was begun then.
  [[nodiscard]] failure start(link_options options);

  /// `start`, and completes when the link is up, or with the reason why it never will be.
  /// `void(std::error_code)`; `error()` has the sentence, whether nothing was begun or the dials
  /// failed: in a coroutine, print `error().detail` where you catch the `std::system_error`.
  /// Without a `dial_deadline` it goes on trying. Cancelling it closes the link.
  template <class Token>
  auto async_connect(link_options options, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [this](auto handler, link_options chosen) {
          const auto operation = detail::next_operation();
          const failure early = start(std::move(chosen));
          if (core_) detail::connect_cancellation(core_, operation, handler);
          auto executor = get_executor();
          start_wait(operation, wait_type::up, early.code,
                     detail::void_completion(std::move(handler), executor));
        },
        token, std::move(options));
  }
  /// The same, waiting.
  [[nodiscard]] failure connect(link_options options);

  enum class wait_type {
    up,    ///< the link has its first path
    down,  ///< the link is over; the error says why (`closed` after `close`)
  };
  /// `void(std::error_code)`.
  template <class Token>
  auto async_wait(wait_type what, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [](auto handler, link self, wait_type kind) {
          const auto operation = detail::next_operation();
          if (self.core_) detail::connect_cancellation(self.core_, operation, handler);
          auto executor = self.get_executor();
          self.start_wait(operation, kind, {},
                          detail::void_completion(std::move(handler), executor));
        },
        token, *this, what);
  }
  /// The same, waiting.
  std::error_code wait(wait_type what);

  /// Opens a stream flow, without a round trip. Fails with `invalid_argument` (unknown root,
  /// metadata over 4 KiB), `limit_reached`, `closed`, or what ended the link.
  stream open_stream(const open_options& options, failure& error);
  /// Throws `std::system_error` instead.
  stream open_stream(const open_options& options = {});
  /// Opens a packet flow, likewise.
  packet_flow open_packet(const open_options& options, failure& error);
  packet_flow open_packet(const open_options& options = {});

  /// The next flow that the other end opens (`accept_flows`). `void(std::error_code, incoming)`.
  template <class Token>
  auto async_accept(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, incoming)>(
        [](auto handler, link self) {
          const auto operation = detail::next_operation();
          if (self.core_) detail::connect_cancellation(self.core_, operation, handler);
          auto executor = self.get_executor();
          self.start_accept(operation, detail::accept_completion(std::move(handler), executor));
        },
        token, *this);
  }

  /// Adds a path while the link lives. A root over all paths (the default one, an intent) takes it
  /// in, and so does one that names a detached path of the same name; `set_root` places it in
  /// others. Fails as `start`, and with `limit_reached` when there are 64 paths, with those that
  /// were detached and a root still names.
  [[nodiscard]] failure attach(path_spec path);
  /// Drains a path and takes it away. `refused` for the last living one.
  [[nodiscard]] failure detach(std::string_view path);
  /// Moves the flows of a root to `path` now, make before break: while the window of the new path
  /// opens, what it cannot take goes on by the old one, for twelve round trips (50 ms to 2 s) at
  /// most. `detach` the old one to have it take nothing more. Without `root`: the default one.
  [[nodiscard]] failure migrate(std::string_view path, std::string_view root = {});
  /// Overrides a selector; an empty child gives it back to its own judgement.
  [[nodiscard]] failure select(std::string_view node, std::string_view child,
                               std::string_view root = {});
  /// Replaces a root while flows run, or adds one under a new name for `open_options::root`; a link
  /// has at most 64. Fails with `refused` on an accepted link: the dialer owns the graphs.
  [[nodiscard]] failure set_root(std::string_view graph, std::string_view root = {});

  /// Ends the link in order and returns at once: the peer is told, no new flows, and flows that are
  /// still open get the linger. Flows that were closed before are delivered first, however slow
  /// their reader, while the peer lives (a path of the link does); without a living path all ends a
  /// linger after the last one was lost, at once when that was long ago. `abort` ends it now; flows
  /// fail with `aborted`, those of the peer with `peer_lost`.
  void close(std::uint64_t code = 0, std::string_view reason = {});
  void abort();

  /// What ended the link, or why its last `start` or `connect` began nothing; no code while it
  /// lives. The detail is a sentence about this one occurrence.
  failure error() const;
  /// Waits some microseconds for the loop when not called on it. Empty after the link's end.
  link_status status() const;

 private:
  friend class incoming;
  explicit link(std::shared_ptr<detail::link_core> core) noexcept;
  void start_wait(std::uint64_t operation, wait_type what, std::error_code early,
                  detail::void_completion done);
  void start_accept(std::uint64_t operation, detail::accept_completion done);
  failure begin(link_options options);
  std::shared_ptr<detail::stream_core> open(flow_kind kind, const open_options& options,
                                            failure& error);

  std::shared_ptr<detail::runtime_core> runtime_;
  std::shared_ptr<detail::link_handle> handle_;
  std::shared_ptr<detail::link_core> core_;
  std::shared_ptr<const failure> refusal_;  ///< why the last `start` began nothing
};

}  // namespace rendr
