// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "net/cli_plain_socket.hpp"
#include "relay/forwarder.hpp"
#include "relay/server.hpp"
#include "rendr/listener.hpp"
#include "rendr/runtime.hpp"

namespace rendr::test {

/// `rendr serve` without the program.
struct serving {
  explicit serving(std::uint16_t port, std::vector<relay::target> targets,
                   runtime_options options = {}, relay::keepalive probes = {})
      : instance(std::move(options)), at(instance) {
    listen_options where;
    where.host = "127.0.0.1";
    where.port = port;
    const auto why = at.listen(where);
    EXPECT_FALSE(why.code) << why.detail;
    relay::server_options chosen;
    chosen.targets = std::move(targets);
    chosen.probes = probes;
    relay::server(at, std::move(chosen)).start();
  }
  runtime instance;
  listener at;
};

/// `rendr forward` without the program, over one path.
struct forwarding {
  explicit forwarding(std::uint16_t server_port, std::string target = {},
                      duration connect_timeout = std::chrono::seconds(10),
                      relay::keepalive probes = {}) {
    relay::forwarder_options chosen;
    chosen.host = "127.0.0.1";
    chosen.target = std::move(target);
    chosen.connect_timeout = connect_timeout;
    chosen.probes = probes;
    path_spec path;
    path.host = "127.0.0.1";
    path.port = server_port;
    chosen.link.paths.push_back(path);
    chosen.on_event = [this](const link_event& event) {
      const bool useless = std::holds_alternative<events::peer_restarted>(event.what) ||
                           std::holds_alternative<events::going_away>(event.what) ||
                           std::holds_alternative<events::link_down>(event.what);
      if (useless && !told.exchange(true)) link_lost.set_value();
    };
    over.emplace(instance, std::move(chosen));
    const auto why = over->start();
    EXPECT_FALSE(why.code) << why.detail;
  }
  plain_socket connect() const { return plain_socket::connect(over->port()); }

  std::promise<void> link_lost;  ///< its first link is not used for new connections any more
  std::atomic<bool> told = false;
  runtime instance;
  std::optional<relay::forwarder> over;
};

}  // namespace rendr::test
