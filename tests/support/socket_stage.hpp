// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hostile/stage.hpp"
#include "rendr/rendr.hpp"
#include "support/tap.hpp"

namespace rendr::test {

class attacker_connection;

/// The stage of the attacks on loopback sockets: a client and a server runtime in this process, an
/// echo that never stops between them, and an attacker on the caller's thread.
class socket_stage final : public hostile::stage {
 public:
  socket_stage();
  ~socket_stage() override;

  std::unique_ptr<hostile::carrier> dial(std::string_view source) override;
  bool sources_differ() const override { return false; }
  const std::vector<hostile::recording>& tapped() override;
  void seize() override;
  std::uint64_t cuts() const override { return cuts_; }
  std::unique_ptr<hostile::carrier> seized(duration limit) override;
  void release() override { tap_->release(); }
  bool until(const std::function<bool()>& holds, duration limit) override;
  hostile::facts server() override { return facts_of(server_); }
  hostile::facts client() override { return facts_of(client_); }
  link_id honest() override { return honest_; }
  std::uint64_t delivered() override { return delivered_; }
  std::string damage() override;

 private:
  friend class attacker_connection;
  static hostile::facts facts_of(const runtime& of);
  void take_flows();
  static void echo(stream flow);
  void talk_to_echo();

  runtime server_;
  runtime client_;
  listener door_;
  std::unique_ptr<tap> tap_;
  std::unique_ptr<link> line_;
  link_id honest_{};
  instance_id honest_client_{};
  stream near_;
  std::thread accepting_;
  std::thread talking_;
  std::thread echoing_;  ///< begun by `accepting_`
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::string damage_;
  std::vector<std::shared_ptr<stream>> others_;  ///< flows of attackers
  std::vector<hostile::recording> tapped_;
  std::vector<attacker_connection*> connections_;
  std::map<std::string, std::uint32_t> sources_;
  std::uint64_t cuts_ = 0;
};

}  // namespace rendr::test
