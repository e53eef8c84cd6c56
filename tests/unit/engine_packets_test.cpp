// SPDX-License-Identifier: Apache-2.0
// Packet flows as two applications see them, over perfect wires.
#include <gtest/gtest.h>

#include <optional>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

struct conversation {
  explicit conversation(std::string root = {}) {
    link = w.connect(2, std::move(root));
    w.advance(2s);
  }

  // A flow that both sides know.
  std::pair<flow_ref, flow_ref> open() {
    const auto here = *w.dialer.ep.open_packet(w.now, link, {});
    w.advance(50ms);
    const auto asked = direct_pair::all<event::incoming_flow>(w.acceptor).back();
    EXPECT_EQ(asked.kind, wire::flow_kind::packet);
    EXPECT_EQ(w.acceptor.ep.accept_flow(w.now, asked.flow), errc{});
    w.advance(50ms);
    return {here, asked.flow};
  }
  void send(flow_ref flow, std::string_view text) {
    const auto taken = w.dialer.ep.send_packet(w.now, flow, as_bytes(text));
    ASSERT_TRUE(taken);
    EXPECT_TRUE(*taken);
  }
  /// The packets that are there, each in brackets; a dot behind the end.
  std::string receive(direct_pair::side& s, flow_ref flow) {
    std::string out;
    static std::array<std::byte, wire::max_packet> buffer{};
    while (true) {
      const auto got = s.ep.receive_packet(w.now, flow, buffer);
      if (!got) return out + "!" + std::string(name(got.error()));
      if (got->eof) return out + ".";
      if (!got->packet) return out;
      out += "[" + std::string(as_text(bytes_view(buffer).first(got->size))) + "]";
    }
  }

  direct_pair w;
  link_ref link;
};

TEST(EnginePackets, KeepTheirBoundaries) {
  conversation c;
  const auto [here, there] = c.open();
  for (const auto* text : {"one", "", "three"}) c.send(here, text);
  c.w.advance(50ms);
  EXPECT_EQ(c.receive(c.w.acceptor, there), "[one][][three]");
  ASSERT_TRUE(c.w.acceptor.ep.send_packet(c.w.now, there, as_bytes("back")));
  EXPECT_EQ(c.w.dialer.ep.shutdown(c.w.now, here), errc{});
  c.w.advance(50ms);
  EXPECT_EQ(c.receive(c.w.acceptor, there), ".");
  EXPECT_EQ(c.receive(c.w.dialer, here), "[back]") << "each direction ends by itself";
}

TEST(EnginePackets, AreNoStream) {
  conversation c;
  const auto [here, there] = c.open();
  const auto stream = *c.w.dialer.ep.open_stream(c.w.now, c.link, {});
  auto& ep = c.w.dialer.ep;
  std::array<std::byte, 4> buffer{};
  std::array<bytes_view, 1> pieces{};
  EXPECT_EQ(ep.write(c.w.now, here, as_bytes("x")).error(), errc::mode_mismatch);
  EXPECT_EQ(ep.read(c.w.now, here, buffer).error(), errc::mode_mismatch);
  EXPECT_EQ(ep.peek(here, pieces).error(), errc::mode_mismatch);
  EXPECT_EQ(ep.send_packet(c.w.now, stream, as_bytes("x")).error(), errc::mode_mismatch);
  EXPECT_EQ(ep.receive_packet(c.w.now, stream, buffer).error(), errc::mode_mismatch);
}

TEST(EnginePackets, HaveALargestSize) {
  conversation c;
  const auto [here, there] = c.open();
  const std::string most(wire::max_packet, 'm');
  EXPECT_EQ(c.w.dialer.ep.send_packet(c.w.now, here, as_bytes(most + "m")).error(),
            errc::message_too_large);
  c.send(here, most);
  c.w.advance(50ms);
  std::array<std::byte, 100> small{};
  EXPECT_EQ(c.w.acceptor.ep.receive_packet(c.w.now, there, small).error(), errc::message_too_large);
  EXPECT_EQ(c.receive(c.w.acceptor, there), "[" + most + "]") << "it stayed";
}

// The largest packet goes behind the longest OPEN, which nothing may follow without.
TEST(EnginePackets, OpenWithTheLargestAtOnce) {
  conversation c;
  const std::string metadata(wire::max_metadata, 'm');
  const auto here = *c.w.dialer.ep.open_packet(c.w.now, c.link, {as_bytes(metadata), {}, {}});
  const std::string most(wire::max_packet, 'm');
  c.send(here, most);
  c.send(here, "and one more");
  c.w.advance(50ms);
  const auto asked = direct_pair::all<event::incoming_flow>(c.w.acceptor);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(c.receive(c.w.acceptor, asked[0].flow), "[" + most + "][and one more]");
}

TEST(EnginePackets, ARaceDeliversEachOnce) {
  conversation c("race(a, b)");
  const auto [here, there] = c.open();
  for (int i = 0; i < 10; ++i) c.send(here, "x");
  c.w.advance(1s);
  EXPECT_EQ(c.receive(c.w.acceptor, there), "[x][x][x][x][x][x][x][x][x][x]");
  EXPECT_EQ(c.w.acceptor.ep.status(there)->packets_discarded, 10u);
}

TEST(EnginePackets, WhatADyingPathHadGoesByAnother) {
  conversation c("selector(a, b)");
  const auto [here, there] = c.open();
  std::optional<carrier_id> carrier;
  const auto status = *c.w.dialer.ep.status(c.w.now, c.link);
  for (const auto& p : status.paths) {
    if (p.carries_data) carrier = p.carrier;
  }
  ASSERT_TRUE(carrier);
  c.w.hold(c.w.dialer, *carrier);
  c.send(here, "one");
  c.send(here, "two");
  c.w.settle();
  EXPECT_EQ(c.receive(c.w.acceptor, there), "");
  c.w.kill(*carrier);
  c.w.advance(50ms);
  EXPECT_EQ(c.receive(c.w.acceptor, there), "[one][two]");
  const auto ours = *c.w.dialer.ep.status(here);
  EXPECT_EQ(ours.packets_sent, 2u);
  EXPECT_EQ(ours.packets_given_up + ours.packets_received + ours.packets_discarded, 0u);
}

TEST(EnginePackets, AFullQueueRefusesAndTellsWhenThereIsRoom) {
  conversation c;
  const auto [here, there] = c.open();
  const std::string text(1000, 'x');
  int taken = 0;
  while (*c.w.dialer.ep.send_packet(c.w.now, here, as_bytes(text))) ASSERT_LT(++taken, 10'000);
  EXPECT_GE(taken, 250);
  c.w.advance(1s);
  const auto read = c.receive(c.w.acceptor, there).size() / 1002;
  EXPECT_EQ(read, defaults::packet_reserve / (1000 + wire::packet_extra)) << "the credit";
  c.w.dialer.events.clear();
  c.w.advance(1s);
  bool writable = false;
  for (const auto& e : direct_pair::all<event::flow_ready>(c.w.dialer))
    writable = writable || (e.flow == here && e.writable);
  EXPECT_TRUE(writable);
}

TEST(EnginePackets, ACloseDeliversWhatWasTaken) {
  conversation c;
  const auto [here, there] = c.open();
  c.send(here, "last words");
  c.w.dialer.ep.close(c.w.now, here);
  EXPECT_EQ(c.w.dialer.ep.send_packet(c.w.now, here, as_bytes("x")).error(), errc::closed);
  c.w.advance(50ms);
  EXPECT_EQ(c.receive(c.w.acceptor, there), "[last words].");
  EXPECT_EQ(c.w.acceptor.ep.send_packet(c.w.now, there, as_bytes("x")).error(), errc::aborted)
      << "who closed does not read";
  c.w.acceptor.ep.close(c.w.now, there);
  c.w.advance(1s);
  EXPECT_EQ(c.w.acceptor.ep.status(c.w.now).links.at(0).flows.size(), 0u);
  EXPECT_EQ(c.w.dialer.ep.status(c.w.now).links.at(0).flows.size(), 0u);
  EXPECT_EQ(c.w.acceptor.ep.slab_bytes(), 0u);
  EXPECT_EQ(c.w.dialer.ep.slab_bytes(), 0u);
}

TEST(EnginePackets, AResetCarriesItsCode) {
  conversation c;
  const auto [here, there] = c.open();
  c.send(here, "unread");
  c.w.dialer.ep.abort(c.w.now, here, 77);
  c.w.advance(50ms);
  EXPECT_EQ(c.receive(c.w.acceptor, there), "!aborted");
  const auto done = direct_pair::all<event::flow_done>(c.w.acceptor);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].app_code, 77u);
}

TEST(EnginePackets, OfARejectedFlowGoNowhere) {
  conversation c;
  const auto here = *c.w.dialer.ep.open_packet(c.w.now, c.link, {});
  c.send(here, "early");
  c.w.advance(50ms);
  const auto asked = direct_pair::all<event::incoming_flow>(c.w.acceptor).back();
  EXPECT_EQ(c.w.acceptor.ep.reject_flow(c.w.now, asked.flow, 5, "not here"), errc{});
  c.w.advance(50ms);
  EXPECT_EQ(c.receive(c.w.dialer, here), "!rejected");
  EXPECT_EQ(c.w.dialer.ep.slab_bytes(), 0u);
  EXPECT_EQ(c.w.acceptor.ep.slab_bytes(), 0u);
}

}  // namespace
}  // namespace rendr::engine::test
