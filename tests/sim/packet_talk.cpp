// SPDX-License-Identifier: Apache-2.0
#include "sim/packet_talk.hpp"

#include <algorithm>
#include <cstring>

#include "sim/conversation.hpp"

namespace rendr::sim {

namespace {

constexpr std::size_t head = 8;  // the number of a packet stands before its bytes
constexpr std::uint64_t stride = 1 << 17;

}  // namespace

std::size_t packet_talk::size_of(bool from_server, std::uint64_t index) const {
  const auto& t = produces(from_server);
  std::uint64_t word = 0;
  generate(seed_ + 2, index * 8, std::as_writable_bytes(std::span(&word, 1)));
  if (t.some_empty && word % 16 == 0) return 0;
  const auto least = std::max<std::uint64_t>(t.smallest, head);
  const auto most = std::max(t.largest, least);
  return static_cast<std::size_t>(least + (word >> 8) % (most - least + 1));
}

void packet_talk::make(bool from_server, std::uint64_t index, bytes_span out) const {
  if (out.empty()) return;
  std::memcpy(out.data(), &index, head);
  generate(seed_ + (from_server ? 1 : 0), index * stride, out.subspan(head));
}

void packet_talk::open(node& client, engine::link_ref link) {
  const auto packets = [&](engine::endpoint& ep, const auto& options) {
    return ep.open_packet(queue_.now(), link, options);
  };
  if (!open_at(client, packets)) return;
  start(false);
  client.wake();
}

void packet_talk::arrived(node& server, const engine::event::incoming_flow& event) {
  if (!arrives_at(server, event.flow)) return;
  if (event.kind != wire::flow_kind::packet) return bad("arrived as a stream");
  if (!accept_at(server)) return;
  start(true);
  consume(true);
}

void packet_talk::start(bool at_server) {
  auto& e = side(at_server);
  const auto& t = produces(at_server);
  if (t.total != 0 && t.interval != duration(0)) return tick(at_server);
  e.handed = t.total;
  e.handed_at.assign(t.total, queue_.now());
  produce(at_server);
}

void packet_talk::tick(bool at_server) {
  auto& e = side(at_server);
  const auto& t = produces(at_server);
  if (!e.open) return;
  e.handed_at.push_back(queue_.now());
  if (++e.handed < t.total) {
    queue_.at(queue_.now() + t.interval, [this, at_server] { tick(at_server); });
  }
  produce(at_server);
  if (e.at != nullptr) e.at->wake();
}

void packet_talk::produce(bool at_server) {
  auto& e = side(at_server);
  static std::array<std::byte, wire::max_packet> room;
  while (e.open && e.sent < e.handed) {
    const auto packet = bytes_span(room).first(size_of(at_server, e.sent));
    make(at_server, e.sent, packet);
    const auto took = e.at->ep().send_packet(queue_.now(), e.flow, packet);
    if (!took) return fail(at_server, took.error(), "send_packet");
    if (!*took) {
      ++e.refused;
      return;
    }
    ++e.sent;
  }
  if (e.open && !e.fin_sent && e.sent == produces(at_server).total) finish(at_server);
}

void packet_talk::consume(bool at_server) {
  auto& e = side(at_server);
  static std::array<std::byte, wire::max_packet> in;
  while (e.open && e.reading && !e.eof) {
    const auto got = e.at->ep().receive_packet(queue_.now(), e.flow, in);
    if (!got) return fail(at_server, got.error(), "receive_packet");
    if (got->packet) {
      take(at_server, bytes_view(in).first(got->size));
    } else if (got->eof) {
      e.eof = true;
      ended(at_server);
    } else {
      break;
    }
  }
  if (!complete()) return;
  close(false);
  close(true);
}

void packet_talk::take(bool at_server, bytes_view packet) {
  auto& e = side(at_server);
  const auto& from = side(!at_server);
  const auto now = queue_.now();
  if (e.received + e.empty > 0) e.longest_gap = std::max(e.longest_gap, now - e.last);
  e.last = now;
  if (packet.empty()) {
    ++e.empty;
    return;
  }
  if (packet.size() < head) return bad("a packet that nobody sent");
  std::uint64_t index = 0;
  std::memcpy(&index, packet.data(), head);
  if (index >= from.sent) return bad("a packet that nobody sent");
  static std::array<std::byte, wire::max_packet> room;
  const auto expected = bytes_span(room).first(size_of(!at_server, index));
  make(!at_server, index, expected);
  if (!std::equal(packet.begin(), packet.end(), expected.begin(), expected.end())) {
    return bad("packet " + std::to_string(index) + " is not what was sent");
  }
  if (e.seen.size() <= index) e.seen.resize(from.handed);
  if (e.seen[index]) {
    ++e.doubled;
    return bad("packet " + std::to_string(index) + " came twice");
  }
  e.seen[index] = true;
  ++e.received;
  e.delays.push_back(now - from.handed_at[index]);
}

std::uint64_t packet_talk::lost(bool at_server) const noexcept {
  const auto& e = side(at_server);
  return side(!at_server).sent - std::min(side(!at_server).sent, e.received + e.empty);
}

flow_status packet_talk::status(bool at_server) const {
  const auto& e = side(at_server);
  const auto status = e.at == nullptr ? std::nullopt : e.at->ep().status(e.flow);
  return status.value_or(flow_status{});
}

// The end of a direction: all that is missing was given up, and the sender knows it.
void packet_talk::ended(bool at_server) {
  const auto& e = side(at_server);
  const auto& from = side(!at_server);
  if (!from.fin_sent) return bad("the end before the peer's shutdown");
  if (e.received + e.empty > from.sent) return bad("more packets than were sent");
  const auto given_up = status(!at_server).packets_given_up;
  if (from.open && lost(at_server) > given_up) {
    bad(std::to_string(lost(at_server)) + " packets lost, " + std::to_string(given_up) +
        " given up");
  }
}

}  // namespace rendr::sim
