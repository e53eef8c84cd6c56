// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/tcp_model.hpp"

namespace rendr::sim {

enum class direction : std::uint8_t { both, to_server, to_client };

struct path_options {
  std::string name;
  lane_options lanes{};  ///< both directions
  congestion control = congestion::cubic;
  std::optional<evidence_kind> evidence;  ///< what the path spec says, if anything
  bool relayed = false;                   ///< a relay in the middle terminates TCP
  bool cold = false;
  double weight = 1;
  std::uint32_t cost = 0;
  std::string fate{};
};

/// A relay between two connections: reads on one, writes on the other.
class splice {
 public:
  splice(tcp_socket& near, tcp_socket& far);
  /// Goes on reading, so that the near kernels acknowledge, but writes nothing.
  void mute(bool on);
  void pump();

 private:
  void forward(tcp_socket& from, tcp_socket& to, bytes& held, bool& ended);

  tcp_socket& near_;
  tcp_socket& far_;
  bytes to_far_;
  bytes to_near_;
  bool near_ended_ = false;
  bool far_ended_ = false;
  bool muted_ = false;
};

/// The way between client and server that a path takes: lanes, and the connections over them.
class line {
 public:
  line(event_queue& queue, random rng, const path_options& options, const tcp_options& tcp);

  const std::string& name() const noexcept { return options_.name; }
  const path_options& options() const noexcept { return options_; }

  /// Called with the server's end when a connection was established there.
  std::function<void(line&, tcp_socket&)> on_accept;
  /// Begins a connection; its client end. It lives as long as the line.
  tcp_socket& dial();

  lane& to_server() noexcept { return *lanes_[relayed() ? 2 : 0]; }
  lane& to_client() noexcept { return *lanes_[1]; }
  bool relayed() const noexcept { return options_.relayed; }

  // Faults.
  void blackhole(bool on, direction way = direction::both);
  void stall(bool on, direction way = direction::both);
  void each(direction way, const std::function<void(lane&)>& change);
  void kill();
  void kill_end(bool server);
  void refuse(bool on) noexcept { refuse_ = on; }
  void mute(bool on);

  std::size_t data_packets() const noexcept;
  std::uint64_t darkened() const noexcept;
  std::size_t dials() const noexcept { return connections_.size(); }
  std::size_t accepted() const noexcept { return accepted_; }

 private:
  void relay(tcp_socket& near);
  void forward(tcp_socket& near);
  void arrived(tcp_socket& far);

  event_queue& queue_;
  path_options options_;
  tcp_options tcp_;
  std::vector<std::unique_ptr<lane>> lanes_;  // out, back, and behind the relay out, back
  std::vector<std::unique_ptr<tcp_connection>> connections_;
  std::vector<std::unique_ptr<tcp_connection>> behind_;
  std::vector<std::unique_ptr<splice>> splices_;
  bool refuse_ = false;
  bool muted_ = false;
  std::size_t accepted_ = 0;
};

}  // namespace rendr::sim
