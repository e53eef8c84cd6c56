// SPDX-License-Identifier: Apache-2.0
#include "engine/endpoint.hpp"

#include <gtest/gtest.h>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

std::string pattern(std::size_t n) {
  std::string s(n, '\0');
  for (std::size_t i = 0; i < n; ++i) s[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return s;
}

carrier_id carrier_of(direct_pair& w, std::string_view name) {
  const auto status = *w.dialer.ep.status(w.now, w.link);
  for (const auto& p : status.paths) {
    if (p.name == name) return p.carrier;
  }
  return {};
}

flow_ref incoming(direct_pair& w, std::size_t n = 0) {
  return direct_pair::all<event::incoming_flow>(w.acceptor).at(n).flow;
}

TEST(Endpoint, ALinkComesUpWithAllItsPaths) {
  direct_pair w;
  w.connect(3);
  w.advance(1s);
  ASSERT_EQ(direct_pair::all<event::link_up>(w.dialer).size(), 1u);
  ASSERT_EQ(direct_pair::all<event::link_up>(w.acceptor).size(), 1u);
  const auto status = w.dialer.ep.status(w.now, w.link);
  ASSERT_EQ(status->paths.size(), 3u);
  EXPECT_EQ(status->paths[0].phase, path_phase::active);
  EXPECT_EQ(status->paths[1].phase, path_phase::standby);
  EXPECT_EQ(status->paths[2].phase, path_phase::standby);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.at(0).paths.size(), 3u);
  EXPECT_EQ(status->root, "selector(a, b, c)");
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.at(0).root, "selector1: selector(a, b, c)");
}

TEST(Endpoint, AFlowOpenedBeforeTheLinkIsUpDeliversItsBytesAndItsEnd) {
  direct_pair w;
  const auto link = w.connect(2);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  EXPECT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("hello")), 5u);
  EXPECT_EQ(w.dialer.ep.shutdown(w.now, flow), errc{});
  w.advance(100ms);
  const auto there = incoming(w);
  EXPECT_EQ(w.acceptor.ep.accept_flow(w.now, there), errc{});
  bool eof = false;
  EXPECT_EQ(w.read_all(w.acceptor, there, &eof), "hello");
  EXPECT_TRUE(eof);
  EXPECT_EQ(*w.acceptor.ep.write(w.now, there, as_bytes("world")), 5u);
  EXPECT_EQ(w.acceptor.ep.shutdown(w.now, there), errc{});
  w.advance(100ms);
  EXPECT_EQ(w.read_all(w.dialer, flow, &eof), "world");
  EXPECT_TRUE(eof);
  w.settle();
  EXPECT_EQ(direct_pair::all<event::flow_done>(w.dialer).size(), 1u);
  w.dialer.ep.close(w.now, flow);
  w.acceptor.ep.close(w.now, there);
  w.advance(1s);
  EXPECT_EQ(w.dialer.ep.slab_bytes(), 0u);
  EXPECT_EQ(w.acceptor.ep.slab_bytes(), 0u);
  EXPECT_EQ(w.dialer.ep.status(w.now).budget_used, 0u);
  EXPECT_EQ(w.acceptor.ep.status(w.now).budget_used, 0u);
}

TEST(Endpoint, EveryRootCarriesAMebibyteWhilePathsDie) {
  for (const std::string root :
       {"selector(a, b, c)", "race(a, b, c)", "bond(a, b, c)", "selector(a, bond(b, c))",
        "race(a, selector(b, c))", "bond(race(a, b), c)"}) {
    SCOPED_TRACE(root);
    direct_pair w;
    const auto link = w.connect(3, root);
    w.advance(100ms);
    const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
    const auto sent = pattern(1 << 20);
    std::string got;
    std::size_t at = 0;
    int kills = 0;
    bool eof = false;
    for (int round = 0; round < 2000 && !eof; ++round) {
      if (at < sent.size()) {
        at += *w.dialer.ep.write(w.now, flow, as_bytes(std::string_view(sent).substr(at, 30000)));
        if (at == sent.size()) w.dialer.ep.shutdown(w.now, flow);
      }
      if (round % 10 == 5 && kills < 3) {
        const auto victim = carrier_of(w, std::string(1, static_cast<char>('a' + kills)));
        if (victim != carrier_id{}) w.kill(victim), ++kills;
      }
      w.advance(10ms);
      if (!direct_pair::all<event::incoming_flow>(w.acceptor).empty()) {
        got += w.read_all(w.acceptor, incoming(w), &eof);
      }
    }
    EXPECT_EQ(kills, 3);
    EXPECT_TRUE(eof);
    EXPECT_TRUE(got == sent) << got.size() << " of " << sent.size();
    EXPECT_TRUE(direct_pair::all<event::flow_done>(w.dialer).empty());
  }
}

TEST(Endpoint, ASilentPathBecomesSuspectAndTheFlowMovesWithItsBytes) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("one")), 3u);
  w.advance(100ms);
  w.acceptor.ep.accept_flow(w.now, incoming(w));
  ASSERT_EQ(w.read_all(w.acceptor, incoming(w)), "one");
  const auto a = carrier_of(w, "a");
  w.dialer.dark[a] = true;
  w.acceptor.dark[w.dialer.peer.at(a)] = true;
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("two")), 3u);
  w.advance(100ms);
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "two");
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].phase, path_phase::suspect);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links[0].paths[0].phase, path_phase::suspect)
      << "bilateral";
  ASSERT_EQ(*w.acceptor.ep.write(w.now, incoming(w), as_bytes("three")), 5u);
  w.advance(100ms);
  EXPECT_EQ(w.read_all(w.dialer, flow), "three");
  w.advance(10s);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].deaths, 1u);
}

TEST(Endpoint, WithoutAnyPathTheGraceEndsTheLinkWithNoPath) {
  direct_pair w;
  const auto link = w.connect(1);
  w.advance(1s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_NE(flow.link, link_ref{});
  w.refuse_dials = true;
  w.kill(carrier_of(w, "a"));
  w.advance(89s);
  EXPECT_TRUE(direct_pair::all<event::link_down>(w.dialer).empty());
  w.advance(2s);
  ASSERT_EQ(direct_pair::all<event::link_down>(w.dialer).size(), 1u);
  EXPECT_EQ(direct_pair::all<event::link_down>(w.dialer)[0].code, errc::no_path);
  EXPECT_EQ(w.dialer.ep.write(w.now, flow, as_bytes("x")).error(), errc::no_path);
}

TEST(Endpoint, ARejectedFlowFailsWithTheCodeOfThePeer) {
  direct_pair w;
  const auto link = w.connect(1);
  ASSERT_TRUE(
      w.dialer.ep.open_stream(w.now, link, {.metadata = as_bytes("to=db"), .root = {}, .id = {}}));
  w.advance(100ms);
  const auto asked = direct_pair::all<event::incoming_flow>(w.acceptor).at(0);
  EXPECT_EQ(as_text(asked.metadata), "to=db");
  EXPECT_EQ(w.acceptor.ep.reject_flow(w.now, asked.flow, 7, "no such target"), errc{});
  w.advance(100ms);
  const auto done = direct_pair::all<event::flow_done>(w.dialer);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].code, errc::rejected);
  EXPECT_EQ(done[0].app_code, 7u);
  EXPECT_EQ(done[0].detail, "no such target");
}

TEST(Endpoint, AResetReachesThePeerAsAborted) {
  direct_pair w;
  const auto link = w.connect(1);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("x")), 1u);
  w.advance(100ms);
  w.dialer.ep.abort(w.now, flow, 9);
  w.advance(100ms);
  EXPECT_EQ(w.acceptor.ep.read(w.now, incoming(w), {}).error(), errc::aborted);
  EXPECT_EQ(w.acceptor.ep.write(w.now, incoming(w), as_bytes("y")).error(), errc::aborted);
  w.acceptor.ep.close(w.now, incoming(w));
  w.advance(1s);
  EXPECT_TRUE(w.acceptor.ep.status(w.now).links[0].flows.empty());
  EXPECT_TRUE(w.dialer.ep.status(w.now).links[0].flows.empty());
}

TEST(Endpoint, ClosingALinkEndsItOnBothSidesAndLeavesNothing) {
  direct_pair w;
  const auto link = w.connect(3);
  w.advance(1s);
  w.dialer.ep.close_link(w.now, link, 0, "done");
  w.advance(31s);
  EXPECT_EQ(direct_pair::all<event::link_down>(w.dialer).size(), 1u);
  EXPECT_EQ(direct_pair::all<event::link_down>(w.acceptor).size(), 1u);
  EXPECT_EQ(w.dialer.ep.next_timeout(), never);
  EXPECT_EQ(w.acceptor.ep.next_timeout(), never);
  EXPECT_EQ(w.dialer.ep.slab_bytes() + w.acceptor.ep.slab_bytes(), 0u);
}

struct flow_pair {
  flow_ref here, there;
};
/// A flow of one byte that the acceptor has taken.
flow_pair open_flow(direct_pair& w, link_ref link) {
  const auto here = *w.dialer.ep.open_stream(w.now, link, {});
  EXPECT_EQ(*w.dialer.ep.write(w.now, here, as_bytes("x")), 1u);
  w.advance(100ms);
  const auto there = incoming(w);
  EXPECT_EQ(w.acceptor.ep.accept_flow(w.now, there), errc{});
  return {here, there};
}

/// Writes a mebibyte while the reader rests, and lets it read: a peak of buffers.
void fill_and_drain(direct_pair& w, flow_ref flow, flow_ref there) {
  const std::vector<std::byte> piece(65536, std::byte{7});
  for (int i = 0; i < 16 && *w.dialer.ep.write(w.now, flow, piece) > 0; ++i) w.settle();
  w.advance(100ms);
  for (int i = 0; i < 1000 && !w.read_all(w.acceptor, there).empty(); ++i) w.settle();
}

TEST(Endpoint, TheBuffersOfAPeakGoBackToTheSystemSecondsAfterIt) {
  direct_pair w;
  const auto [flow, there] = open_flow(w, w.connect(2));
  fill_and_drain(w, flow, there);
  for (auto* s : {&w.dialer, &w.acceptor}) {
    EXPECT_GT(s->ep.status(w.now).slab_kept, 256 * 1024u);
  }
  w.advance(2 * defaults::slab_rest + 1s);
  for (auto* s : {&w.dialer, &w.acceptor}) {
    EXPECT_LE(s->ep.status(w.now).slab_kept, slab_pool::spare);
  }
  ASSERT_EQ(w.dialer.ep.status(w.now).links[0].flows.size(), 1u);
}

TEST(Endpoint, BuffersThatAreNeededEverySecondStay) {
  direct_pair w;
  const auto [flow, there] = open_flow(w, w.connect(2));
  for (int i = 0; i < 12; ++i) {
    fill_and_drain(w, flow, there);
    w.advance(1s);
    EXPECT_GE(w.dialer.ep.status(w.now).slab_kept, 128 * 1024u);
  }
}

TEST(Endpoint, AnIdleLinkIsNotWokenForItsBuffers) {
  direct_pair w;
  w.connect(2);
  w.advance(100s);
  std::size_t wakes = 0;
  const auto until = w.now + 300s;
  while (w.now < until) {
    w.now = std::min(until, std::min(w.dialer.ep.next_timeout(), w.acceptor.ep.next_timeout()));
    for (auto* s : {&w.dialer, &w.acceptor}) {
      if (s->ep.next_timeout() > w.now) continue;
      s->ep.handle_timeout(w.now);
      ++wakes;
    }
    w.settle();
    for (auto* s : {&w.dialer, &w.acceptor}) {
      EXPECT_LE(s->ep.status(w.now).slab_kept, slab_pool::spare);
    }
  }
  RecordProperty("wakes", static_cast<int>(wakes));
}

TEST(Endpoint, AnExplicitMigrationTakesEffectOnBothEnds) {
  direct_pair w;
  const auto link = w.connect(3);
  w.advance(1s);
  EXPECT_FALSE(w.dialer.ep.migrate(w.now, link, "c").has_value());
  w.advance(100ms);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->selections[0].child, "c");
  EXPECT_EQ(w.acceptor.ep.status(w.now).links[0].selections[0].child, "c");
  EXPECT_TRUE(w.dialer.ep.migrate(w.now, link, "nope").has_value());
}

}  // namespace
}  // namespace rendr::engine::test
