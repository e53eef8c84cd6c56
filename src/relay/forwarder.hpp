// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "relay/defaults.hpp"
#include "relay/keepalive.hpp"
#include "relay/log.hpp"
#include "rendr/link.hpp"
#include "rendr/runtime.hpp"

namespace rendr::relay {

struct forwarder_options {
  std::string host;  ///< where connections arrive
  std::uint16_t port = 0;
  std::string target;  ///< name at the server; empty: its unnamed one
  link_options link;   ///< `loop` and `on_event` are the forwarder's own
  unsigned lanes = 1;  ///< one link each, on the runtime's loops
  duration connect_timeout = defaults::connect_timeout;
  keepalive probes;  ///< of the applications' sockets
  /// While no path of the link lives, new connections are reset at once; else they wait.
  bool refuse_when_dark = false;
  log_sink log;
  link_observer on_event;  ///< sees the events of every link, on its loop
};

/// Carries each accepted TCP connection as one flow of a link, to the target it names. Listens
/// before its links are up. When a link ends, goes away or its peer restarted, a new one is dialled
/// at once for new connections; the flows of the old one stay with it.
class forwarder {
 public:
  forwarder(runtime& on, forwarder_options options);
  ~forwarder();  ///< stops
  forwarder(const forwarder&) = delete;
  forwarder& operator=(const forwarder&) = delete;

  /// Binds the port and begins to dial. On failure nothing was begun. Not on a loop thread.
  [[nodiscard]] failure start();
  /// The port, also when 0 was asked for.
  std::uint16_t port() const;
  /// Where it listens since `start`, as "127.0.0.1:2222"; what is waited for is told by the log.
  const std::vector<std::string>& addresses() const;
  /// Takes no more connections, dials no more links; those that live go on. From any thread.
  void stop();

 private:
  struct shared;
  std::shared_ptr<shared> state_;
};

/// Metadata of a flow to the target of that name.
std::vector<std::byte> target_metadata(std::string_view name);

}  // namespace rendr::relay
