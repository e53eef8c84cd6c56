// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "relay/defaults.hpp"
#include "relay/keepalive.hpp"
#include "relay/log.hpp"
#include "relay/proxy_protocol.hpp"
#include "rendr/incoming.hpp"
#include "rendr/listener.hpp"
#include "rendr/runtime.hpp"

namespace rendr::relay {

/// Where flows of one name go.
struct target {
  std::string name;  ///< empty: flows that name no target
  std::string host;
  std::uint16_t port = 0;
  /// How it is told whose connection it is; what it is told is the word of who opened the flow.
  proxy_protocol proxy = proxy_protocol::off;
};

struct server_options {
  std::vector<target> targets;
  duration connect_timeout = defaults::connect_timeout;
  keepalive probes;  ///< of the applications' sockets
  log_sink log;
};

/// Connects each incoming flow of a listener to the TCP target that it names. A flow is accepted
/// when its target has accepted the connection, else rejected with a `relay::code`.
///
/// Listener and runtime must outlive the last handler: shut the runtime down before they go.
class server {
 public:
  server(listener& from, server_options options);
  /// Begins to take flows and returns.
  void start();

 private:
  struct shared;
  static void accept_next(const std::shared_ptr<shared>& state);
  static void accept_later(const std::shared_ptr<shared>& state);

  std::shared_ptr<shared> state_;
};

}  // namespace rendr::relay
