// SPDX-License-Identifier: Apache-2.0
#include "engine/door/routing_tokens.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/record/record_writer.hpp"
#include "support/direct_pair.hpp"
#include "support/hex.hpp"

namespace rendr::engine::test {
namespace {

using rendr::test::filled;

held_tokens::token token_of(unsigned char n) { return {filled<16>(n), secret<32>(filled<32>(n))}; }

TEST(HeldTokens, EachIsTakenOnceTheLastAgainWhenThereIsNoOther) {
  held_tokens held;
  held.begin(token_of(0));
  EXPECT_EQ(held.add(1, token_of(1)), errc{});
  EXPECT_EQ(held.take().routing, filled<16>(0));
  EXPECT_EQ(held.take().routing, filled<16>(1));
  EXPECT_EQ(held.take().routing, filled<16>(1));
  EXPECT_EQ(held.add(2, token_of(2)), errc{});
  EXPECT_EQ(held.take().routing, filled<16>(2));
}

TEST(HeldTokens, EveryUseIsToldUntilItArrived) {
  held_tokens held;
  held.begin(token_of(0));
  EXPECT_EQ(held.owed(), std::nullopt);
  held.take();
  EXPECT_EQ(held.owed(), 0u);
  held.told(0);
  EXPECT_EQ(held.owed(), std::nullopt);
  held.take();  // the same again
  EXPECT_EQ(held.owed(), std::nullopt);
  held.owe(0);
  EXPECT_EQ(held.owed(), 0u);
}

TEST(HeldTokens, OneThatComesTwiceOrLateIsTakenOnce) {
  held_tokens held;
  held.begin(token_of(0));
  EXPECT_EQ(held.add(3, token_of(3)), errc{});
  EXPECT_EQ(held.add(1, token_of(1)), errc{});
  EXPECT_EQ(held.add(1, token_of(1)), errc{});
  EXPECT_EQ(held.add(3, token_of(3)), errc{});
  EXPECT_EQ(held.add(0, token_of(9)), errc{});
  EXPECT_EQ(held.unused(), 3u);
  held.take();
  EXPECT_EQ(held.take().routing, filled<16>(1));
  EXPECT_EQ(held.add(1, token_of(1)), errc{});  // it was used
  EXPECT_EQ(held.unused(), 1u);
}

TEST(HeldTokens, AnAcceptorThatHandsOutTooManyIsRefused) {
  held_tokens held;
  held.begin(token_of(0));
  for (unsigned char n = 1; n < most_tokens; ++n) ASSERT_EQ(held.add(n, token_of(n)), errc{});
  EXPECT_EQ(held.add(most_tokens, token_of(99)), errc::protocol_violation);
  EXPECT_EQ(held.add(std::uint64_t{1} << 60, token_of(99)), errc::protocol_violation);
  EXPECT_EQ(held.unused(), most_tokens);
  held.take();
  EXPECT_EQ(held.add(most_tokens, token_of(99)), errc{});
}

struct issuer {
  issuer() {
    tokens.begin(directory, link_ref{7}, filled<16>(1));
    tokens.refill(random, mint);
  }
  std::map<std::uint64_t, routing_token> sent() {
    std::map<std::uint64_t, routing_token> out;
    while (const auto* e = tokens.owed()) {
      out[e->number] = e->token;
      tokens.told();
    }
    return out;
  }
  drbg random{secret<32>(filled<32>(5))};
  token_mint mint{secret<32>(filled<32>(6)), filled<16>(7), 3, 4};
  token_directory directory;
  issued_tokens tokens;
};

TEST(TokenMint, KnowsItsOwnThoseOfRelativesAndThoseOfNobody) {
  using maker = token_mint::maker;
  drbg random{secret<32>(filled<32>(5))};
  const secret<32> key(filled<32>(6));
  const token_mint mint(key, filled<16>(7), 1, 2);
  const token_mint neighbour(key, filled<16>(7), 0, 2);
  const token_mint gone(key, filled<16>(7), 3, 4);
  const token_mint relative(key, filled<16>(8), 1, 2);
  const token_mint stranger(secret<32>(filled<32>(9)), filled<16>(7), 1, 2);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(mint.maker_of(mint.make(random)), maker::me);
    EXPECT_EQ(mint.maker_of(neighbour.make(random)), maker::relative) << "another loop may know it";
    EXPECT_EQ(mint.maker_of(gone.make(random)), maker::me) << "of a loop that is gone";
    EXPECT_EQ(mint.maker_of(relative.make(random)), maker::relative);
    EXPECT_EQ(mint.maker_of(stranger.make(random)), maker::nobody);
    EXPECT_EQ(mint.loop_of(gone.make(random)), 3);
    EXPECT_EQ(mint.loop_of(relative.make(random)), std::nullopt);
    EXPECT_EQ(mint.loop_of(stranger.make(random)), std::nullopt);
  }
  EXPECT_EQ(mint.loop_of({}), std::nullopt);
}

TEST(TokenMint, OfTwoServersWithOneResetKeyNoneMakesTheOthersResetTokens) {
  drbg random{secret<32>(filled<32>(5))};
  const secret<32> key(filled<32>(6));
  const token_mint mint(key, filled<16>(7), 0, 1);
  const token_mint relative(key, filled<16>(8), 0, 1);
  const auto token = mint.make(random);
  EXPECT_TRUE(mint.reset_of(token) == token_mint(key, filled<16>(7), 2, 3).reset_of(token));
  EXPECT_FALSE(mint.reset_of(token) == relative.reset_of(token));
}

TEST(IssuedTokens, AsManyAsAreSpareAreOutAndFindTheLink) {
  issuer i;
  const auto sent = i.sent();
  EXPECT_EQ(sent.size(), spare_tokens - 1);
  EXPECT_EQ(i.directory.size(), spare_tokens);
  std::set<routing_token> different;
  for (const auto& [number, token] : sent) {
    EXPECT_EQ(i.directory.at(token), link_ref{7});
    EXPECT_EQ(i.mint.loop_of(token), 3);
    EXPECT_EQ(i.mint.maker_of(token), token_mint::maker::me);
    different.insert(token);
  }
  EXPECT_EQ(different.size(), sent.size());
}

TEST(IssuedTokens, AUsedOneIsReplacedAndStillFindsTheLinkForAWhile) {
  issuer i;
  auto sent = i.sent();
  sent[0] = filled<16>(1);
  for (std::uint64_t n = 0; n < 3 * kept_tokens; ++n) {
    ASSERT_EQ(i.tokens.retire(n), errc{});
    i.tokens.refill(i.random, i.mint);
    const auto more = i.sent();
    ASSERT_EQ(more.size(), 1u);
    sent.insert(more.begin(), more.end());
    EXPECT_TRUE(i.directory.contains(sent.at(n)));
    EXPECT_LE(i.directory.size(), kept_tokens + spare_tokens);
  }
  EXPECT_FALSE(i.directory.contains(sent.at(0)));
}

TEST(IssuedTokens, OneThatWasNeverOutCannotBeUsed) {
  issuer i;
  EXPECT_EQ(i.tokens.retire(spare_tokens), errc::protocol_violation);
  EXPECT_EQ(i.tokens.retire(0), errc{});
  EXPECT_EQ(i.tokens.retire(0), errc{});
  i.tokens.refill(i.random, i.mint);
  EXPECT_EQ(i.sent().size(), spare_tokens);
}

TEST(IssuedTokens, ALostOneIsSentAgainUnlessItWasUsed) {
  issuer i;
  const auto first = i.sent();
  i.tokens.owe(2);
  i.tokens.owe(3);
  ASSERT_EQ(i.tokens.retire(3), errc{});
  const auto again = i.sent();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again.at(2), first.at(2));
}

TEST(IssuedTokens, ALostOneThatStillWaitsIsSentOnce) {
  issuer i;
  i.sent();
  i.tokens.owe(2);
  i.tokens.owe(2);
  ASSERT_NE(i.tokens.owed(), nullptr);
  i.tokens.told();
  EXPECT_EQ(i.tokens.owed(), nullptr);
}

TEST(IssuedTokens, AreGoneWithTheirLink) {
  issuer i;
  i.tokens.revoke();
  EXPECT_TRUE(i.directory.empty());
  i.tokens.refill(i.random, i.mint);
  i.tokens.owe(1);
  EXPECT_EQ(i.tokens.owed(), nullptr);
}

/// Hears the first bytes of every carrier of the dialer.
struct listening_pair : direct_pair {
  listening_pair() {
    sealed = true;
    dialer.tamper = [this](carrier_id id, std::deque<std::byte>& data) {
      auto& line = lines[id];
      line.insert(line.end(), data.begin(), data.end());
    };
  }
  std::vector<routing_token> tokens() const {
    std::vector<routing_token> out;
    for (const auto& [id, line] : lines) {
      const auto first = *wire::read_prologue(line);
      if (first->kind == wire::form::attach) out.push_back(first->token);
    }
    return out;
  }
  std::map<carrier_id, bytes> lines;
};

TEST(RoutingTokens, NoTwoAttachesOfALinkHaveAnythingInCommonThatNamesIt) {
  listening_pair w;
  w.connect(3);
  for (int i = 0; i < 12; ++i) {
    w.advance(1s);
    const auto paths = w.dialer.ep.status(w.now, w.link)->paths;
    w.kill(paths.at(static_cast<std::size_t>(i) % 3).carrier);
  }
  w.advance(2s);
  const auto tokens = w.tokens();
  ASSERT_GE(tokens.size(), 14u);
  EXPECT_EQ(std::set(tokens.begin(), tokens.end()).size(), tokens.size());
  const auto link = w.dialer.ep.status(w.now, w.link)->id;
  for (const auto& [id, line] : w.lines) {
    EXPECT_EQ(std::search(line.begin(), line.end(), link.begin(), link.end()), line.end());
  }
}

TEST(RoutingTokens, ADialerWithoutAFreshOneUsesItsLastAndComesBack) {
  listening_pair w;
  w.connect(1);
  w.advance(100ms);
  w.refuse_dials = true;
  w.kill(w.dialer.ep.status(w.now, w.link)->paths.at(0).carrier);
  w.refuse_dials = false;
  // Every attach is swallowed before the acceptor sees it.
  const auto swallow = w.dialer.tamper;
  w.dialer.tamper = [&](carrier_id id, std::deque<std::byte>& data) {
    swallow(id, data);
    data.clear();
  };
  w.advance(30s);
  w.dialer.tamper = swallow;
  w.advance(10s);
  const auto tokens = w.tokens();
  ASSERT_GT(tokens.size(), spare_tokens + 1);
  EXPECT_EQ(std::set(tokens.begin(), tokens.end()).size(), spare_tokens);
  EXPECT_TRUE(w.dialer.ep.status(w.now, w.link)->paths.at(0).phase == path_phase::active ||
              w.dialer.ep.status(w.now, w.link)->paths.at(0).phase == path_phase::standby);
}

TEST(RoutingTokens, NoneIsToldWhereOthersCanReadIt) {
  listening_pair w;
  w.sealed = false;
  w.traits.loopback = false;
  w.traits.take_plaintext = true;
  w.connect(2);
  w.advance(5s);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.at(0).paths.size(), 2u) << "none is waited for";
  w.kill(w.dialer.ep.status(w.now, w.link)->paths.at(1).carrier);
  w.advance(5s);
  const auto tokens = w.tokens();
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0], tokens[1]) << "that of the HELLO_ACK, which was encrypted";
  EXPECT_EQ(w.dialer.ep.status(w.now, w.link)->paths.at(1).phase, path_phase::standby);
}

TEST(RoutingTokens, OnlyTheAcceptorHandsThemOut) {
  for (const bool from_dialer : {true, false}) {
    SCOPED_TRACE(from_dialer);
    direct_pair w;  // in plaintext, so that a frame can be put in
    w.connect(2);
    w.advance(200ms);
    auto& from = from_dialer ? w.dialer : w.acceptor;
    auto& to = w.other(from);
    const auto at = from_dialer ? w.acceptor.ep.status(w.now).links.at(0).paths.at(0).carrier
                                : w.dialer.ep.status(w.now, w.link)->paths.at(0).carrier;
    slab_pool pool;
    outbound out;
    record_writer record(out, pool, 5000, 1000);
    ASSERT_TRUE(from_dialer ? record.put(wire::new_token{1, filled<16>(1), filled<32>(1)})
                            : record.put(wire::retire_token{0}));
    record.finish();
    bytes data;
    for (const auto piece : out.pieces()) data.insert(data.end(), piece.begin(), piece.end());
    w.inject(to, at, data);
    w.advance(100ms);
    const auto status =
        from_dialer ? w.acceptor.ep.status(w.now).links.at(0) : *w.dialer.ep.status(w.now, w.link);
    EXPECT_EQ(status.paths.at(0).deaths, 1u);
    EXPECT_TRUE(status.up);
    out.transmitted(data.size(), [](const outbound::finished&) {});
  }
}

}  // namespace
}  // namespace rendr::engine::test
