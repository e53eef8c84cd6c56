// SPDX-License-Identifier: Apache-2.0
// Attacks of a peer: he made a link of his own in order, has its keys, and then breaks the rules.
#include <gtest/gtest.h>

#include <array>

#include "base/slab.hpp"
#include "hostile/attacks.hpp"
#include "hostile/peer.hpp"

namespace rendr::hostile {

namespace {

constexpr std::size_t read_buffer = slab_pool::classes.back();

// A link with path 0, where nothing but the truth is said, and path 1 of another leaf, for the lie.
struct liar {
  explicit liar(stage& at) : s(at), peer(at, "liar") {
    truth = peer.join();
    if (truth) lie = peer.attach(1, 1);
  }
  const link_facts& link() {
    now = s.server();
    const auto* found = now.find(peer.agreement.keys.link);
    return found != nullptr ? *found : none;
  }
  // The rule for all that a frame can break: its path ends, the link lives.
  void expect_the_path_ended_alone() {
    EXPECT_TRUE(lie->ended());
    EXPECT_EQ(link().deaths, 1u);
    EXPECT_EQ(link().attached, 1u);
    expect_the_truth_is_heard();
  }
  void expect_the_truth_is_heard() {
    const auto id = truth->out.next();
    truth->say({wire::ping{id}});
    EXPECT_TRUE(truth->heard<wire::pong>([&](const auto& f) { return f.id == id; }));
  }

  stage& s;
  rogue peer;
  std::unique_ptr<talk> truth;
  std::unique_ptr<talk> lie;
  facts now;
  link_facts none;
};

wire::path_ack ack_of(std::uint64_t path, range r) {
  wire::path_ack a;
  a.path = path;
  a.count = 1;
  a.ranges[0] = r;
  return a;
}

void acknowledging_what_was_never_sent(stage& s) {
  for (const auto& r : {range{0, 5'000}, range{4'000'000'000, 4'000'000'001}}) {
    liar l(s);
    ASSERT_TRUE(l.lie);
    l.lie->say({ack_of(1, r)});
    l.expect_the_path_ended_alone();
  }
}

// The newest of at least `count` records that the server sent on the path, one after the other.
std::uint64_t hear_records(liar& l, std::uint64_t count) {
  const auto newest = [&] {
    l.lie->in.read(l.lie->over().heard());
    return l.lie->in.records().back().number;
  };
  const auto before = newest();
  while (newest() < before + count) {
    const auto id = l.lie->out.next();
    l.lie->say({wire::ping{id}});
    EXPECT_TRUE(l.lie->heard<wire::pong>([&](const auto& f) { return f.id == id; }));
    if (testing::Test::HasFailure()) break;
  }
  return newest();
}

// On a stream carrier nothing is missing before what arrived: a hole is a guess.
void acknowledging_with_holes(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  const auto newest = hear_records(l, 3);
  auto gap = ack_of(1, {newest, newest + 1});
  gap.count = 2;
  gap.ranges[1] = {newest - 2, newest - 1};
  l.lie->say({gap});
  l.expect_the_path_ended_alone();
}

// Ranges that touch, pass below zero, or come in the wrong order cannot be said: whoever writes
// such bytes says something else, or nothing. What they begin with was sent.
void acknowledging_ranges_reversed(stage& s) {
  for (const int kind : {0, 1, 2}) {
    liar l(s);
    ASSERT_TRUE(l.lie);
    const auto newest = std::byte(hear_records(l, 1));
    ASSERT_LT(newest, std::byte{0x3f}) << "one byte is a number";
    const auto beyond = std::byte(std::to_integer<unsigned>(newest) + 1);
    bytes payload{std::byte{6}, std::byte{1}, std::byte{0}, newest};
    if (kind == 0) payload.insert(payload.end(), {std::byte{0}, beyond});
    if (kind == 1)
      payload.insert(payload.end(), {std::byte{1}, std::byte{0}, newest, std::byte{0}});
    if (kind == 2) payload.insert(payload.end(), {std::byte{33}, std::byte{0}});
    l.lie->say(payload);
    l.expect_the_path_ended_alone();
  }
}

void replayed_record(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  const auto number = l.lie->out.next();
  const auto payload = encoded({wire::ping{number}});
  const auto record = l.lie->out.make(wire::record_kind::frames, payload);
  l.lie->raw(record);
  l.lie->raw(record);
  l.expect_the_path_ended_alone();
}

void malformed_frames(stage& s) {
  const auto whole = encoded({wire::fin{0, 100}});
  for (const auto& payload :
       {bytes{std::byte{0x24}, std::byte{0}},                   // reserved
        bytes{std::byte{0x25}, std::byte{2}, std::byte{0}},     // odd, longer than its record
        bytes{std::byte{0x7f}, std::byte{0xff}},                // odd, without a length
        bytes{std::byte{0x40}, std::byte{0x02}, std::byte{1}},  // a type in two bytes
        bytes(whole.begin(), whole.end() - 1), encoded({wire::data{40, 0, as_bytes("x")}}),
        encoded({wire::graph{9, {}, "race(("}}), encoded({wire::accept{0}}),
        encoded({wire::open{1, {}, wire::flow_kind::stream, {}, {}}}),
        encoded({wire::open{std::uint64_t{1} << 40, {}, wire::flow_kind::stream, {}, {}}})}) {
    liar l(s);
    ASSERT_TRUE(l.lie);
    l.lie->say(payload);
    l.expect_the_path_ended_alone();
  }
}

void malformed_records(stage& s) {
  for (int kind = 0; kind < 3; ++kind) {
    liar l(s);
    ASSERT_TRUE(l.lie);
    auto record = l.lie->out.make(wire::record_kind::frames, encoded({wire::ping{1}}));
    if (kind == 0) record.back() ^= std::byte{1};
    if (kind == 1) record = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
    if (kind == 2)
      record = l.lie->out.make(wire::record_kind::handshake, wire::encode(wire::refuse{}));
    l.lie->raw(record);
    l.expect_the_path_ended_alone();
  }
}

void more_than_was_granted(stage& s) {
  for (const auto offset : {std::uint64_t{16'384}, (std::uint64_t{1} << 62) - 10}) {
    liar l(s);
    ASSERT_TRUE(l.lie);
    l.lie->say({wire::open{0, {}, wire::flow_kind::stream, {}, {}}});
    l.lie->say({wire::data{0, offset, as_bytes("x")}});
    l.expect_the_path_ended_alone();
  }
}

void answer_on_another_carrier(stage& s) {
  rogue r(s, "liar");
  auto first = r.join();
  ASSERT_TRUE(first);
  auto one = r.half_attach(1, 1);
  ASSERT_TRUE(one);
  const auto outcome = r.outcome(*one);
  ASSERT_TRUE(outcome);
  auto other = r.half_attach(2, 2);
  ASSERT_TRUE(other);
  other->say(outcome->ack);
  EXPECT_TRUE(other->ended());
  // The same path id on a second carrier, whose challenge is another one.
  auto again = r.half_attach(3, 3);
  ASSERT_TRUE(again);
  auto wrong = r.outcome(*again)->ack;
  wrong.mac[0] ^= std::byte{1};
  again->say(wrong);
  EXPECT_TRUE(again->ended());
}

// PINGs that nobody reads the answers of, challenges of the path as it were.
void flood_of_pings(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  l.lie->over().stop_reading();
  const auto before = s.server();
  bytes payload;
  for (int i = 0; i < 5'000; ++i) {
    const auto one = encoded({wire::ping{1'000'000}});
    payload.insert(payload.end(), one.begin(), one.end());
  }
  for (int i = 0; i < 100; ++i) l.lie->say(payload);
  s.pass(3s);
  EXPECT_LE(s.server().slab_bytes, before.slab_bytes + 2 * read_buffer);
  EXPECT_LE(s.server().heap, before.heap + 1'000'000);
  l.expect_the_truth_is_heard();
}

void flood_of_path_states(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  const auto before = s.server();
  for (std::uint64_t path = 200'000; path > 100'000; path -= 1'000) {
    bytes payload;
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      const auto one = encoded({wire::path_state{path + i, 1, {}, wire::path_report::suspect, 0}});
      payload.insert(payload.end(), one.begin(), one.end());
    }
    l.lie->say(payload);
  }
  s.pass(1s);
  EXPECT_EQ(l.link().deaths, 0u) << "unknown paths are ignored";
  EXPECT_LE(s.server().heap, before.heap + 3'000'000);
  l.expect_the_truth_is_heard();
}

// Each used token is answered with a fresh one. He says that he used them, and the answers wait
// behind what he does not read.
void flood_of_used_tokens(stage& s) {
  rogue r(s, "liar");
  auto t = r.join();
  ASSERT_TRUE(t);
  const auto deaths = [&] { return s.server().find(r.agreement.keys.link)->deaths; };
  t->over().stop_reading();
  for (std::uint64_t flow = 0; flow < 16; flow += 2) {
    t->say({wire::open{flow, {}, wire::flow_kind::stream, {}, as_bytes(wanted)},
            wire::max_data{flow, std::uint64_t{1} << 40}});
  }
  s.pass(2s);
  const auto before = s.server();
  std::uint64_t number = 0;
  for (int i = 0; i < 500; ++i) {
    bytes payload;
    for (int n = 0; n < 500; ++n) {
      const auto one = encoded({wire::retire_token{number++}});
      payload.insert(payload.end(), one.begin(), one.end());
    }
    t->say(payload);
    s.pass(1ms);
  }
  s.pass(100ms);
  EXPECT_LE(s.server().heap, before.heap + 1'000'000);
  // All of them were heard: the next one was made, the one behind it was not.
  t->say({wire::retire_token{number + 7}});
  s.pass(100ms);
  EXPECT_EQ(deaths(), 0u);
  t->say({wire::retire_token{number + 9}});
  EXPECT_TRUE(s.until([&] { return deaths() == 1; }, 5s));
}

void flood_of_roots(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  for (int i = 0; i < 200; ++i) {
    const auto root = "r" + std::to_string(i);
    l.lie->say({wire::graph{1, root, "p1#0"}});
  }
  l.expect_the_path_ended_alone();
}

void flood_of_graphs_and_selections(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  for (std::uint64_t v = 100; v < 1'100; ++v)
    l.lie->say({wire::graph{v, {}, "s:selector(p1#0,p2#1)"}});
  s.pass(1s);
  EXPECT_EQ(l.link().deaths, 0u);
  for (int i = 0; i < 2'000; ++i) {
    const auto node = "n" + std::to_string(i);
    l.lie->say({wire::select{1, {}, node, "p1"}});
  }
  l.expect_the_path_ended_alone();
}

void flood_of_opens(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  for (std::uint64_t flow = 0; flow < 200'000 && !l.lie->over().ended();) {
    bytes payload;
    for (int i = 0; i < 1'000; ++i, flow += 2) {
      const auto one = encoded({wire::open{flow, {}, wire::flow_kind::packet, {}, {}}});
      payload.insert(payload.end(), one.begin(), one.end());
    }
    l.lie->say(payload);
    s.pass(10ms);
  }
  EXPECT_TRUE(l.lie->ended());
  EXPECT_LE(l.link().flows, 2u * 16'384);
  EXPECT_LE(s.server().budget_used, s.server().budget);
}

void path_id_exhaustion(stage& s) {
  rogue r(s, "liar");
  auto first = r.join();
  ASSERT_TRUE(first);
  std::uint64_t id = 10;
  for (int i = 0; i < 300; ++i, id += 2) {
    auto t = r.attach(id, 1);
    ASSERT_TRUE(t) << id;
    t->say({wire::bye{0}});
  }
  auto spent = r.dial(wire::form::attach);
  ASSERT_TRUE(r.attach((std::uint64_t{1} << 62) - 1, 1)) << "the last one there is";
  EXPECT_FALSE(r.attach(10, 1)) << "an id that was used before";
  EXPECT_FALSE(r.attach(11, 1)) << "of many ids that were left out, the oldest are forgotten";
  EXPECT_TRUE(r.attach(id + 1, 1));
}

void slow_reader(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  l.truth->over().stop_reading();
  l.lie->over().stop_reading();
  const auto before = s.server();
  for (std::uint64_t flow = 0; flow < 16; flow += 2) {
    l.lie->say({wire::open{flow, {}, wire::flow_kind::stream, {}, as_bytes(wanted)},
                wire::max_data{flow, std::uint64_t{1} << 40}});
  }
  s.pass(5s);
  // Eight flows, 4 MiB that were accepted and not acknowledged each.
  EXPECT_LE(s.server().slab_bytes, before.slab_bytes + 8 * (4u << 20) + (4u << 20));
}

// One byte in two of all the credit that there is, so that nothing can be put together, once from
// the front and once from the back.
void tiny_segments_out_of_order(stage& s) {
  constexpr std::uint64_t credit = 16'384;
  constexpr std::uint64_t flows = 64;
  liar l(s);
  ASSERT_TRUE(l.lie);
  bytes pieces;
  for (std::uint64_t flow = 0; flow < 2 * flows; flow += 2)
    l.lie->say({wire::open{flow, {}, wire::flow_kind::stream, {}, {}}});
  s.pass(1s);
  const auto before = s.server();
  for (std::uint64_t flow = 0; flow < 2 * flows; flow += 2) {
    for (std::uint64_t at = 1; at < credit; at += 2) {
      const auto offset = flow % 4 == 0 ? at : credit - at;
      const auto one = encoded({wire::data{flow, offset, as_bytes("x")}});
      pieces.insert(pieces.end(), one.begin(), one.end());
      if (at % 1'024 != 1'023) continue;
      l.lie->say(pieces);
      pieces.clear();
    }
    s.pass(20ms);
  }
  s.pass(1s);
  EXPECT_EQ(l.link().deaths, 0u);
  const auto after = s.server();
  // Each stretch of 4 KiB in a buffer of its own, and what the carriers read into.
  EXPECT_LE(after.slab_bytes, before.slab_bytes + flows * credit + read_buffer);
  // All of it on the heap, at twice the credit, and what the attacker heard.
  EXPECT_LE(after.heap, before.heap + 2 * flows * credit + 1'048'576);
  l.expect_the_truth_is_heard();
}

void links_without_end(stage& s) {
  std::vector<std::unique_ptr<talk>> kept;
  for (;;) {
    rogue r(s, "crowd");
    auto t = r.join();
    if (!t) break;
    kept.push_back(std::move(t));
    ASSERT_LT(kept.size(), most_links);
  }
  EXPECT_EQ(kept.size(), s.sources_differ() ? most_links_of_one : most_links - 1);
  const auto links = s.server().links.size();
  rogue r(s, "crowd");
  auto t = r.dial(wire::form::hello);
  t->say(r.hello());
  const auto refusal = t->answer<wire::refuse>();
  ASSERT_TRUE(refusal) << "it is told why";
  EXPECT_EQ(refusal->code, static_cast<std::uint64_t>(errc::limit_reached));
  EXPECT_EQ(s.server().links.size(), links);
  // One that ends makes room for one.
  kept.back()->say({wire::goaway{1, 0, "enough"}, wire::bye{0}});
  EXPECT_TRUE(s.until([&] { return s.server().links.size() < links; }, 5s));
  auto one = rogue(s, "crowd").join();
  EXPECT_TRUE(one);
  EXPECT_FALSE(rogue(s, "crowd").join());
  // One that has no path any more does, too.
  one.reset();
  s.pass(1s);
  EXPECT_TRUE(rogue(s, "crowd").join());
}

// That of the first path, which the link does not have yet.
void attach_with_the_first_paths_id(stage& s) {
  rogue r(s, "liar");
  auto first = r.greet();
  ASSERT_TRUE(first);
  EXPECT_FALSE(r.half_attach(0, 1));
  EXPECT_TRUE(r.confirm(*first));
  EXPECT_EQ(s.server().find(r.agreement.keys.link)->deaths, 0u);
}

void ending_his_own_link(stage& s) {
  liar l(s);
  ASSERT_TRUE(l.lie);
  l.lie->say({wire::goaway{1, 0, "enough"}, wire::bye{0}});
  l.truth->say({wire::bye{0}});
  EXPECT_TRUE(l.truth->ended());
}

}  // namespace

std::span<const attack> attacks_of_peers() {
  static constexpr std::array all{
      attack{"AcknowledgingWhatWasNeverSentEndsThePath", acknowledging_what_was_never_sent},
      attack{"AcknowledgingWithHolesOnAStreamCarrierEndsThePath", acknowledging_with_holes},
      attack{"RangesThatAreReversedOrPassZeroEndThePath", acknowledging_ranges_reversed},
      attack{"ARecordThatComesTwiceEndsThePath", replayed_record},
      attack{"MalformedFramesEndThePath", malformed_frames},
      attack{"MalformedRecordsEndThePath", malformed_records},
      attack{"DataBeyondTheCreditEndsThePath", more_than_was_granted},
      attack{"AnAnswerSplicedFromAnotherCarrierEndsTheCarrier", answer_on_another_carrier},
      attack{"AFloodOfPingsIsAnsweredWithinBounds", flood_of_pings},
      attack{"AFloodOfPathStatesIsForgotten", flood_of_path_states},
      attack{"AFloodOfUsedTokensIsAnsweredWithinBounds", flood_of_used_tokens},
      attack{"AFloodOfRootsEndsThePath", flood_of_roots},
      attack{"AFloodOfSelectionsEndsThePath", flood_of_graphs_and_selections},
      attack{"AFloodOfOpensEndsThePath", flood_of_opens},
      attack{"PathIdsAreSpentWithinBounds", path_id_exhaustion},
      attack{"AReaderWhoStopsHoldsWhatHisFlowsMay", slow_reader},
      attack{"TinySegmentsOutOfOrderHoldLittle", tiny_segments_out_of_order},
      attack{"LinksWithoutEndMeetALimit", links_without_end},
      attack{"AnAttachWithTheFirstPathsIdIsRefused", attach_with_the_first_paths_id},
      attack{"WhoSaysGoodbyeEndsHisOwnLinkAlone", ending_his_own_link},
  };
  return all;
}

}  // namespace rendr::hostile
