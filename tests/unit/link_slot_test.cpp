// SPDX-License-Identifier: Apache-2.0
// A client that was killed and links anew ends what it left behind, and nothing else.
#include <gtest/gtest.h>

#include "support/direct_pair.hpp"
#include "support/hex.hpp"
#include "support/servers_and_clients.hpp"
#include "wire/record.hpp"

namespace rendr::engine::test {
namespace {

/// One server, and clients of one key that come one after the other.
struct stage : servers_and_clients {
  explicit stage(const endpoint_config& config = server_config()) { serve(config); }
  client& start(std::uint8_t n, std::optional<byte_array<16>> slot,
                credentials keys = shared_key()) {
    return servers_and_clients::start(client_config(n, slot), std::move(keys));
  }
};

const byte_array<16> slot = filled<16>(0x51);

TEST(LinkSlot, ADeadLinkEndsAtOnceWhenItsClientLinksAnew) {
  stage s;
  auto& first = s.start(1, slot);
  s.advance(2s);
  s.kill(first, true);
  s.advance(1s);
  ASSERT_EQ(s.living(), 1u);
  s.start(2, slot);
  s.advance(10ms);
  EXPECT_EQ(s.ended(), 1u);
  EXPECT_EQ(s.living(), 1u);
  s.advance(10min);
  EXPECT_EQ(s.living(), 1u);
}

TEST(LinkSlot, AfterFiveKilledClientsNoneIsLeftButTheLivingOne) {
  stage s;
  for (std::uint8_t n = 1; n <= 5; ++n) {
    auto& c = s.start(n, slot);
    s.advance(1s);
    s.kill(c, true);
  }
  s.start(6, slot);
  s.advance(1s);
  EXPECT_EQ(s.ended(), 5u);
  EXPECT_EQ(s.living(), 1u);
}

// Its end is not known yet: it is seen when nobody answers.
TEST(LinkSlot, ADeadLinkThatLooksAliveEndsWhenItIsSeen) {
  stage s;
  auto& first = s.start(1, slot);
  s.advance(2s);
  s.kill(first, false);
  s.start(2, slot);
  s.advance(10ms);
  EXPECT_EQ(s.ended(), 0u);
  s.advance(60s);
  EXPECT_EQ(s.ended(), 1u);
  EXPECT_EQ(s.living(), 1u);
}

TEST(LinkSlot, ALivingLinkOfTheSlotStays) {
  stage s;
  s.start(1, slot);
  s.advance(2s);
  s.start(2, slot);
  s.advance(10min);
  EXPECT_EQ(s.ended(), 0u);
  EXPECT_EQ(s.living(), 2u);
}

// `--loops`: each loop of a client has a link of its own.
TEST(LinkSlot, LinksOfOneProcessNeverEndEachOther) {
  stage s;
  auto& first = s.start(1, slot);
  s.advance(2s);
  s.kill(first, true);
  s.start(1, slot);
  s.advance(2s);
  EXPECT_EQ(s.ended(), 0u);
}

// The client's links may stand on different loops of the server.
TEST(LinkSlot, WhatOneLoopHearsTheOthersAreTold) {
  auto config = stage::server_config();
  config.loops = 2;
  stage s(config);
  auto other = config;
  other.loop = 1;
  other.secret_seed[1] = std::byte{1};
  s.serve(other);
  auto& first = s.start(1, slot);
  s.advance(2s);
  s.kill(first, true);
  s.route = [] { return std::size_t{1}; };
  s.start(2, slot);
  s.advance(1s);
  ASSERT_EQ(s.living(1), 1u);
  const auto claims = stage::all<event::slot_claimed>(s.servers[1]->events);
  ASSERT_EQ(claims.size(), 1u);
  s.servers[0]->ep->give_way(s.now, claims[0]);
  s.advance(10ms);
  EXPECT_EQ(s.ended(0), 1u);
  s.servers[1]->ep->give_way(s.now, stage::all<event::slot_claimed>(s.servers[0]->events).at(0));
  s.advance(1s);
  EXPECT_EQ(s.ended(1), 0u) << "the older one changes nothing for the newer one";
}

TEST(LinkSlot, AnotherSlotEndsNothingAndNoneEndsNothing) {
  for (const bool none : {false, true}) {
    stage s;
    auto& first = s.start(1, slot);
    s.advance(2s);
    s.kill(first, true);
    s.start(2, none ? std::nullopt : std::optional(filled<16>(0x52)));
    s.advance(60s);
    EXPECT_EQ(s.ended(), 0u);
  }
}

credentials own_key(std::uint8_t n, const secret_key& server) {
  credentials keys;
  keys.own_key.emplace(filled<32>(n));
  keys.peer_key = public_key_of(server);
  return keys;
}

TEST(LinkSlot, AnotherKeyWithTheSameSlotEndsNothing) {
  const secret_key server_key(filled<32>(0x22));
  auto config = stage::server_config();
  config.accept_credentials = {};
  config.accept_credentials.own_key.emplace(filled<32>(0x22));
  stage s(config);
  auto& first = s.start(1, slot, own_key(3, server_key));
  s.advance(2s);
  ASSERT_EQ(s.living(), 1u);
  s.kill(first, true);
  s.start(2, slot, own_key(4, server_key));
  s.advance(60s);
  EXPECT_EQ(s.ended(), 0u);
  s.start(3, slot, own_key(3, server_key));
  s.advance(1s);
  EXPECT_EQ(s.ended(), 1u);
}

TEST(LinkSlot, WithoutAKeyThereIsNone) {
  auto config = stage::server_config();
  config.accept_credentials = {};
  stage s(config);
  auto& first = s.start(1, slot, {});
  s.advance(2s);
  ASSERT_EQ(s.living(), 1u);
  s.kill(first, true);
  s.start(2, slot, {});
  s.advance(60s);
  EXPECT_EQ(s.ended(), 0u);
}

bytes record_of(std::uint64_t number, bytes_view payload) {
  std::array<std::byte, wire::max_record_head> head{};
  const auto n =
      wire::write_record_head(wire::record_kind::frames, false, number, payload.size(), head);
  const std::array<bytes_view, 2> pieces{bytes_view(head).first(n), payload};
  const auto crc = wire::record_crc(pieces);
  bytes out(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
  out.insert(out.end(), payload.begin(), payload.end());
  out.insert(out.end(), crc.begin(), crc.end());
  return out;
}

// The acceptor of a link with no key is told a slot in its records.
TEST(LinkSlot, AnOwnerThatWasNotProvenEndsThePath) {
  direct_pair w;
  w.connect(1);
  w.advance(1s);
  bool spoiled = false;
  w.dialer.tamper = [&](carrier_id, std::deque<std::byte>& data) {
    if (spoiled) return;
    const bytes copy(data.begin(), data.end());
    const auto record = wire::read_record(copy);
    if (!record || !*record || (**record).kind != wire::record_kind::frames) return;
    bytes frame(32);
    std::size_t used = 0;
    ASSERT_TRUE(wire::append(wire::link_slot{wire::slot_owner::pre_shared_key, slot}, frame, used));
    frame.resize(used);
    const auto whole = record_of((**record).number, frame);
    data.assign(whole.begin(), whole.end());
    spoiled = true;
  };
  w.advance(30s);
  ASSERT_TRUE(spoiled);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.at(0).paths.at(0).deaths, 1u);
}

}  // namespace
}  // namespace rendr::engine::test
