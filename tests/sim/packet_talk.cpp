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

packet_talk::packet_talk(event_queue& queue, std::uint32_t number, std::uint64_t seed,
                         const packet_plan& plan, node::report violated)
    : queue_(queue), number_(number), seed_(seed), plan_(plan), violated_(std::move(violated)) {
  ends_[1].reading = plan.server_reads;
}

void packet_talk::bad(const std::string& what) const {
  violated_("packet flow " + std::to_string(number_) + ": " + what);
}

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
  std::array<std::byte, 4> metadata;
  std::memcpy(metadata.data(), &number_, 4);
  engine::endpoint::open_options options;
  options.metadata = metadata;
  options.root = plan_.root;
  const auto flow = client.ep().open_packet(queue_.now(), link, options);
  auto& e = ends_[0];
  e.at = &client;
  if (!flow) return fail(false, flow.error(), "open");
  e.flow = *flow;
  e.open = true;
  start(false);
  client.wake();
}

void packet_talk::arrived(node& server, const engine::event::incoming_flow& event) {
  auto& e = ends_[1];
  if (e.at != nullptr) return bad("arrived twice");
  if (event.kind != wire::flow_kind::packet) return bad("arrived as a stream");
  e.at = &server;
  e.flow = event.flow;
  e.open = true;
  if (const auto code = server.ep().accept_flow(queue_.now(), e.flow); code != errc{}) {
    return fail(true, code, "accept");
  }
  start(true);
  consume(true);
}

void packet_talk::start(bool at_server) {
  auto& e = ends_[at_server ? 1 : 0];
  const auto& t = produces(at_server);
  if (t.total != 0 && t.interval != duration(0)) return tick(at_server);
  e.handed = t.total;
  e.handed_at.assign(t.total, queue_.now());
  produce(at_server);
}

void packet_talk::tick(bool at_server) {
  auto& e = ends_[at_server ? 1 : 0];
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
  auto& e = ends_[at_server ? 1 : 0];
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
  if (e.open && !e.fin_sent && e.sent == produces(at_server).total) {
    if (const auto code = e.at->ep().shutdown(queue_.now(), e.flow); code != errc{}) {
      return fail(at_server, code, "shutdown");
    }
    e.fin_sent = true;
  }
}

void packet_talk::consume(bool at_server) {
  auto& e = ends_[at_server ? 1 : 0];
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
  settle();
}

void packet_talk::take(bool at_server, bytes_view packet) {
  auto& e = ends_[at_server ? 1 : 0];
  const auto& from = ends_[at_server ? 0 : 1];
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
  const auto& e = ends_[at_server ? 1 : 0];
  return ends_[at_server ? 0 : 1].sent -
         std::min(ends_[at_server ? 0 : 1].sent, e.received + e.empty);
}

engine::packet_counts packet_talk::counts(bool at_server) const {
  const auto& e = ends_[at_server ? 1 : 0];
  const auto status = e.at == nullptr ? std::nullopt : e.at->ep().status(e.flow);
  return status ? status->packets : engine::packet_counts{};
}

// The end of a direction: all that is missing was given up, and the sender knows it.
void packet_talk::ended(bool at_server) {
  const auto& e = ends_[at_server ? 1 : 0];
  const auto& from = ends_[at_server ? 0 : 1];
  if (!from.fin_sent) return bad("the end before the peer's shutdown");
  if (e.received + e.empty > from.sent) return bad("more packets than were sent");
  const auto given_up = counts(!at_server).given_up;
  if (from.open && lost(at_server) > given_up) {
    bad(std::to_string(lost(at_server)) + " packets lost, " + std::to_string(given_up) +
        " given up");
  }
}

void packet_talk::ready(bool at_server) {
  produce(at_server);
  consume(at_server);
}

void packet_talk::settle() {
  if (!complete()) return;
  close(false);
  close(true);
}

void packet_talk::fail(bool at_server, errc code, const std::string& where) {
  auto& e = ends_[at_server ? 1 : 0];
  if (!plan_.may_fail || *plan_.may_fail != code) {
    bad(std::string(at_server ? "server" : "client") + " saw " + std::string(name(code)) + " in " +
        where);
  }
  e.error = code;
  e.failed = true;
  close(at_server);
}

void packet_talk::done(bool at_server, const engine::event::flow_done& event) {
  auto& e = ends_[at_server ? 1 : 0];
  if (event.code != errc{}) return fail(at_server, event.code, "flow_done");
  if (e.open) consume(at_server);
  if (e.open && !(e.fin_sent && e.eof)) bad("done before both directions ended");
}

void packet_talk::link_failed(bool at_server, errc code) {
  auto& e = ends_[at_server ? 1 : 0];
  if (e.open) fail(at_server, code, "link_down");
  e.open = false;
}

void packet_talk::resume_reading(bool at_server) {
  auto& e = ends_[at_server ? 1 : 0];
  e.reading = true;
  consume(at_server);
  if (e.at != nullptr) e.at->wake();
}

void packet_talk::close(bool at_server) {
  auto& e = ends_[at_server ? 1 : 0];
  if (!e.open) return;
  e.open = false;
  e.at->ep().close(queue_.now(), e.flow);
  e.at->wake();
}

}  // namespace rendr::sim
