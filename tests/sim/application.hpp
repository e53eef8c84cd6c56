// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/node.hpp"

namespace rendr::sim {

/// The two programs that talk over one flow, as the world tells them of it.
class application {
 public:
  application() = default;
  application(const application&) = delete;
  application& operator=(const application&) = delete;
  virtual ~application() = default;

  /// The server's endpoint announced the flow.
  virtual void arrived(node& server, const engine::event::incoming_flow& e) = 0;
  virtual void ready(bool at_server) = 0;
  virtual void done(bool at_server, const engine::event::flow_done& e) = 0;
  virtual void link_failed(bool at_server, errc code) = 0;
  /// The process at the server's end is gone.
  virtual void server_exited() = 0;
};

}  // namespace rendr::sim
