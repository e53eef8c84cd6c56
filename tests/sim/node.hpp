// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/endpoint.hpp"
#include "sim/event_queue.hpp"
#include "sim/journal.hpp"
#include "sim/line.hpp"

namespace rendr::sim {

/// One process: an endpoint, its sockets, and a driver that does what a runtime does.
class node {
 public:
  using report = std::function<void(std::string)>;

  node(event_queue& queue, std::string name, const engine::endpoint_config& config,
       report violated);

  /// Every application event, after the driver took its own.
  std::function<void(const engine::any_event&)> on_event;
  /// Where every output of the engine is written; nullptr: nowhere. It outlives the node.
  journal* notes = nullptr;
  /// Resolves a dial to a line.
  std::function<line&(engine::link_ref, engine::spec_id)> resolve;

  engine::endpoint& ep() noexcept { return *endpoint_; }
  const std::string& name() const noexcept { return name_; }
  void accepted(line& from, tcp_socket& socket);
  /// Something changed: run at this instant (once).
  void wake();

  // Faults.
  /// SIGSTOP and SIGCONT: kernels go on, the process does not.
  void stop(bool on);
  /// Time-outs are noticed so much later than they are due.
  void lag(duration d) noexcept { lag_ = d; }
  /// The process ends: its kernel closes every socket.
  void exit();

  std::size_t open_carriers() const noexcept { return carriers_.size(); }
  std::string carriers_text() const;
  std::size_t open_dials() const noexcept { return dials_.size(); }
  std::uint64_t most_slab_bytes() const noexcept { return most_slab_bytes_; }
  carrier_evidence evidence_of(engine::carrier_id id) const {
    const auto it = carriers_.find(id);
    return it == carriers_.end() ? carrier_evidence{} : it->second.socket->evidence();
  }
  /// Bytes that went into sockets.
  std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

 private:
  enum class carrier_state : std::uint8_t { open, flushing, draining };
  struct carrier {
    tcp_socket* socket = nullptr;
    carrier_state state = carrier_state::open;
    bool blocked = false;
    instant close_at = never;
  };
  struct dialing {
    tcp_socket* socket = nullptr;
    line* over = nullptr;
    instant until = never;
  };
  using dial_key = std::pair<engine::link_ref, std::uint64_t>;

  void run();
  void finish_dials();
  void take_accepted();
  void read_carriers();
  bool read_one(engine::carrier_id id, carrier& c);
  void discard(carrier& c);
  void timeouts();
  void outputs();
  void obey(const engine::any_event& e);
  void obey(const engine::event::dial& e);
  void obey(const engine::event::cancel_dial& e);
  void obey(const engine::event::close_carrier& e);
  void transmit(engine::carrier_id id);
  void half_close(carrier& c);
  void adopt(engine::carrier_id id, tcp_socket& socket);
  void arm();
  carrier_traits traits(const line& over, bool dialer) const;

  event_queue& queue_;
  std::string name_;
  report violated_;
  std::unique_ptr<engine::endpoint> endpoint_;
  std::map<engine::carrier_id, carrier> carriers_;
  std::set<engine::carrier_id> reported_;  ///< ended by path_down
  std::map<dial_key, dialing> dials_;
  std::deque<std::pair<line*, tcp_socket*>> backlog_;
  alarm timer_;
  bool woken_ = false;
  bool running_ = false;
  bool stopped_ = false;
  bool exited_ = false;
  duration lag_{0};
  instant spin_at_{};
  int spins_ = 0;
  std::uint64_t most_slab_bytes_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace rendr::sim
