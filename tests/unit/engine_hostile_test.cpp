// SPDX-License-Identifier: Apache-2.0
// A peer that holds the keys and lies: its path ends, the link and its other path live on.
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "support/direct_pair.hpp"
#include "wire/handshake.hpp"
#include "wire/record.hpp"

namespace rendr::engine::test {
namespace {

bytes encoded(const wire::frame& f) {
  bytes out(wire::encoded_size(f));
  std::size_t used = 0;
  EXPECT_TRUE(wire::append(f, out, used));
  return out;
}

bytes record(std::uint64_t number, bytes_view payload, bool good_crc = true,
             wire::record_kind kind = wire::record_kind::frames) {
  std::array<std::byte, wire::max_record_head> head{};
  const auto n = wire::write_record_head(kind, false, number, payload.size(), head);
  const std::array<bytes_view, 2> pieces{bytes_view(head).first(n), payload};
  auto crc = wire::record_crc(pieces);
  if (!good_crc) crc[0] ^= std::byte{1};
  bytes out(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
  out.insert(out.end(), payload.begin(), payload.end());
  out.insert(out.end(), crc.begin(), crc.end());
  return out;
}

// Two paths and a flow that carried three bytes; the dialer is the liar, on path b.
struct lair {
  lair() {
    link = w.connect(2);
    w.advance(2s);
    flow = *w.dialer.ep.open_stream(w.now, link, {});
    EXPECT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("one")), 3u);
    w.advance(100ms);
    there = direct_pair::all<event::incoming_flow>(w.acceptor).at(0).flow;
    w.acceptor.ep.accept_flow(w.now, there);
    w.advance(100ms);
    const auto status = w.acceptor.ep.status(w.now);
    for (const auto& p : status.links[0].paths) {
      if (p.name == "b") b = p.carrier;
    }
    // On b nothing is heard but the lies.
    w.acceptor.dark[b] = true;
    w.dialer.dark[w.acceptor.peer.at(b)] = true;
  }

  void lie(bytes_view raw) {
    w.inject(w.acceptor, b, raw);
    w.settle();
  }
  void lie(const wire::frame& f, std::uint64_t as = 1000) { lie(record(as, encoded(f))); }

  std::uint64_t deaths() { return w.acceptor.ep.status(w.now).links[0].paths[1].deaths; }
  cause why() {
    const auto history = w.acceptor.ep.status(w.now).links[0].paths[1].history;
    for (auto it = history.rbegin(); it != history.rend(); ++it) {
      if (it->to == path_phase::dead) return it->why;
    }
    return cause::none;
  }

  void expect_the_path_ended_alone() {
    EXPECT_EQ(deaths(), 1u);
    EXPECT_EQ(why(), cause::protocol);
    expect_the_link_lives();
    EXPECT_EQ(w.acceptor.ep.status(w.now).links[0].paths[0].deaths, 0u);
  }
  void expect_the_link_lives() {
    w.advance(3s);
    EXPECT_TRUE(direct_pair::all<event::link_down>(w.acceptor).empty());
    ASSERT_TRUE(w.acceptor.ep.write(w.now, there, as_bytes("back")));
    ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("two")));
    w.advance(1s);
    EXPECT_EQ(w.read_all(w.acceptor, there), "onetwo");
    EXPECT_EQ(w.read_all(w.dialer, flow), "back");
  }

  direct_pair w;
  link_ref link;
  flow_ref flow;
  flow_ref there;
  carrier_id b{};
  std::uint64_t number = 1000;  ///< of the next record on b
};

wire::path_ack ack_of(std::uint64_t path, range r) {
  wire::path_ack a;
  a.path = path;
  a.count = 1;
  a.ranges[0] = r;
  return a;
}

struct lie_case {
  const char* name;
  std::function<void(lair&)> tell;
};

class Lies : public testing::TestWithParam<lie_case> {};

TEST_P(Lies, EndTheirPathAlone) {
  lair l;
  ASSERT_EQ(l.deaths(), 0u);
  GetParam().tell(l);
  l.expect_the_path_ended_alone();
}

std::uint64_t path_of_a(lair& l) { return l.w.acceptor.ep.status(l.w.now).links[0].paths[0].path; }

INSTANTIATE_TEST_SUITE_P(
    EngineHostile, Lies,
    testing::Values(
        lie_case{"ABadChecksum",
                 [](lair& l) { l.lie(record(1000, encoded(wire::ping{1}), false)); }},
        lie_case{"ANumberThatWentBackwards",
                 [](lair& l) {
                   l.lie(wire::ping{1}, 1000);
                   l.lie(wire::ping{2}, 1000);
                 }},
        lie_case{"AnAcknowledgementOfWhatWasNeverSent",
                 [](lair& l) {
                   l.lie(ack_of(path_of_a(l), {0, 5000}));
                 }},
        lie_case{"DataBeyondTheCredit",
                 [](lair& l) {
                   l.lie(wire::data{l.flow.number, 16384, as_bytes("x")});
                 }},
        lie_case{"DataFarBeyondTheCredit",
                 [](lair& l) {
                   l.lie(wire::data{l.flow.number, (std::uint64_t{1} << 62) - 10, as_bytes("x")});
                 }},
        lie_case{"AFinBeyondTheCredit",
                 [](lair& l) {
                   l.lie(wire::fin{l.flow.number, 16385});
                 }},
        lie_case{"AFinBelowWhatArrived",
                 [](lair& l) {
                   l.lie(wire::fin{l.flow.number, 2});
                 }},
        lie_case{"AResetBelowWhatArrived",
                 [](lair& l) {
                   l.lie(wire::reset{l.flow.number, 1, 2});
                 }}),
    [](const auto& one) { return std::string(one.param.name); });

INSTANTIATE_TEST_SUITE_P(
    EngineHostileFrames, Lies,
    testing::Values(
        lie_case{"DataOfAFlowThatWasNeverOpened",
                 [](lair& l) {
                   l.lie(wire::data{20, 0, as_bytes("x")});
                 }},
        lie_case{"AnAnswerToAFlowOfItsOwn", [](lair& l) { l.lie(wire::accept{l.flow.number}); }},
        lie_case{"ARefusalOfAFlowOfItsOwn",
                 [](lair& l) {
                   l.lie(wire::reject{l.flow.number, 1, "no"});
                 }},
        lie_case{"AnOpenWithANumberOfTheOtherSide",
                 [](lair& l) {
                   l.lie(wire::open{1, {}, wire::flow_kind::stream, {}, {}});
                 }},
        lie_case{"AnOpenFarBeyondTheLimit",
                 [](lair& l) {
                   l.lie(wire::open{std::uint64_t{1} << 40, {}, wire::flow_kind::stream, {}, {}});
                 }},
        lie_case{"AGraphThatDoesNotParse",
                 [](lair& l) {
                   l.lie(wire::graph{99, {}, "race(("});
                 }},
        lie_case{"AnUnknownFrame",
                 [](lair& l) {
                   const std::array<std::byte, 2> raw{std::byte{0x22}, std::byte{0}};
                   l.lie(record(1000, raw));
                 }},
        lie_case{"AFrameThatIsCutOff",
                 [](lair& l) {
                   const auto whole = encoded(wire::fin{l.flow.number, 100});
                   l.lie(record(1000, bytes_view(whole).first(whole.size() - 1)));
                 }},
        lie_case{"AHugeLength",
                 [](lair& l) {
                   const std::array raw{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
                   l.lie(raw);
                 }},
        lie_case{"AHandshakeAfterTheHandshake",
                 [](lair& l) {
                   const auto refusal = wire::encode(wire::refuse{});
                   l.lie(record(1000, refusal, true, wire::record_kind::handshake));
                 }}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(EngineHostile, ManyPathIdsInPathStatesAreForgottenAgain) {
  lair l;
  std::uint64_t number = 1000;
  for (std::uint64_t path = 5000; path > 1000; --path) {
    l.lie(wire::path_state{path, 1, {}, wire::path_report::suspect, 0}, number++);
  }
  EXPECT_EQ(l.deaths(), 0u) << "unknown paths are ignored";
  l.expect_the_link_lives();
}

// A flow that the liar, too, writes to.
struct lied_flow {
  explicit lied_flow(lair& where) : l(where) {
    number = l.w.dialer.ep.open_stream(l.w.now, l.link, {})->number;
    l.w.advance(100ms);
    there = direct_pair::all<event::incoming_flow>(l.w.acceptor).back().flow;
    EXPECT_EQ(there.number, number);
    l.w.acceptor.ep.accept_flow(l.w.now, there);
  }
  bytes next(std::string_view data) {
    at += data.size();
    return piece(at - data.size(), data);
  }
  bytes piece(std::uint64_t offset, std::string_view data) {
    return record(l.number++, encoded(wire::data{number, offset, as_bytes(data)}));
  }
  std::string read() { return l.w.read_all(l.w.acceptor, there); }
  // Reads until megabytes are granted.
  void widen() {
    const std::string lump(16'384, 'x');
    for (int i = 0; i < 64; ++i) {
      l.lie(next(lump));
      EXPECT_TRUE(read() == lump) << i;
    }
  }

  lair& l;
  flow_ref there;
  std::uint64_t number = 0;
  std::uint64_t at = 0;
};

// Large pieces for a reader who stalls, each in a buffer whose other bytes another one has read:
// the first once in its place in the stream, once behind a byte that is missing.
TEST(EngineHostile, AStalledReaderPinsNotTheBuffersOfItsNeighbour) {
  constexpr std::size_t buffer = slab_pool::classes.back();
  for (const std::string_view missing : {"", "?"}) {
    lair l;
    lied_flow stalled(l);
    lied_flow moving(l);
    stalled.widen();
    moving.widen();
    const auto hole = std::exchange(stalled.at, stalled.at + missing.size());
    std::string waits;
    for (char round = 'A'; round <= 'Z'; ++round) {
      const std::string piece(10'000, round);
      auto raw = stalled.next(piece);
      for (int i = 0; i < 2; ++i) {
        const auto more = moving.next(std::string(56'000, 'x'));
        raw.insert(raw.end(), more.begin(), more.end());
      }
      ASSERT_LT(raw.size(), buffer);
      EXPECT_TRUE(round < 'C' || l.w.acceptor.ep.receive_buffer(l.b).size() == buffer) << round;
      l.lie(raw);
      EXPECT_EQ(moving.read().size(), 2 * 56'000u);
      waits += piece;
    }
    EXPECT_LE(l.w.acceptor.ep.slab_bytes(), 2 * waits.size() + 4 * buffer);
    if (!missing.empty()) l.lie(stalled.piece(hole, missing));
    EXPECT_TRUE(stalled.read() == std::string(missing) + waits);
    EXPECT_EQ(l.deaths(), 0u);
  }
}

TEST(EngineHostile, WhatFollowsTheEndOfAFlowInItsRecordTakesNoMemory) {
  lair k;
  const auto used = [&] { return k.w.acceptor.ep.status(k.w.now).budget_used; };
  const auto before = used();
  const auto over = *k.w.acceptor.ep.open_stream(k.w.now, k.there.link, {});
  k.w.acceptor.ep.close(k.w.now, over);
  const bytes much(9000);
  auto both = encoded(wire::reject{over.number, 1, "no"});
  const auto data = encoded(wire::data{over.number, 0, much});
  both.insert(both.end(), data.begin(), data.end());
  k.lie(record(1000, both));
  EXPECT_EQ(used(), before);
  EXPECT_EQ(k.deaths(), 0u);
  k.expect_the_link_lives();
}

TEST(EngineHostile, FramesBeforeTheHandshakeEndTheCarrier) {
  lair l;
  carrier_traits traits;
  traits.loopback = true;
  const auto c = *l.w.acceptor.ep.accepted(l.w.now, traits);
  std::array<std::byte, wire::prologue_size> first{};
  wire::write_prologue({wire::form::attach, wire::version, {}}, first);
  l.w.inject(l.w.acceptor, c, first);
  l.w.inject(l.w.acceptor, c, record(0, encoded(wire::ping{1})));
  l.w.settle();
  EXPECT_EQ(l.w.acceptor.ep.status(l.w.now).handshakes, 0u);
  EXPECT_EQ(l.w.acceptor.ep.status(l.w.now).handshakes_failed, 1u);
  EXPECT_TRUE(l.w.acceptor.ep.receive_buffer(c).empty());
  l.expect_the_link_lives();
}

TEST(EngineHostile, ARecordThatNeverEndsHoldsOneSlabAtMost) {
  lair l;
  const std::array head{std::byte{0}, std::byte{0xf0}, std::byte{0}, std::byte{1}};
  l.lie(head);
  for (int i = 0; i < 60'000; i += 1000) l.lie(bytes(1000));
  EXPECT_LE(l.w.acceptor.ep.slab_bytes(), 524'288u * 2);
}

TEST(EngineHostile, ManyOpensWithoutAcknowledgementsAreBounded) {
  lair l;
  // The liar never acknowledges what it is answered.
  std::uint64_t number = 1000;
  const auto before = l.w.acceptor.ep.status(l.w.now).links[0].flows.size();
  std::uint64_t flow = 2;
  while (flow < 200'000 && l.deaths() == 0) {
    bytes payload;
    for (int i = 0; i < 1000; ++i, flow += 2) {
      const auto one = encoded(wire::open{flow, {}, wire::flow_kind::stream, {}, {}});
      payload.insert(payload.end(), one.begin(), one.end());
    }
    l.w.inject(l.w.acceptor, l.b, record(number++, payload));
  }
  EXPECT_EQ(l.deaths(), 1u);
  l.w.settle();
  EXPECT_LE(l.w.acceptor.ep.status(l.w.now).links[0].flows.size(),
            before + 2 * defaults::flows_per_link);
  EXPECT_LE(l.w.acceptor.ep.status(l.w.now).budget_used, defaults::budget);
}

TEST(EngineHostile, GarbageInsteadOfAHelloIsDropped) {
  direct_pair w;
  for (const std::string_view garbage : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", "\n"}) {
    const auto c = *w.acceptor.ep.accepted(w.now, {});
    w.inject(w.acceptor, c, as_bytes(garbage));
    w.settle();
    EXPECT_TRUE(w.acceptor.ep.receive_buffer(c).empty()) << garbage;
  }
  EXPECT_EQ(w.acceptor.ep.status(w.now).handshakes, 0u);
  EXPECT_EQ(w.acceptor.ep.status(w.now).handshakes_failed, 3u);
  EXPECT_EQ(w.acceptor.ep.slab_bytes(), 0u);
}

TEST(EngineHostile, SilenceAndOneByteASecondEndAfterTenSeconds) {
  direct_pair w;
  const auto silent = *w.acceptor.ep.accepted(w.now, {});
  const auto slow = *w.acceptor.ep.accepted(w.now, {});
  const std::array one{std::byte{1}};
  for (int second = 0; second < 9; ++second) {
    w.inject(w.acceptor, slow, one);
    w.advance(1s);
  }
  EXPECT_FALSE(w.acceptor.ep.receive_buffer(silent).empty());
  w.acceptor.ep.received(w.now, silent, 0);
  w.advance(2s);
  EXPECT_TRUE(w.acceptor.ep.receive_buffer(silent).empty());
  EXPECT_TRUE(w.acceptor.ep.receive_buffer(slow).empty());
  EXPECT_EQ(w.acceptor.ep.status(w.now).handshakes, 0u);
  EXPECT_EQ(w.acceptor.ep.next_timeout(), never);
}

}  // namespace
}  // namespace rendr::engine::test
