// SPDX-License-Identifier: Apache-2.0
// Flows as two applications see them, over perfect wires.
#include <gtest/gtest.h>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

struct conversation {
  explicit conversation(std::size_t paths = 2) {
    link = w.connect(paths);
    w.advance(2s);
  }

  // A flow that both sides know.
  std::pair<flow_ref, flow_ref> open() {
    const auto here = *w.dialer.ep.open_stream(w.now, link, {});
    w.advance(50ms);
    const auto there = direct_pair::all<event::incoming_flow>(w.acceptor).back().flow;
    EXPECT_EQ(there.number, here.number);
    EXPECT_EQ(w.acceptor.ep.accept_flow(w.now, there), errc{});
    w.advance(50ms);
    return {here, there};
  }

  std::size_t flows(direct_pair::side& s) { return s.ep.status(w.now).links.at(0).flows.size(); }

  direct_pair w;
  link_ref link;
};

TEST(EngineFlows, EachDirectionEndsByItself) {
  conversation c;
  const auto [here, there] = c.open();
  ASSERT_TRUE(c.w.dialer.ep.write(c.w.now, here, as_bytes("ask")));
  EXPECT_EQ(c.w.dialer.ep.shutdown(c.w.now, here), errc{});
  c.w.advance(50ms);
  bool eof = false;
  EXPECT_EQ(c.w.read_all(c.w.acceptor, there, &eof), "ask");
  EXPECT_TRUE(eof);
  EXPECT_EQ(c.w.dialer.ep.write(c.w.now, here, as_bytes("x")).error(), errc::closed);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(c.w.acceptor.ep.write(c.w.now, there, as_bytes("answer")));
    c.w.advance(1s);
    EXPECT_EQ(c.w.read_all(c.w.dialer, here, &eof), "answer");
    EXPECT_FALSE(eof);
  }
  EXPECT_EQ(c.w.acceptor.ep.shutdown(c.w.now, there), errc{});
  c.w.advance(50ms);
  EXPECT_EQ(c.w.read_all(c.w.dialer, here, &eof), "");
  EXPECT_TRUE(eof);
}

// A path that is dark keeps what was written; a machine with little memory bounds that.
TEST(EngineFlows, WhatIsWrittenIsBoundedByTheBudgetAndNeverStuck) {
  constexpr std::size_t flows = 20;
  auto small = direct_pair::config(1, false);
  small.budget = 1u << 20;
  direct_pair w(small, direct_pair::config(2, true));
  const auto link = w.connect(1);
  w.advance(2s);
  const auto path = w.dialer.peer.begin()->first;
  w.hold(w.dialer, path);
  const std::string lump(4u << 20, 'x');
  std::vector<flow_ref> open;
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < flows; ++i) {
    open.push_back(*w.dialer.ep.open_stream(w.now, link, {}));
    taken.push_back(*w.dialer.ep.write(w.now, open.back(), as_bytes(lump)));
  }
  EXPECT_EQ(taken.front(), lump.size()) << "while there is room";
  for (std::size_t i = 1; i < flows; ++i) EXPECT_EQ(taken[i], defaults::send_scarce);
  w.release(w.dialer, path);
  std::map<std::uint64_t, std::size_t> arrived;
  for (int round = 0; round < 1000; ++round) {
    w.advance(10ms);
    for (const auto& incoming : direct_pair::all<event::incoming_flow>(w.acceptor))
      arrived[incoming.flow.number] += w.read_all(w.acceptor, incoming.flow).size();
    for (std::size_t i = 0; i < flows; ++i) {
      const auto rest = std::string_view(lump).substr(taken[i]);
      if (!rest.empty()) taken[i] += *w.dialer.ep.write(w.now, open[i], as_bytes(rest));
    }
  }
  for (const auto& flow : open) EXPECT_EQ(arrived[flow.number], lump.size());
}

TEST(EngineFlows, AStalledReaderDoesNotBlockItsNeighbour) {
  conversation c;
  const auto stalled = c.open();
  const auto moving = c.open();
  const std::string lump(200'000, 'x');
  ASSERT_TRUE(c.w.dialer.ep.write(c.w.now, stalled.first, as_bytes(lump)));
  c.w.advance(1s);
  std::string got;
  std::size_t at = 0;
  for (int i = 0; i < 100 && got.size() < lump.size(); ++i) {
    at += *c.w.dialer.ep.write(c.w.now, moving.first, as_bytes(std::string_view(lump).substr(at)));
    c.w.advance(10ms);
    got += c.w.read_all(c.w.acceptor, moving.second);
  }
  EXPECT_EQ(got.size(), lump.size());
  const auto status = *c.w.acceptor.ep.status(stalled.second);
  EXPECT_EQ(status.received, defaults::flow_reserve) << "the reserve, and no byte more";
}

TEST(EngineFlows, AWriterIsToldWhenThereIsRoomAgain) {
  conversation c;
  const auto [here, there] = c.open();
  const std::string lump(8 << 20, 'x');
  const auto taken = *c.w.dialer.ep.write(c.w.now, here, as_bytes(lump));
  EXPECT_EQ(taken, defaults::send_buffer);
  EXPECT_EQ(*c.w.dialer.ep.write(c.w.now, here, as_bytes("x")), 0u);
  c.w.dialer.events.clear();
  c.w.advance(50ms);
  EXPECT_EQ(c.w.read_all(c.w.acceptor, there).size(), defaults::flow_reserve);
  c.w.advance(50ms);
  bool writable = false;
  for (const auto& e : direct_pair::all<event::flow_ready>(c.w.dialer))
    writable = writable || (e.flow == here && e.writable);
  EXPECT_TRUE(writable);
  EXPECT_GT(*c.w.dialer.ep.write(c.w.now, here, as_bytes("x")), 0u);
}

TEST(EngineFlows, ACloseDeliversWhatWasWrittenInTheBackground) {
  conversation c;
  const auto [here, there] = c.open();
  ASSERT_TRUE(c.w.dialer.ep.write(c.w.now, here, as_bytes("last words")));
  c.w.dialer.ep.close(c.w.now, here);
  EXPECT_EQ(c.w.dialer.ep.write(c.w.now, here, as_bytes("x")).error(), errc::closed);
  c.w.advance(50ms);
  bool eof = false;
  EXPECT_EQ(c.w.read_all(c.w.acceptor, there, &eof), "last words");
  EXPECT_TRUE(eof);
  EXPECT_EQ(c.w.acceptor.ep.write(c.w.now, there, as_bytes("x")).error(), errc::aborted)
      << "who closed does not read";
}

TEST(EngineFlows, AResetFromTheAcceptorCarriesItsCode) {
  conversation c;
  const auto [here, there] = c.open();
  c.w.acceptor.ep.abort(c.w.now, there, 77);
  c.w.advance(50ms);
  EXPECT_EQ(c.w.dialer.ep.read(c.w.now, here, {}).error(), errc::aborted);
  const auto done = direct_pair::all<event::flow_done>(c.w.dialer);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].app_code, 77u);
}

TEST(EngineFlows, AnAnswerIsGivenOnce) {
  conversation c;
  const auto [here, there] = c.open();
  EXPECT_EQ(c.w.acceptor.ep.accept_flow(c.w.now, there), errc::invalid_argument);
  EXPECT_EQ(c.w.acceptor.ep.reject_flow(c.w.now, there, 1, ""), errc::invalid_argument);
  EXPECT_EQ(c.w.dialer.ep.accept_flow(c.w.now, here), errc::invalid_argument);
}

TEST(EngineFlows, MetadataHasItsLimit) {
  conversation c;
  const std::string most(wire::max_metadata, 'm');
  EXPECT_EQ(c.w.dialer.ep.open_stream(c.w.now, c.link, {as_bytes(most + "m"), {}, {}}).error(),
            errc::message_too_large);
  ASSERT_TRUE(c.w.dialer.ep.open_stream(c.w.now, c.link, {as_bytes(most), {}, {}}));
  c.w.advance(50ms);
  const auto asked = direct_pair::all<event::incoming_flow>(c.w.acceptor);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(as_text(asked[0].metadata), most);
}

TEST(EngineFlows, ThousandsOfFlowsOpenedUsedAndClosedLeaveNothing) {
  conversation c;
  for (int i = 0; i < 2000; ++i) {
    const auto here = *c.w.dialer.ep.open_stream(c.w.now, c.link, {});
    ASSERT_EQ(here.number, static_cast<std::uint64_t>(2 * i));
    ASSERT_TRUE(c.w.dialer.ep.write(c.w.now, here, as_bytes("x")));
    c.w.dialer.ep.close(c.w.now, here);
    c.w.advance(1ms);
    c.w.acceptor.ep.close(c.w.now,
                          {direct_pair::all<event::link_up>(c.w.acceptor)[0].link, here.number});
    c.w.dialer.events.clear();
    if (i % 100 == 99) c.w.advance(20ms);
  }
  c.w.advance(1s);
  for (auto* s : {&c.w.dialer, &c.w.acceptor}) {
    EXPECT_EQ(c.flows(*s), 0u);
    EXPECT_EQ(s->ep.slab_bytes(), 0u);
    EXPECT_EQ(s->ep.status(c.w.now).budget_used, 0u);
  }
}

TEST(EngineFlows, TheLimitOfFlowsIsAnErrorOfTheCaller) {
  conversation c(1);
  for (std::size_t i = 0; i < defaults::flows_per_link; ++i) {
    ASSERT_TRUE(c.w.dialer.ep.open_stream(c.w.now, c.link, {})) << i;
  }
  EXPECT_EQ(c.w.dialer.ep.open_stream(c.w.now, c.link, {}).error(), errc::limit_reached);
}

TEST(EngineFlows, AGoawayRefusesNewFlowsAndLetsOldOnesFinish) {
  conversation c;
  const auto [here, there] = c.open();
  c.w.acceptor.ep.close_link(c.w.now, there.link, 3, "restart");
  c.w.advance(50ms);
  const auto told = direct_pair::all<event::going_away>(c.w.dialer);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].code, 3u);
  EXPECT_EQ(told[0].reason, "restart");
  EXPECT_EQ(c.w.dialer.ep.open_stream(c.w.now, c.link, {}).error(), errc::closed);
  ASSERT_TRUE(c.w.dialer.ep.write(c.w.now, here, as_bytes("still here")));
  c.w.advance(50ms);
  EXPECT_EQ(c.w.read_all(c.w.acceptor, there), "still here");
}

}  // namespace
}  // namespace rendr::engine::test
