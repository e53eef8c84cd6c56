// SPDX-License-Identifier: Apache-2.0
// How long a link waits for paths that the other end closed, and for paths that fell silent.
#include <gtest/gtest.h>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

struct day_long {
  endpoint_config acceptor = direct_pair::config(2, true);
  link_config dialer;

  day_long() {
    acceptor.accepted.no_path_grace = 24h;
    dialer.no_path_grace = 24h;
    for (const auto* name : {"a", "b"}) {
      path_config leaf;
      leaf.name = name;
      leaf.plaintext = true;
      dialer.paths.push_back(leaf);
    }
  }
};

struct stage : day_long {
  direct_pair w{direct_pair::config(1, false), acceptor};
  link_ref link{};

  stage() {
    link = *w.dialer.ep.connect(w.now, dialer);
    w.advance(2s);
  }

  carrier_id carrier(std::size_t leaf) {
    return w.dialer.ep.status(w.now, link)->paths.at(leaf).carrier;
  }
  void darken(carrier_id here) {
    w.acceptor.dark[w.dialer.peer.at(here)] = true;
    w.dialer.dark[here] = true;
  }
  /// Only the acceptor hears of its end; no code: a FIN.
  void end_there(carrier_id here, std::error_code code) {
    const auto there = w.dialer.peer.at(here);
    w.dialer.peer.erase(here);
    w.acceptor.peer.erase(there);
    w.acceptor.ep.path_down(w.now, there, code, "");
    w.settle();
  }
  std::size_t links_there() { return direct_pair::all<event::link_down>(w.acceptor).size(); }
};

TEST(GraceClosed, BothEndsOfALinkWhosePathsWereAllClosedWaitFiveMinutes) {
  stage s;
  s.w.refuse_dials = true;
  for (const auto leaf : {1u, 0u}) s.w.kill(s.carrier(leaf));
  s.w.advance(5min - 1s);
  EXPECT_TRUE(s.w.dialer.ep.status(s.w.now, s.link)->up);
  EXPECT_EQ(s.links_there(), 0u);
  EXPECT_LE(s.w.acceptor.ep.status(s.w.now).links.at(0).grace_left, 1s);
  s.w.advance(2s);
  const auto here = direct_pair::all<event::link_down>(s.w.dialer);
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].code, errc::no_path);
  EXPECT_NE(here[0].detail.find("closed every path"), std::string::npos) << here[0].detail;
  EXPECT_EQ(s.links_there(), 1u);
}

TEST(GraceClosed, ALongerOneNeverLengthensTheGrace) {
  stage s;
  auto brief = s.dialer;
  brief.no_path_grace = 60s;
  const auto link = *s.w.dialer.ep.connect(s.w.now, brief);
  s.w.advance(2s);
  s.w.refuse_dials = true;
  const auto status = *s.w.dialer.ep.status(s.w.now, link);
  for (const auto& p : status.paths) s.w.kill(p.carrier);
  s.w.advance(61s);
  EXPECT_EQ(direct_pair::all<event::link_down>(s.w.dialer).size(), 1u);
  EXPECT_EQ(s.links_there(), 1u);
}

TEST(GraceClosed, OnePathThatFellSilentKeepsTheWholeGrace) {
  stage s;
  const auto silent = s.carrier(0);
  s.darken(silent);
  s.w.refuse_dials = true;
  s.w.advance(60s);
  ASSERT_GE(s.w.acceptor.ep.status(s.w.now).links.at(0).paths.at(0).deaths, 1u);
  s.w.kill(s.carrier(1));
  s.w.advance(23h);
  EXPECT_TRUE(s.w.dialer.ep.status(s.w.now, s.link)->up);
  EXPECT_EQ(s.links_there(), 0u);
  s.w.advance(2h);
  EXPECT_EQ(s.links_there(), 1u);
}

// Its router forgot the connection meanwhile, and answers for it.
TEST(GraceClosed, AResetBehindASilenceKeepsTheWholeGraceAndAFinDoesNot) {
  for (const bool fin : {false, true}) {
    SCOPED_TRACE(fin);
    stage s;
    s.w.refuse_dials = true;
    const carrier_id both[] = {s.carrier(0), s.carrier(1)};
    for (const auto one : both) s.darken(one);
    s.w.advance(60s);
    ASSERT_NE(s.w.acceptor.ep.status(s.w.now).links.at(0).grace_left, duration::max());
    for (const auto one : both)
      s.end_there(one, fin ? std::error_code() : make_error_code(std::errc::connection_reset));
    s.w.advance(10min);
    EXPECT_EQ(s.links_there(), fin ? 1u : 0u);
  }
}

TEST(GraceClosed, APathThatReturnsEndsTheWait) {
  stage s;
  s.w.refuse_dials = true;
  for (const auto leaf : {1u, 0u}) s.w.kill(s.carrier(leaf));
  s.w.advance(4min);
  s.w.refuse_dials = false;
  s.w.advance(4min);
  EXPECT_TRUE(s.w.dialer.ep.status(s.w.now, s.link)->up);
  EXPECT_EQ(s.w.acceptor.ep.status(s.w.now).links.at(0).grace_left, duration::max());
}

// An end that is told to go, with a flow whose bytes nobody takes.
struct leaving : stage {
  flow_ref flow{};
  link_ref there{};

  leaving() {
    flow = *w.dialer.ep.open_stream(w.now, link, {});
    EXPECT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("hello")), 5u);
    w.advance(1s);
    const auto far = direct_pair::all<event::incoming_flow>(w.acceptor).at(0).flow;
    there = far.link;
    EXPECT_EQ(w.acceptor.ep.accept_flow(w.now, far), errc{});
    w.advance(1s);
    w.refuse_dials = true;
  }
  duration goes_within(duration limit) {
    w.acceptor.ep.close_link(w.now, there, 0, "shutting down");
    const auto began = w.now;
    while (links_there() == 0 && w.now - began < limit) w.advance(100ms);
    return w.now - began;
  }
};

TEST(GraceClosed, WhoIsToldToGoDoesNotWaitForAPeerThatClosedEverything) {
  leaving s;
  for (const auto leaf : {1u, 0u}) s.w.kill(s.carrier(leaf));
  EXPECT_LE(s.goes_within(60s), 2100ms);
  leaving later;
  for (const auto leaf : {1u, 0u}) later.w.kill(later.carrier(leaf));
  later.w.advance(10s);
  EXPECT_LE(later.goes_within(60s), 100ms) << "it was gone for long enough";
}

// Counted from when it fell silent.
TEST(GraceClosed, WhoIsToldToGoWaitsItsLingerForAPeerThatIsSilent) {
  for (const bool long_ago : {false, true}) {
    SCOPED_TRACE(long_ago);
    leaving s;
    const carrier_id both[] = {s.carrier(0), s.carrier(1)};
    for (const auto one : both) s.darken(one);
    const auto dark = [&] {
      return s.w.acceptor.ep.status(s.w.now).links.at(0).grace_left != duration::max();
    };
    for (int i = 0; i < 600 && !dark(); ++i) s.w.advance(100ms);
    ASSERT_TRUE(dark());
    if (long_ago) s.w.advance(60s);
    const auto took = s.goes_within(60s);
    if (long_ago) {
      EXPECT_LE(took, 100ms);
    } else {
      EXPECT_GE(took, 29s);
      EXPECT_LE(took, 31s);
    }
  }
}

TEST(GraceClosed, WhoIsToldToGoAndHasNothingLeftDoesNotWaitForASilentPeer) {
  stage s;
  const auto there = s.w.acceptor.ep.status(s.w.now).links.at(0).link;
  const carrier_id both[] = {s.carrier(0), s.carrier(1)};
  for (const auto one : both) s.darken(one);
  s.w.advance(60s);
  s.w.acceptor.ep.close_link(s.w.now, there, 0, "shutting down");
  s.w.settle();
  EXPECT_EQ(s.links_there(), 1u);
}

}  // namespace
}  // namespace rendr::engine::test
