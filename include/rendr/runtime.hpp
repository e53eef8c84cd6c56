// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rendr/credentials.hpp"
#include "rendr/defaults.hpp"
#include "rendr/detail/completion.hpp"
#include "rendr/error.hpp"
#include "rendr/events.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/status.hpp"
#include "rendr/time.hpp"
#include "rendr/transport.hpp"

namespace asio {
class io_context;
}

namespace rendr {

namespace detail {
struct runtime_core;
}

/// What a `transport_factory` hands back: a connected stream socket, or why there is none.
struct connection {
  int fd = -1;  ///< connected, ordered, reliable, full duplex; rendr owns it from now on
  std::error_code code = {};  ///< set when there is no connection
  std::string detail = {};    ///< one sentence for the path's death record
  bool secured = false;       ///< true: encrypted and authenticated below rendr (TLS, a tunnel)
};

/// Makes one connection for a path whose scheme it was registered for, within `timeout`.
/// Called on a thread of its own, so it may block, but it is bounded and contained: when it is not
/// back in time the dial fails and its late connection is closed; what it throws becomes a failed
/// dial. It may be called by several threads at once. At most 16 calls of a factory run at a time
/// on a loop; more dials fail with `limit_reached` and are tried again.
using transport_factory = std::function<connection(const path_spec& path, duration timeout)>;

/// A factory that hands out one connected socket once. After its end the path stays dead with
/// `unavailable`: only its maker could make another. The socket is closed with the last copy of
/// the factory when nobody took it.
transport_factory one_connection(int fd, bool secured = false);

/// What a runtime is made with; fixed for its life.
struct runtime_options {
  /// io_contexts with one thread each (1 to 255). Each link lives on one of them; more loops serve
  /// more links, never one link faster. Ignored by the constructor that takes an io_context.
  unsigned loops = 1;
  /// Key of the link reset tokens that this instance gives to its dialers: with it, a later
  /// instance proves to them that their link is gone (`peer_lost` at once, instead of at the end of
  /// the grace). Keep it in a file that only the server reads and pass it again at every start.
  /// Default: random, that is, no such proof after a restart.
  std::optional<std::array<std::byte, 32>> reset_key = {};
  /// Which server this is, kept beside the reset key: it proves what it itself forgot, and nothing
  /// of another server that shares the key. Two instances that live at once must not have the same.
  /// Default: random, that is, no proof after a restart.
  std::optional<std::array<std::byte, 16>> server_id = {};
  /// Which client this is, from start to start: when it links anew with the same key, a server ends
  /// the links that an earlier process of this slot left behind, those without a living path alone.
  /// Random bytes from a file that this process holds locked: two instances that live at once must
  /// not have the same. Servers see a value that is made from it for each of them. It acts on links
  /// whose credentials have a pre-shared key or an own key. Default: none.
  std::optional<std::array<std::byte, 16>> slot = {};
  /// Bytes of buffers that all flows together may hold, divided by the loops. 0: a quarter of the
  /// machine's memory or, where that is lower, of what the cgroup of this process allows (versions
  /// 2 and 1). What flows receive never exceeds it: when it is used up, flows that peers open are
  /// refused and `link::open_stream` fails, with `limit_reached`. What they sent and is not
  /// acknowledged counts too: beyond it each writer has room for 128 KiB and then waits.
  std::size_t budget = 0;
  /// Bytes per flow that writes may leave unacknowledged before they wait; up to 64 MiB where the
  /// rates and round trips of its paths ask for more.
  std::size_t send_buffer = defaults::send_buffer;
  /// Flows of one link, those that wait to be accepted included; more are refused with
  /// `limit_reached`.
  std::size_t flows_per_link = defaults::flows_per_link;
  /// Links that dialers may have here at once, divided by the loops, and a quarter of it from one
  /// host (or IPv6 /64; on loopback all of it), 13 KiB each while idle. Who asks for one more is
  /// refused with `limit_reached`; the paths and flows of those that live are not touched.
  std::size_t links = defaults::links;
  /// Connections that have not shown a key yet, per loop, and a quarter of it from one host (or
  /// IPv6 /64; on loopback all of it); who has the most loses its oldest first. As many again may
  /// have shown one and not finished. An eighth of the descriptors of the process, where that is
  /// less.
  std::size_t handshakes = defaults::handshakes;
  /// What dialers must prove to make links here, and what this instance proves to them
  /// (`check_acceptor`). Empty: anybody may.
  credentials accepted_credentials = {};
  /// Grace and linger of accepted links. The lower grace of both ends holds.
  duration accepted_grace = defaults::no_path_grace;
  /// What is left of the grace of an accepted link at most once *every* path of it ended by FIN or
  /// RST: its program is gone, as a machine that sleeps sends neither. `duration::max()`: all.
  duration accepted_grace_closed = defaults::grace_closed;
  duration accepted_linger = defaults::linger;
  /// Watch this machine's addresses, devices and routes (one rtnetlink socket, no privilege; on an
  /// embedder's io_context only while there are links): a path whose local address is gone or whose
  /// device is down is suspect at once, and what is not alive is dialled again at once. A system
  /// that does not allow it is no error: `runtime_status::network_watch` tells, and
  /// `runtime::network_changed` does the second by hand.
  bool watch_network = true;
  /// Sees the events of every link of this runtime, dialled and accepted, on the link's loop.
  link_observer on_event = {};
};

/// One rendr instance: its identity, its loops, its memory budget. Every link and listener belongs
/// to one runtime and must not be used after it ended.
///
/// Threading: all methods may be called from any thread. Those that wait say so; calling one of
/// them on a loop thread would wait for itself, so it fails at once with
/// `std::errc::resource_deadlock_would_occur`.
class runtime {
 public:
  using executor_type = asio::any_io_executor;

  /// Starts its own loops. Throws `std::system_error` when a thread or the system's random source
  /// cannot be had, and `invalid_argument` for options outside their ranges or credentials that do
  /// not fit together.
  explicit runtime(runtime_options options = {});
  /// Runs on the embedder's io_context, as its only loop. The embedder runs that context from one
  /// thread at a time and keeps it alive until after the runtime. Blocking calls work from other
  /// threads; like `listen` and `start`, they wait until it runs: spawn a coroutine for those two.
  explicit runtime(asio::io_context& context, runtime_options options = {});
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  /// Ends what still lives, at once (peers get a goodbye, flows on both sides fail with `aborted`),
  /// closes every descriptor and joins the threads. Handlers that still wait are completed with
  /// `operation_aborted` on own loops. Must not run on a loop thread of its own loops.
  ~runtime();

  /// The executor of the first loop.
  executor_type get_executor() const;
  instance_id instance() const;

  /// Makes `scheme` dialable by links of this runtime. Fails with `invalid_argument` when it is
  /// empty or taken ("tcp" is).
  [[nodiscard]] failure add_transport(std::string scheme, transport_factory factory);
  /// Adds a transport to this runtime alone; fails as `transport::register_scheme`, which adds one
  /// to every runtime of the process.
  [[nodiscard]] failure add_transport(std::shared_ptr<const transport::scheme> added);
  /// `parse_path_spec` that knows what was added to this runtime, too.
  bool parse_path(std::string_view text, path_spec& out, failure& why) const;

  /// Tells that addresses or routes of this machine changed: dead paths are dialled again at once,
  /// suspect ones beside what is left of them. Needed only without `watch_network`.
  void network_changed();

  /// A snapshot of everything. Waits for the other loops for some microseconds: on a loop thread
  /// of a runtime with several loops it throws `resource_deadlock_would_occur`.
  runtime_status status() const;

  /// Ends a link of `status` now, dialled or accepted: its flows fail with `aborted` on this side,
  /// and the peer learns it with its next attach. `closed`: no such link lives here;
  /// `resource_deadlock_would_occur` as for `status`.
  [[nodiscard]] failure end_link(const link_id& id);
  /// Ends a flow of `status` now, both ways, as `stream::abort` does; the calls of its owner fail
  /// with `aborted`. Fails likewise.
  [[nodiscard]] failure end_flow(const flow_id& id);

  /// Ends in order: listeners close, every link stops taking new flows, open flows get their
  /// linger. Completes (`void(std::error_code)`) with no error when every link is over, after the
  /// longest linger at the latest, however slow a reader. To be started once; it is of no use then.
  template <class Token>
  auto async_shutdown(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [this](auto handler) {
          start_shutdown(detail::void_completion(std::move(handler), get_executor()));
        },
        token);
  }
  /// The same, waiting.
  void shutdown();

  /// Not part of the interface.
  const std::shared_ptr<detail::runtime_core>& core() const noexcept { return core_; }

 private:
  void start_shutdown(detail::void_completion done);

  std::shared_ptr<detail::runtime_core> core_;
};

}  // namespace rendr
