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

/// What one end of a flow writes.
struct traffic {
  enum class kind : std::uint8_t { silent, bulk, paced, echo, reply };
  kind what = kind::silent;
  std::uint64_t total = 0;  ///< bulk: bytes; paced: messages
  std::uint64_t size = 0;   ///< paced: bytes of a message; reply: bytes per answer
  duration interval{0};     ///< paced
  std::uint64_t each = 0;   ///< reply: one answer per so many bytes received

  static traffic bulk(std::uint64_t bytes) { return {kind::bulk, bytes, 0, duration(0), 0}; }
  static traffic paced(std::uint64_t size, duration interval, std::uint64_t messages) {
    return {kind::paced, messages, size, interval, 0};
  }
  static traffic echo() { return {kind::echo, 0, 0, duration(0), 0}; }
  static traffic reply(std::uint64_t each, std::uint64_t size) {
    return {kind::reply, 0, size, duration(0), each};
  }
};

struct flow_plan {
  traffic up = {};    ///< client to server
  traffic down = {};  ///< server to client
  std::string root = {};
  bool server_reads = true;
  bool rejects = false;  ///< the server's application refuses
  /// An end closes with a reset behind all that it wrote, as soon as it wrote that: true for the
  /// server. The other end reads every byte before it.
  std::optional<bool> resets = {};
  std::optional<errc>
      may_fail{};  ///< an error that the application may see; any other is a violation
};

/// What is known of one end of a stream.
struct conversation_end : talk_end {
  struct delivery {
    instant when{};
    std::uint64_t total = 0;  ///< contiguous bytes that the application has read
  };
  bool was_reset = false;    ///< all was read, and then the peer's reset
  std::uint64_t wanted = 0;  ///< bytes that the application has decided to write
  std::uint64_t written = 0;
  std::uint64_t received = 0;
  std::uint64_t messages = 0;
  bool writer_done = false;
  std::vector<instant> message_times;  ///< paced: when each was handed over
  std::vector<delivery> log;           ///< what arrived here
};

/// One flow with the applications at both ends. Bytes are generated and verified by offset; every
/// deviation from "in order, exactly once, EOF after FIN, or the reset after the last byte" is a
/// violation.
class conversation final : public talk<flow_plan, conversation_end> {
 public:
  using delivery = conversation_end::delivery;

  conversation(event_queue& queue, std::uint32_t number, std::uint64_t seed, const flow_plan& plan,
               node::report violated)
      : talk(queue, number, seed, plan, std::move(violated), "flow") {}

  void open(node& client, engine::link_ref link);
  void arrived(node& server, const engine::event::incoming_flow& e) override;

  bool over() const noexcept;
  void abort(bool at_server, std::uint64_t code);

  /// Longest time without a delivery at that end between two instants (both count as deliveries).
  duration longest_gap(bool at_server, instant from, instant to) const;
  /// When the byte before `offset` had been read there; `never`: not yet.
  instant delivered_at(bool at_server, std::uint64_t offset) const;
  /// When anything was read there after `from`; `never`: nothing.
  instant next_delivery(bool at_server, instant from) const;
  /// Paced messages that came back (echo): times from handing over to the last byte.
  std::vector<duration> echo_times() const;

 private:
  void produce(bool at_server) override;
  void consume(bool at_server) override;
  void start(bool at_server);
  void tick(bool at_server);
  void settle(bool at_server);
  void reset_behind(bool at_server);
  bool planned(bool at_server, errc code) const override {
    return plan_.resets == !at_server && code == errc::aborted;
  }
  bool take_reset(bool at_server, errc code);

  flow_id id_{};
};

/// The bytes of a stream at [offset, offset + out.size()).
void generate(std::uint64_t seed, std::uint64_t offset, bytes_span out);

}  // namespace rendr::sim
