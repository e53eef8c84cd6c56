// SPDX-License-Identifier: Apache-2.0
// When what is away is dialled: quickly for a minute, then seldom, at once when there is a reason.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

endpoint_config patient_acceptor() {
  auto config = direct_pair::config(2, true);
  config.accepted.no_path_grace = duration::max();
  config.accepted.grace_closed = duration::max();
  return config;
}

/// Two endpoints with a link that waits for ever, and what its dialer did.
class redial : public direct_pair {
 public:
  redial() : direct_pair(config(1, false), patient_acceptor()) {}

  void link_of(std::initializer_list<path_config> paths) {
    link_config c;
    c.no_path_grace = duration::max();
    c.grace_closed = duration::max();
    c.paths = paths;
    link = *dialer.ep.connect(now, c);
  }
  link_status status() const { return *dialer.ep.status(now, link); }
  path_status path(std::size_t leaf) const { return status().paths.at(leaf); }
  std::uint64_t dials(std::size_t leaf) const { return path(leaf).dials; }
  std::uint64_t dials_in(std::size_t leaf, duration d) {
    const auto before = dials(leaf);
    advance(d);
    return dials(leaf) - before;
  }
  /// Connections of the dialer that are open.
  std::size_t open() const { return dialer.peer.size(); }
  void lose(std::size_t leaf) {
    refused[static_cast<spec_id>(leaf)] = true;
    kill(path(leaf).carrier);
    settle();
  }
};

path_config leaf(std::string name, bool cold = false) {
  path_config one;
  one.name = std::move(name);
  one.cold = cold;
  one.plaintext = true;
  return one;
}

bool up(path_phase phase) { return phase == path_phase::standby || phase == path_phase::active; }

TEST(EngineRedial, WhoWasTakenByAMuteOneFindsTheServerSoonAfterItIsThere) {
  for (const duration mute : {duration(1s), duration(3s), duration(6s), duration(25s)}) {
    redial w;
    w.mute_dials = true;
    w.link_of({leaf("a")});
    w.advance(mute);
    EXPECT_LE(w.open(), 2u) << "tries of a leaf at once";
    EXPECT_GE(w.dials(0), static_cast<std::uint64_t>(mute / 1s));
    w.mute_dials = false;
    w.advance(1100ms);
    EXPECT_TRUE(w.status().up) << mute / 1s;
  }
}

TEST(EngineRedial, AnAttachWithoutAnAnswerHasAnotherOneBesideIt) {
  redial w;
  w.link_of({leaf("a"), leaf("b")});
  w.advance(2s);
  w.mute_dials = true;
  w.kill(w.path(1).carrier);
  w.advance(5s);
  w.mute_dials = false;
  w.advance(1100ms);
  EXPECT_TRUE(up(w.path(1).phase));
  EXPECT_EQ(w.path(0).deaths, 0u);
}

TEST(EngineRedial, AfterAFailedHandshakeTheNextAddressIsDialledAtOnce) {
  redial w;
  w.mute_dials = true;
  w.traits.more_addresses = true;
  w.link_of({leaf("a")});
  w.settle();
  ASSERT_EQ(w.dials(0), 1u);
  w.traits.more_addresses = false;
  const auto bad = w.dialer.peer.begin()->first;
  w.mute_dials = false;
  w.dialer.ep.path_down(w.now, bad, {}, "the other end closed the connection");
  w.advance(duration(0));
  EXPECT_EQ(w.dials(0), 2u);
  EXPECT_TRUE(w.status().up);
}

TEST(EngineRedial, WithoutAnotherAddressAFailedHandshakeWaits) {
  redial w;
  w.mute_dials = true;
  w.link_of({leaf("a")});
  w.settle();
  w.dialer.ep.path_down(w.now, w.dialer.peer.begin()->first, {}, "closed");
  w.advance(duration(0));
  EXPECT_EQ(w.dials(0), 1u);
}

TEST(EngineRedial, APathThatIsAwayIsDialledEverMoreSeldom) {
  redial w;
  w.link_of({leaf("a"), leaf("b")});
  w.advance(2s);
  w.lose(1);
  EXPECT_GE(w.dials_in(1, 60s), 60u * 1000 / 1500) << "gate G5 holds for the first minute";
  w.advance(60s);
  EXPECT_LE(w.dials_in(1, 300s), 300u / 24 + 1);
  w.refused.clear();
  w.advance(30s);
  EXPECT_TRUE(up(w.path(1).phase));
}

TEST(EngineRedial, AChangeOfTheNetworkMakesItQuickAgain) {
  redial w;
  w.link_of({leaf("a"), leaf("b")});
  w.advance(2s);
  w.lose(1);
  w.advance(400s);
  w.refused.clear();
  w.dialer.ep.network_changed(w.now);
  w.advance(duration(0));
  EXPECT_TRUE(up(w.path(1).phase));
  w.lose(1);
  w.advance(400s);
  w.dialer.ep.network_changed(w.now);
  EXPECT_GE(w.dials_in(1, 30s), 20u);
}

TEST(EngineRedial, ALinkThatIsDarkForLongIsAskedForSeldomUntilAnApplicationAsks) {
  redial w;
  w.link_of({leaf("a")});
  w.advance(2s);
  const auto flow = *w.dialer.ep.open_stream(w.now, w.link, {});
  w.advance(100ms);
  w.lose(0);
  EXPECT_GE(w.dials_in(0, 60s), 110u) << "each 500 ms for a minute";
  w.advance(60s);
  EXPECT_LE(w.dials_in(0, 300s), 300u / 24 + 1);
  w.refused.clear();
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("x")), 1u);
  w.advance(duration(0));
  EXPECT_TRUE(up(w.path(0).phase)) << "a write";
  w.lose(0);
  w.advance(400s);
  w.refused.clear();
  EXPECT_TRUE(w.dialer.ep.open_stream(w.now, w.link, {}));
  w.advance(duration(0));
  EXPECT_TRUE(up(w.path(0).phase)) << "a new flow";
}

TEST(EngineRedial, AnApplicationThatAsksAllTheTimeIsNoStorm) {
  redial w;
  w.link_of({leaf("a")});
  w.advance(2s);
  w.lose(0);
  w.advance(400s);
  const auto flow = *w.dialer.ep.open_stream(w.now, w.link, {});
  const auto before = w.dials(0);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("x")));
    w.advance(10ms);
  }
  EXPECT_LE(w.dials(0) - before, 24u) << "each 500 ms";
}

TEST(EngineRedial, ADialTellsForHowLongItIsAskedInVain) {
  redial w;
  w.link_of({leaf("a")});
  w.advance(2s);
  w.lose(0);
  w.advance(200s);
  const auto newest = [&] { return direct_pair::all<event::dial>(w.dialer).back().away; };
  EXPECT_GT(newest(), 150s);
  w.dialer.ep.network_changed(w.now);
  w.advance(duration(0));
  EXPECT_EQ(newest(), duration(0));
}

TEST(EngineRedial, AColdPathIsDialledBeforeTheLinkIsUpWhenTheOthersFail) {
  redial w;
  w.refused[0] = true;
  w.link_of({leaf("a"), leaf("b", true)});
  w.advance(duration(0));
  EXPECT_TRUE(w.status().up);
  EXPECT_TRUE(up(w.path(1).phase));
}

TEST(EngineRedial, AColdPathIsDialledBeforeTheLinkIsUpWhenTheOthersAreMute) {
  redial w;
  w.mute_dials = true;
  w.link_of({leaf("a"), leaf("b", true)});
  w.advance(1500ms);
  EXPECT_EQ(w.dials(1), 0u);
  w.mute_dials = false;
  w.refused[0] = true;
  w.advance(1s);
  EXPECT_TRUE(w.status().up);
  EXPECT_TRUE(up(w.path(1).phase));
}

TEST(EngineRedial, AColdPathSleepsWhileTheOthersComeUp) {
  redial w;
  w.link_of({leaf("a"), leaf("b", true)});
  w.advance(300s);
  EXPECT_EQ(w.dials(1), 0u);
}

TEST(EngineRedial, AColdPathRestsWhenTheOthersWereGoodForAMinute) {
  redial w;
  w.link_of({leaf("a"), leaf("b", true)});
  w.advance(2s);
  const auto flow = *w.dialer.ep.open_stream(w.now, w.link, {});
  for (int round = 0; round < 2; ++round) {
    w.lose(0);
    w.advance(1s);
    ASSERT_TRUE(up(w.path(1).phase)) << round;
    ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("x")), 1u);
    w.refused.clear();
    w.advance(10s);
    ASSERT_TRUE(up(w.path(0).phase));
    w.advance(45s);
    EXPECT_TRUE(up(w.path(1).phase)) << "it is needed until the other is trusted";
    w.advance(20s);
    EXPECT_EQ(w.path(1).phase, path_phase::idle);
    const auto before = w.dials(1);
    w.advance(300s);
    EXPECT_EQ(w.dials(1), before);
    EXPECT_EQ(w.path(1).deaths, 0u);
  }
  const auto incoming = direct_pair::all<event::incoming_flow>(w.acceptor).at(0).flow;
  EXPECT_EQ(w.read_all(w.acceptor, incoming), "xx");
}

TEST(EngineRedial, AnAttemptOfAPathThatIsThereAgainIsNotWanted) {
  redial w;
  w.link_of({leaf("a")});
  w.advance(2s);
  EXPECT_EQ(w.open(), 1u);
  w.kill(w.path(0).carrier);
  w.advance(30s);
  EXPECT_EQ(w.open(), 1u);
  EXPECT_EQ(w.dials(0), 2u);
}

}  // namespace
}  // namespace rendr::engine::test
