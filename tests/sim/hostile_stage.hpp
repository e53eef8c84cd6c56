// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hostile/stage.hpp"
#include "sim/world.hpp"

namespace rendr::sim {

class attacker_socket;

/// The stage of the attacks in virtual time.
class hostile_stage final : public hostile::stage {
 public:
  explicit hostile_stage(scenario options = honest_lines());
  ~hostile_stage() override;

  /// Two lines `a` and `b` of 20 and 30 ms, `a` preferred.
  static scenario honest_lines();

  std::unique_ptr<hostile::carrier> dial(std::string_view source) override;
  bool sources_differ() const override { return true; }
  const std::vector<hostile::recording>& tapped() override { return tapped_; }
  void seize() override;
  std::uint64_t cuts() const override { return cuts_; }
  std::unique_ptr<hostile::carrier> seized(duration limit) override;
  void release() override { seizing_ = false; }
  bool until(const std::function<bool()>& holds, duration limit) override;
  hostile::facts server() override { return facts_of(world_.server()); }
  hostile::facts client() override { return facts_of(world_.client()); }
  link_id honest() override { return honest_; }
  std::uint64_t delivered() override;
  /// Waits for the end of the flow, ends the links, and checks that neither process keeps anything.
  std::string damage() override;

  world& in() noexcept { return world_; }

 private:
  struct tap {
    tcp_socket* near = nullptr;
    tcp_socket* far = nullptr;
    std::size_t number = 0;
    bytes to_far{};
    bytes to_near{};
  };

  line& line_from(std::string_view source);
  void connected(tcp_socket& near);
  void pump(tap& t);
  void forward(tcp_socket& from, tcp_socket& to, bytes& held, bytes& record);
  hostile::facts facts_of(node& at);

  world world_;
  std::vector<std::unique_ptr<line>> lines_;
  std::deque<tap> taps_;
  std::vector<hostile::recording> tapped_;
  std::deque<std::unique_ptr<attacker_socket>> seized_;
  bool seizing_ = false;
  std::uint64_t cuts_ = 0;
  link_id honest_{};
  engine::link_ref honest_link_{};
  conversation* flow_ = nullptr;
};

}  // namespace rendr::sim
