// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/direct_pair.hpp"
#include "wire/record.hpp"

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

void darken(direct_pair& w, carrier_id id, bool dark = true) {
  w.dialer.dark[id] = dark;
  w.acceptor.dark[w.dialer.peer.at(id)] = dark;
}

// A flow that has brought an x.
flow_ref carried(direct_pair& w, link_ref link) {
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  EXPECT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("x")), 1u);
  w.advance(100ms);
  return flow;
}

std::vector<path_phase> phases_of(const direct_pair::side& s, carrier_id id) {
  std::vector<path_phase> out;
  for (const auto& e : direct_pair::all<event::path_changed>(s)) {
    if (e.carrier == id) out.push_back(e.to);
  }
  return out;
}

flow_ref incoming(direct_pair& w, std::size_t n = 0) {
  return direct_pair::all<event::incoming_flow>(w.acceptor).at(n).flow;
}

TEST(EnginePaths, ManyRecordsOfADarkPathAreAllCopiedToAnother) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  const auto sent = pattern(3 << 20);
  ASSERT_GT(*w.dialer.ep.write(w.now, flow, as_bytes(sent.substr(0, 16384))), 0u);
  w.advance(100ms);
  std::string got = w.read_all(w.acceptor, incoming(w));  // opens the window
  w.advance(100ms);
  darken(w, carrier_of(w, "a"));
  std::size_t at = 16384;
  for (int round = 0; round < 200 && got.size() < sent.size(); ++round) {
    at += *w.dialer.ep.write(w.now, flow, as_bytes(std::string_view(sent).substr(at)));
    w.advance(50ms);
    got += w.read_all(w.acceptor, incoming(w));
  }
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].suspicions, 1u);
  EXPECT_TRUE(got == sent) << got.size();
}

TEST(EnginePaths, ASuspicionThatThePeerToldIsNotToldBack) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = carried(w, link);
  const auto a = carrier_of(w, "a");
  w.hold(w.dialer, a);
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("y")), 1u);
  w.advance(100ms);
  ASSERT_EQ(w.dialer.ep.status(w.now, link)->paths[0].phase, path_phase::suspect);
  ASSERT_EQ(w.acceptor.ep.status(w.now).links[0].paths[0].phase, path_phase::suspect);
  w.release(w.dialer, a);
  w.advance(5s);
  for (const auto& p :
       {w.dialer.ep.status(w.now, link)->paths[0], w.acceptor.ep.status(w.now).links[0].paths[0]}) {
    EXPECT_EQ(p.phase, path_phase::standby);
    EXPECT_LE(p.suspicions, 2u);
    EXPECT_EQ(p.deaths, 0u);
  }
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "xy");
}

TEST(EnginePaths, ALinkThatReturnedFromTheDarkHasItsWholeGraceAgain) {
  direct_pair w;
  const auto link = w.connect(1);
  w.advance(2s);
  w.refuse_dials = true;
  w.kill(carrier_of(w, "a"));
  w.advance(60s);
  EXPECT_LE(w.dialer.ep.status(w.now, link)->grace_left, 30s);
  w.refuse_dials = false;
  w.advance(2s);
  ASSERT_EQ(w.dialer.ep.status(w.now, link)->paths[0].phase, path_phase::active);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->grace_left, duration::max());
  EXPECT_EQ(w.acceptor.ep.status(w.now).links[0].grace_left, duration::max());
  w.advance(100s);
  EXPECT_TRUE(w.dialer.ep.status(w.now, link)->up);
  EXPECT_TRUE(w.acceptor.ep.status(w.now).links[0].up);
}

TEST(EnginePaths, APathThatBreaksAsSoonAsItIsAttachedIsDialledSlowerAndSlower) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(2s);
  const auto before = w.dialer.ep.status(w.now, link)->paths[1].dials;
  for (int ms = 0; ms < 10000; ms += 20) {
    const auto b = carrier_of(w, "b");
    if (b != carrier_id{} && w.dialer.peer.contains(b)) w.kill(b);
    w.advance(20ms);
  }
  const auto dials = w.dialer.ep.status(w.now, link)->paths[1].dials - before;
  EXPECT_GE(dials, 8u);
  EXPECT_LE(dials, 15u) << "at once, then 100 ms doubling to 1.5 s";
}

// Beside one that is silent, too: in the dark a path is dialled twice a second, not without end.
TEST(EnginePaths, APathThatBreaksBesideASilentOneIsDialledSlowly) {
  direct_pair w;
  const auto link = w.connect(1);
  w.advance(2s);
  const auto silent = carrier_of(w, "a");
  darken(w, silent);
  unsigned broken = 0;
  w.acceptor.tamper = [&](carrier_id, std::deque<std::byte>& data) {
    const bytes copy(data.begin(), data.end());
    const auto record = wire::read_record(copy);
    if (!record || !*record || (**record).kind != wire::record_kind::frames || broken > 1000)
      return;
    data.back() ^= std::byte{1};
    ++broken;
  };
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("x")), 1u);
  w.advance(10s);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].carrier, silent);
  EXPECT_GE(broken, 10u);
  EXPECT_LE(broken, 25u);
}

TEST(EnginePaths, TheLastLivingPathIsNotDetached) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  EXPECT_FALSE(w.dialer.ep.detach(w.now, link, "a"));
  w.advance(1s);
  const auto refused = w.dialer.ep.detach(w.now, link, "b");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, errc::refused);
  EXPECT_TRUE(w.dialer.ep.detach(w.now, link, "nobody"));
  w.advance(1s);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths.size(), 1u);
}

// What was detached while it was silent drains when it answers; nothing new goes by it.
TEST(EnginePaths, ADetachedPathThatFellSilentIsNeverUsedAgain) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = carried(w, link);
  const auto a = carrier_of(w, "a");
  w.hold(w.dialer, a);
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("y")), 1u);
  w.advance(1us);
  ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "a"));
  w.advance(100ms);
  ASSERT_EQ(phases_of(w.dialer, a).back(), path_phase::suspect);
  w.release(w.dialer, a);
  w.advance(5s);
  const auto phases = phases_of(w.dialer, a);
  const std::vector ending{path_phase::suspect, path_phase::draining, path_phase::dead};
  ASSERT_GE(phases.size(), ending.size());
  EXPECT_TRUE(std::equal(ending.rbegin(), ending.rend(), phases.rbegin()));
  EXPECT_FALSE(w.dialer.peer.contains(a)) << "its carrier is closed";
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("z")), 1u);
  w.advance(20s);
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "xyz");
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths.size(), 1u);
  const auto there = w.acceptor.ep.status(w.now);
  for (const auto& p : there.links[0].paths) EXPECT_EQ(p.deaths, 0u);
}

// The peer detached it, and it fell silent before it was empty.
TEST(EnginePaths, APathThatThePeerIsLeavingIsNotChosenWhenItAnswersAgain) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = carried(w, link);
  const auto a = carrier_of(w, "a");
  const auto there = w.dialer.peer.at(a);
  const auto back = incoming(w);
  w.hold(w.acceptor, there);
  w.hold(w.dialer, a);
  ASSERT_EQ(*w.acceptor.ep.write(w.now, back, as_bytes("1")), 1u);
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("y")), 1u);
  w.advance(1us);
  ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "a"));
  w.advance(100ms);
  w.release(w.acceptor, there);
  w.advance(10ms);
  const auto status = w.acceptor.ep.status(w.now);
  for (const auto& p : status.links[0].paths) {
    EXPECT_FALSE(p.name == "a" && p.carries_data);
  }
  w.release(w.dialer, a);
  w.advance(5s);
  ASSERT_EQ(*w.acceptor.ep.write(w.now, back, as_bytes("2")), 1u);
  w.advance(20s);
  bool used = false;
  bool drained = false;
  for (const auto to : phases_of(w.acceptor, there)) {
    drained = drained || to == path_phase::draining;
    used = used || (drained && (to == path_phase::standby || to == path_phase::active));
  }
  EXPECT_TRUE(drained);
  EXPECT_FALSE(used);
  EXPECT_EQ(w.read_all(w.dialer, flow), "12");
  EXPECT_EQ(w.read_all(w.acceptor, back), "xy");
}

// The carrier answers that its end of the record waits in our own kernel, time and again.
TEST(EnginePaths, AQueueOfOurOwnKernelIsAskedAboutNowAndThen) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = carried(w, link);
  const auto a = carrier_of(w, "a");
  w.hold(w.dialer, a);
  w.dialer.evidence[a].unacked = 1;
  w.dialer.evidence[a].last_ack_age = 1ms;
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes(pattern(10000))), 10000u);
  w.settle();
  const auto until = w.now + 1s;
  unsigned asked = 0;
  while (w.dialer.ep.next_timeout() <= until && asked < 10000) {
    w.now = std::max(w.now, w.dialer.ep.next_timeout());
    w.dialer.ep.handle_timeout(w.now);
    w.settle();
    ++asked;
  }
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].suspicions, 0u);
  EXPECT_GE(asked, 10u);
  EXPECT_LE(asked, 150u) << "a question in 10 ms";
}

path_config leaf_named(std::string name) {
  path_config leaf;
  leaf.name = std::move(name);
  leaf.plaintext = true;
  return leaf;
}

// Whether what is written on a new flow arrives when all paths but `name` are dead.
bool carries_alone(direct_pair& w, std::string_view name) {
  w.refuse_dials = true;
  const auto status = *w.dialer.ep.status(w.now, w.link);
  for (const auto& p : status.paths) {
    if (p.name != name) w.kill(p.carrier);
  }
  w.advance(100ms);
  const auto flow = *w.dialer.ep.open_stream(w.now, w.link, {});
  static_cast<void>(w.dialer.ep.write(w.now, flow, as_bytes("alone")));
  w.advance(1s);
  const auto flows = direct_pair::all<event::incoming_flow>(w.acceptor);
  return !flows.empty() && w.read_all(w.acceptor, flows.back().flow) == "alone";
}

TEST(EnginePaths, AnAttachedPathJoinsARootOverAllPaths) {
  for (const auto* root : {"", "handover", "interactive", "aggregate"}) {
    direct_pair w;
    const auto link = w.connect(2, root);
    w.advance(1s);
    ASSERT_TRUE(w.dialer.ep.attach(w.now, link, leaf_named("c")));
    w.advance(1s);
    for (const auto& shown :
         {w.dialer.ep.status(w.now, link)->root, w.acceptor.ep.status(w.now).links[0].root}) {
      EXPECT_NE(shown.find("(a, b, c"), std::string::npos) << shown;
    }
    EXPECT_TRUE(carries_alone(w, "c")) << root;
  }
}

TEST(EnginePaths, AnAttachedPathWaitsForARootThatNamesIt) {
  direct_pair w;
  const auto link = w.connect(2, "selector(a, b)");
  w.advance(1s);
  ASSERT_TRUE(w.dialer.ep.attach(w.now, link, leaf_named("c")));
  w.advance(1s);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->root, "selector(a, b)");
  ASSERT_FALSE(w.dialer.ep.set_root(w.now, link, "selector(a, b, c)"));
  w.advance(1s);
  EXPECT_TRUE(carries_alone(w, "c"));
}

TEST(EnginePaths, ADetachedNameMayBeAttachedAgainAndTakesItsPlace) {
  direct_pair w;
  const auto link = w.connect(2, "selector(a, b)");
  w.advance(1s);
  const auto first = w.dialer.ep.status(w.now, link)->paths[1].spec;
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "b"));
    if (i % 2 == 0) w.advance(1s);  // else what it carried is still under way
    ASSERT_EQ(*w.dialer.ep.attach(w.now, link, leaf_named("b")), first);
    w.advance(1s);
  }
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->root, "selector(a, b)");
  EXPECT_TRUE(carries_alone(w, "b"));
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths.size(), 2u);
}

// It is what it says of itself now that counts: a is dear when it comes back.
TEST(EnginePaths, AnAttachedPathBringsItsOwnCost) {
  direct_pair w;
  const auto link = w.connect(1, "a");
  w.advance(1s);
  auto b = leaf_named("b");
  b.cost = 100;
  ASSERT_TRUE(w.dialer.ep.attach(w.now, link, b));
  ASSERT_FALSE(w.dialer.ep.set_root(w.now, link, "selector(a, b)"));
  w.advance(100s);
  const auto stands = [&] { return w.dialer.ep.status(w.now, link)->selections[0].child; };
  ASSERT_EQ(stands(), "a");
  for (const auto cost : {200u, 0u}) {
    ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "a"));
    w.advance(1s);
    ASSERT_EQ(stands(), "b");
    auto a = leaf_named("a");
    a.cost = cost;
    ASSERT_TRUE(w.dialer.ep.attach(w.now, link, a));
    w.advance(200s);
    EXPECT_EQ(stands(), cost > b.cost ? "b" : "a");
  }
}

TEST(EnginePaths, ADetachedPathIsUnknownToANewRoot) {
  direct_pair w;
  const auto link = w.connect(2, "selector(a, b)");
  w.advance(1s);
  ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "b"));
  w.advance(1s);
  const auto why = w.dialer.ep.set_root(w.now, link, "race(a, b)");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::invalid_argument);
  EXPECT_NE(why->detail.find("unknown path \"b\""), std::string::npos) << why->detail;
  EXPECT_FALSE(w.dialer.ep.set_root(w.now, link, "a"));
}

TEST(EnginePaths, PathsComeAndGoWithoutEnd) {
  direct_pair w;
  const auto link = w.connect(1);
  w.advance(1s);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(w.dialer.ep.attach(w.now, link, leaf_named("x" + std::to_string(i)))) << i;
    w.advance(200ms);
    ASSERT_EQ(w.dialer.ep.status(w.now, link)->paths.size(), 2u);
    ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "x" + std::to_string(i))) << i;
    w.advance(200ms);
  }
  const auto x = w.dialer.ep.attach(w.now, link, leaf_named("x"));
  ASSERT_TRUE(x);
  EXPECT_LT(*x, 64u);
  w.advance(1s);
  EXPECT_TRUE(carries_alone(w, "x"));
}

TEST(EnginePaths, ANewRootLeavesASelectorWhereItStood) {
  direct_pair w;
  const auto link = w.connect(2, "best: selector(a, b)");
  w.advance(1s);
  w.refuse_dials = true;
  w.kill(carrier_of(w, "a"));
  w.advance(1s);
  w.refuse_dials = false;
  w.advance(20s);
  const auto stands = [&] { return w.dialer.ep.status(w.now, link)->selections[0].child; };
  const auto before = stands();
  ASSERT_EQ(before, "b") << "equal paths: it stays where the death of the other brought it";
  ASSERT_TRUE(w.dialer.ep.attach(w.now, link, leaf_named("c")));
  ASSERT_FALSE(w.dialer.ep.set_root(w.now, link, "best: selector(a, c, b)"));
  EXPECT_EQ(stands(), "b");
  w.advance(10s);
  EXPECT_EQ(stands(), "b");
  ASSERT_FALSE(w.dialer.ep.set_root(w.now, link, "best: selector(a, c)"));
  EXPECT_EQ(stands(), "a") << "its place is gone";
}

TEST(EnginePaths, AByeIsNoDeath) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "b"));
  w.advance(20s);
  const auto status = w.acceptor.ep.status(w.now);
  for (const auto& p : status.links[0].paths) EXPECT_EQ(p.deaths, 0u);
  bool left = false;
  for (const auto& e : direct_pair::all<event::path_changed>(w.acceptor))
    left = left || e.why == cause::bye;
  EXPECT_TRUE(left);
}

TEST(EnginePaths, ALoopThatWasLateKillsNothing) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(2s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("x")));
  w.advance(100ms);
  for (int i = 0; i < 20; ++i) {
    w.now += 3s;
    w.dialer.ep.handle_timeout(w.now);
    w.settle();
  }
  const auto status = *w.dialer.ep.status(w.now, link);
  for (const auto& p : status.paths) {
    EXPECT_EQ(p.deaths, 0u);
    EXPECT_EQ(p.suspicions, 0u);
  }
}

TEST(EnginePaths, AChangeOfTheNetworkRedialsAtOnce) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(2s);
  w.refuse_dials = true;
  w.kill(carrier_of(w, "b"));
  w.advance(20s);
  const auto dials = [&] { return w.dialer.ep.status(w.now, link)->paths[1].dials; };
  const auto before = dials();
  w.refuse_dials = false;
  w.dialer.ep.network_changed(w.now);
  w.advance(1us);
  EXPECT_EQ(dials(), before + 1);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[1].phase, path_phase::standby);
}

TEST(EnginePaths, ADoubtedPathIsLeftAtOnceAndClearedByItsAnswer) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(2s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("one")));
  w.advance(100ms);
  const auto a = carrier_of(w, "a");
  w.hold(w.dialer, a);
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("two")));
  w.settle();
  ASSERT_EQ(w.read_all(w.acceptor, incoming(w)), "one");
  w.dialer.ep.path_doubted(w.now, a, "192.0.2.7 left eth0");
  w.dialer.ep.path_doubted(w.now, a, "told twice");
  w.settle();
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "two") << "no time has passed";
  auto path = w.dialer.ep.status(w.now, link)->paths[0];
  EXPECT_EQ(path.phase, path_phase::suspect);
  EXPECT_EQ(path.suspicions, 1u);
  EXPECT_EQ(path.history.back().why, cause::network_changed);
  EXPECT_EQ(path.history.back().detail, "192.0.2.7 left eth0");
  EXPECT_EQ(w.acceptor.ep.status(w.now).links[0].paths[0].phase, path_phase::suspect) << "told";
  w.release(w.dialer, a);
  w.advance(100ms);
  path = w.dialer.ep.status(w.now, link)->paths[0];
  EXPECT_EQ(path.phase, path_phase::standby);
  EXPECT_EQ(path.deaths, 0u);
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "");
}

TEST(EnginePaths, AChangeOfTheNetworkDialsBesideASuspectPath) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(2s);
  const auto old = carrier_of(w, "a");
  darken(w, old);
  w.dialer.ep.path_doubted(w.now, old, "eth0 of 192.0.2.7 is down");
  w.settle();
  ASSERT_EQ(w.dialer.ep.status(w.now, link)->paths[0].dials, 1u) << "another path lives";
  w.dialer.ep.network_changed(w.now);
  w.settle();
  const auto path = w.dialer.ep.status(w.now, link)->paths[0];
  EXPECT_EQ(path.dials, 2u);
  EXPECT_NE(path.carrier, old);
  EXPECT_EQ(path.phase, path_phase::standby);
}

TEST(EnginePaths, ADoubtAboutWhatIsNoPathHasNoEffect) {
  direct_pair w;
  w.connect(1);
  w.advance(1s);
  const auto before = w.dialer.events.size();
  w.dialer.ep.path_doubted(w.now, carrier_id{99}, "nobody");
  w.settle();
  EXPECT_EQ(w.dialer.events.size(), before);
}

TEST(EnginePaths, ARelayThatAcknowledgesAndForwardsNothingIsFoundOut) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(2s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("one")));
  w.advance(100ms);
  const auto a = carrier_of(w, "a");
  darken(w, a);
  auto& evidence = w.dialer.evidence[a];
  evidence.delivered = ~std::uint64_t{0} >> 1;
  evidence.last_ack_age = 1ms;
  evidence.rtt = 1ms;
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("two")));
  w.advance(3s);
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "onetwo");
  EXPECT_GE(w.dialer.ep.status(w.now, link)->paths[0].suspicions, 1u);
}

TEST(EnginePaths, AStoppedPeerIsNamedAndKillsNothing) {
  direct_pair w;
  const auto link = w.connect(1);
  w.advance(2s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("one")));
  w.advance(100ms);
  const auto a = carrier_of(w, "a");
  w.hold(w.dialer, a);  // its kernel takes it, the process does not
  w.refuse_dials = true;
  auto& evidence = w.dialer.evidence[a];
  evidence.delivered = ~std::uint64_t{0} >> 1;
  evidence.last_ack_age = 1ms;
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("two")));
  w.advance(20s);
  auto status = *w.dialer.ep.status(w.now, link);
  EXPECT_TRUE(status.peer_stalled);
  EXPECT_EQ(status.paths[0].deaths, 0u);
  w.release(w.dialer, a);
  w.advance(100ms);
  status = *w.dialer.ep.status(w.now, link);
  EXPECT_FALSE(status.peer_stalled);
  EXPECT_EQ(w.read_all(w.acceptor, incoming(w)), "onetwo");
}

TEST(EnginePaths, AnAttachThatArrivesLateDoesNotReplaceANewerPath) {
  direct_pair w;
  const auto link = w.connect(1);
  w.advance(1s);
  // The second carrier's last handshake message is on its way for long.
  const auto break_at_dialer = [&] {
    const auto id = carrier_of(w, "a");
    w.dialer.ep.path_down(w.now, id, std::make_error_code(std::errc::connection_reset), "");
  };
  std::map<carrier_id, int> sends;
  carrier_id slow{};
  w.dialer.tamper = [&](carrier_id id, std::deque<std::byte>&) {
    if (slow == carrier_id{}) slow = id;
    if (id == slow && ++sends[id] == 2) w.hold(w.dialer, id);
  };
  break_at_dialer();
  w.advance(1ms);
  ASSERT_GE(sends[slow], 2);
  ASSERT_EQ(carrier_of(w, "a"), slow) << "for the dialer it is attached";
  break_at_dialer();
  w.advance(2s);
  ASSERT_NE(carrier_of(w, "a"), slow);
  const auto at_acceptor = [&] { return w.acceptor.ep.status(w.now).links[0].paths[0]; };
  const auto newer = at_acceptor().path;
  ASSERT_EQ(newer, w.dialer.ep.status(w.now, link)->paths[0].path);
  w.release(w.dialer, slow);
  w.advance(1s);
  EXPECT_EQ(at_acceptor().path, newer);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].path, newer);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].deaths, 2u) << "those of this test alone";
}

TEST(EnginePaths, APathThatIsNotUpIsToldOnceWithItsReasonAndAgainWhenThatChanges) {
  direct_pair w;
  w.refuse_dials = true;
  w.refusal = {std::make_error_code(std::errc::connection_refused), "connect to a: refused"};
  const auto link = w.connect(1);
  const auto told = [&] { return direct_pair::all<event::path_missing>(w.dialer); };
  w.advance(3900ms);
  EXPECT_TRUE(told().empty()) << "it may still come";
  w.advance(60s);
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].name, "a");
  EXPECT_EQ(told()[0].reason, "connect to a: refused");
  EXPECT_EQ(told()[0].after, 4s);
  EXPECT_FALSE(told()[0].lasting);
  EXPECT_GT(direct_pair::all<event::dial_ended>(w.dialer).size(), 5u);
  w.refusal.detail = "connect to a: unreachable";
  w.advance(30s);
  ASSERT_EQ(told().size(), 2u);
  EXPECT_EQ(told()[1].reason, "connect to a: unreachable");
  w.refusal.detail = "connect to a: refused";
  w.advance(30s);
  EXPECT_EQ(told().size(), 2u) << "reasons that alternate are no news";
  w.refuse_dials = false;
  w.advance(30s);
  EXPECT_TRUE(w.dialer.ep.status(w.now, link)->up);
  w.dialer.events.clear();
  w.advance(60s);
  EXPECT_TRUE(told().empty()) << "it is up";
}

TEST(EnginePaths, WhatWaitingDoesNotMendIsToldAtOnce) {
  for (const auto code : {std::errc::no_such_device, std::errc::operation_not_permitted,
                          std::errc::no_such_file_or_directory, std::errc::address_not_available}) {
    direct_pair w;
    w.refuse_dials = true;
    w.refusal = {std::error_code(static_cast<int>(code), std::system_category()), "device=no0"};
    w.connect(1);
    w.settle();
    const auto told = direct_pair::all<event::path_missing>(w.dialer);
    ASSERT_EQ(told.size(), 1u) << static_cast<int>(code);
    EXPECT_TRUE(told[0].lasting);
    EXPECT_EQ(told[0].after, 0s);
  }
}

TEST(EnginePaths, AColdPathThatIsNotNeededIsNotMissed) {
  direct_pair w;
  w.cold_from = 1;
  w.connect(2);
  w.advance(60s);
  EXPECT_TRUE(direct_pair::all<event::path_missing>(w.dialer).empty());
}

}  // namespace
}  // namespace rendr::engine::test
