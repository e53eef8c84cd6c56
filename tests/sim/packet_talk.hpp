// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/talk.hpp"

namespace rendr::sim {

/// What one end of a packet flow sends.
struct packet_traffic {
  std::uint64_t total = 0;       ///< packets
  std::uint64_t smallest = 100;  ///< bytes; at least 8, and some are empty all the same
  std::uint64_t largest = 100;
  duration interval{0};  ///< between packets; 0: as fast as the engine takes them
  bool some_empty = false;
};

struct packet_plan {
  packet_traffic up = {};    ///< client to server
  packet_traffic down = {};  ///< server to client
  std::string root = {};
  bool server_reads = true;
  std::optional<errc> may_fail{};
};

/// What is known of one end of a packet flow.
struct packet_end : talk_end {
  std::uint64_t handed = 0;   ///< packets that the application has decided to send
  std::uint64_t sent = 0;     ///< that the engine took
  std::uint64_t refused = 0;  ///< times that it was full
  std::vector<instant> handed_at;
  std::uint64_t received = 0;  ///< packets with a number
  std::uint64_t empty = 0;     ///< packets without bytes
  std::uint64_t doubled = 0;   ///< packets that came again
  std::vector<bool> seen;
  std::vector<duration> delays;  ///< from handing over to reading, in the order of arrival
  duration longest_gap{0};       ///< between two arrivals
  instant last{};
};

/// One packet flow with the applications at both ends. Every packet is generated from its number
/// and checked whole; one that comes twice, in part, or that nobody sent is a violation, and so is
/// any loss that the sender's engine did not count as given up.
class packet_talk final : public talk<packet_plan, packet_end> {
 public:
  packet_talk(event_queue& queue, std::uint32_t number, std::uint64_t seed, const packet_plan& plan,
              node::report violated)
      : talk(queue, number, seed, plan, std::move(violated), "packet flow") {}

  void open(node& client, engine::link_ref link);
  void arrived(node& server, const engine::event::incoming_flow& e) override;

  /// Packets of that end's peer that it never got; counted once it saw the end.
  std::uint64_t lost(bool at_server) const noexcept;
  flow_status status(bool at_server) const;

 private:
  std::size_t size_of(bool from_server, std::uint64_t index) const;
  void make(bool from_server, std::uint64_t index, bytes_span out) const;
  void produce(bool at_server) override;
  void consume(bool at_server) override;
  void start(bool at_server);
  void tick(bool at_server);
  void take(bool at_server, bytes_view packet);
  void ended(bool at_server);
};

}  // namespace rendr::sim
