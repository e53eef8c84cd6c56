// SPDX-License-Identifier: Apache-2.0
// What may wait at the door before it has proved anything, and who gives way.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "engine/door/handshake.hpp"
#include "engine/door/source_table.hpp"
#include "engine/endpoint.hpp"
#include "engine/record/record_writer.hpp"
#include "support/direct_pair.hpp"
#include "wire/record.hpp"

namespace {
std::size_t heap_bytes = 0;
}

// Counts what this program holds on the heap.
void* operator new(std::size_t size) {
  auto* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  heap_bytes += malloc_usable_size(p);
  return p;
}
void operator delete(void* p) noexcept {
  heap_bytes -= p == nullptr ? 0 : malloc_usable_size(p);
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

namespace rendr::engine::test {
namespace {

carrier_traits from(std::string remote, bool loopback = false) {
  carrier_traits t;
  t.remote = std::move(remote);
  t.loopback = loopback;
  return t;
}

bytes prologue(wire::form form, const routing_token& token = {}) {
  std::array<std::byte, wire::prologue_size> first{};
  wire::write_prologue({form, wire::version, token}, first);
  return {first.begin(), first.end()};
}

bytes record(const wire::handshake_message& message) {
  bytes out;
  append_handshake(out, 0, wire::encode(message), nullptr);
  return out;
}

// An acceptor at whose door things wait; the dialer of the pair is honest.
struct door {
  explicit door(const endpoint_config& there = direct_pair::config(2, true))
      : w(direct_pair::config(1, false), there) {
    w.acceptor.tamper = [this](carrier_id id, std::deque<std::byte>& data) {
      if (std::exchange(hold_first, false)) w.hold(w.acceptor, id);
      if (listening) said.assign(data.begin(), data.end());
    };
  }
  bool waits(carrier_id id) {
    const bool out = !w.acceptor.ep.receive_buffer(id).empty();
    w.acceptor.ep.received(w.now, id, 0);  // the look took a slab
    return out;
  }
  std::optional<carrier_id> come(std::string remote, bool loopback = false) {
    return w.acceptor.ep.accepted(w.now, from(std::move(remote), loopback));
  }
  carrier_id begin(std::string remote, wire::form form, const wire::handshake_message& message) {
    const auto id = *come(std::move(remote));
    w.inject(w.acceptor, id, prologue(form, form == wire::form::attach ? token : routing_token{}));
    w.inject(w.acceptor, id, record(message));
    w.settle();
    return id;
  }
  carrier_id say_hello(std::string remote) {
    byte_array<32> raw{};
    raw[0] = static_cast<std::byte>(++hellos);
    raw[1] = static_cast<std::byte>(hellos >> 8);
    drbg random{secret<32>(raw)};
    const dialer_hello hello({{std::byte{9}}, 0, 0, wire::grace_forever_ms}, {}, random);
    return begin(std::move(remote), wire::form::hello, hello.message({0}));
  }
  std::size_t waiting() { return w.acceptor.ep.status(w.now).handshakes; }

  direct_pair w;
  unsigned hellos = 0;
  routing_token token{};    ///< before attaches
  bool hold_first = false;  ///< what it says first waits
  bool listening = false;
  bytes said;  ///< by the acceptor, the last time
};

// A dialer by hand, whose link is up.
struct keyed {
  explicit keyed(door& d) : at(d) {
    const hello_offer self{{std::byte{5}}, 0, 0, wire::grace_forever_ms};
    dialer_hello hello(self, {}, random);
    at.listening = true;
    const auto id = at.begin("192.0.2.9:1", wire::form::hello, hello.message({0}));
    at.listening = false;
    const auto answer = wire::read_record(bytes_view(at.said).subspan(wire::prologue_size));
    const auto message = wire::decode_handshake((*answer)->payload);
    agreement = *hello.accept(std::get<wire::hello_ack>(*message));
    at.token = agreement.token;
    ends = {self.instance, agreement.peer, 0};
    at.w.inject(at.w.acceptor, id, record(make_confirm(agreement.keys, ends, {0}, {}).ack));
    at.w.settle();
  }
  wire::attach attach(std::uint64_t path) {
    return dialer_attach(agreement.keys, ends, path, {1}, {}, random).message();
  }

  door& at;
  drbg random{secret<32>(byte_array<32>{})};
  link_agreement agreement;
  link_ends ends;
};

TEST(Door, ASourceWithTooManyGivesUpItsOwnOldest) {
  door d;
  const auto honest = *d.come("198.51.100.7:1");
  std::vector<carrier_id> flood;
  for (int i = 0; i < 1'000; ++i)
    flood.push_back(*d.come("192.0.2.1:" + std::to_string(1'000 + i)));
  d.w.settle();
  EXPECT_TRUE(d.waits(honest));
  EXPECT_EQ(d.waiting(), 1 + defaults::handshakes / defaults::sources_at_once);
  EXPECT_FALSE(d.waits(flood.front())) << "the oldest go";
  EXPECT_TRUE(d.waits(flood.back())) << "the newest may still prove itself";
}

TEST(Door, WhoHasTheMostMakesRoomForTheOthers) {
  door d;
  const auto honest = *d.come("198.51.100.7:1");
  for (int source = 0; source < 8; ++source) {
    for (int i = 0; i < 250; ++i)
      d.come("192.0.2." + std::to_string(source) + ":" + std::to_string(i));
  }
  d.w.settle();
  EXPECT_TRUE(d.waits(honest));
  EXPECT_LE(d.waiting(), defaults::handshakes);
}

TEST(Door, OfManySourcesTheOldestGoes) {
  door d;
  std::vector<carrier_id> flood;
  for (int i = 0; i < 2'000; ++i)
    flood.push_back(
        *d.come("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":9"));
  d.w.settle();
  EXPECT_EQ(d.waiting(), defaults::handshakes);
  EXPECT_FALSE(d.waits(flood[0]));
  EXPECT_TRUE(d.waits(flood.back()));
}

TEST(Door, BehindALocalProxyEverybodyHasTheWholeDoor) {
  door d;
  const auto first = *d.come("127.0.0.1:1", true);
  for (std::size_t i = 1; i < defaults::handshakes; ++i) d.come("127.0.0.1:2", true);
  d.w.settle();
  EXPECT_EQ(d.waiting(), defaults::handshakes);
  EXPECT_TRUE(d.waits(first));
}

/// A door that demands a pre-shared key.
endpoint_config with_key() {
  auto there = direct_pair::config(2, true);
  there.accept_credentials.psk = secret_key(byte_array<32>{std::byte{7}});
  return there;
}

/// Somebody at that door who holds the key.
struct login {
  login(door& at, int number, drbg& random)
      : ends{{std::byte{static_cast<unsigned char>(number + 1)}}, {}, 0},
        hello({ends.dialer, 0, 0, wire::grace_forever_ms},
              hello_keys(with_key().accept_credentials), random) {
    at.listening = true;
    id = at.begin("192.0.2.1:" + std::to_string(number), wire::form::hello, hello.message({0}));
    at.listening = false;
    answer = at.said;
  }
  void confirm(door& at) {
    const auto heard = wire::read_record(bytes_view(answer).subspan(wire::prologue_size));
    const auto message = wire::decode_handshake((*heard)->payload);
    const auto agreement = hello.accept(std::get<wire::hello_ack>(*message));
    ASSERT_TRUE(agreement);
    ends.acceptor = agreement->peer;
    at.w.inject(at.w.acceptor, id, record(make_confirm(agreement->keys, ends, {0}, {}).ack));
    at.w.settle();
  }

  link_ends ends;
  dialer_hello hello;
  carrier_id id{};
  bytes answer;
};

// Strangers of the same host come before, between and after: an address is shared, a key is not.
TEST(Door, AHundredAndFiftyLoginsOfOneHostAtOnceSucceedThoughStrangersFloodFromIt) {
  door d(with_key());
  drbg random{secret<32>(byte_array<32>{})};
  const auto flood = [&d](int strangers) {
    for (int i = 0; i < strangers; ++i) d.come("192.0.2.1:" + std::to_string(40'000 + i));
    d.w.settle();
  };
  std::deque<login> logins;
  for (int i = 0; i < 150; ++i) {
    logins.emplace_back(d, i, random);
    flood(20);
  }
  EXPECT_EQ(d.waiting(), 150 + defaults::handshakes / defaults::sources_at_once);
  flood(1'000);
  for (auto& one : logins) one.confirm(d);
  EXPECT_EQ(d.w.acceptor.ep.status(d.w.now).links.size(), 150u);
}

TEST(Door, ARecordedHelloIsGoodForAFewPlacesAlone) {
  door d(with_key());
  drbg random{secret<32>(byte_array<32>{})};
  const login first(d, 0, random);
  for (int i = 0; i < 1'000; ++i)
    d.begin("192.0.2.1:" + std::to_string(i), wire::form::hello, first.hello.message({0}));
  EXPECT_EQ(d.waiting(), 4 + defaults::handshakes / defaults::sources_at_once);
  EXPECT_TRUE(d.waits(first.id));
}

TEST(Door, WithoutAKeyEverybodyStaysAStranger) {
  door d;
  for (int i = 0; i < 600; ++i) d.say_hello("192.0.2.1:" + std::to_string(i));
  EXPECT_EQ(d.waiting(), defaults::handshakes / defaults::sources_at_once);
}

TEST(Door, AFloodOfHellosFromOneSourceDoesNotEvictAnothersHello) {
  door d;
  // The honest dialer's answer is under way while the flood comes.
  d.hold_first = true;
  d.w.connect(1);
  d.w.settle();
  ASSERT_EQ(d.w.acceptor.held.size(), 1u);
  for (int i = 0; i < 600; ++i) d.say_hello("192.0.2.1:" + std::to_string(i));
  d.w.release(d.w.acceptor, d.w.acceptor.held.begin()->first);
  d.w.advance(1s);
  EXPECT_EQ(direct_pair::all<event::link_up>(d.w.acceptor).size(), 1u);
  EXPECT_EQ(direct_pair::all<event::link_up>(d.w.dialer).size(), 1u);
}

TEST(Door, AFloodOfSilentCarriersDoesNotKeepAnybodyOut) {
  door d;
  for (int i = 0; i < 1'000; ++i) d.come("10.1.1." + std::to_string(i % 250) + ":7");
  d.w.connect(2);
  d.w.advance(1s);
  const auto status = d.w.acceptor.ep.status(d.w.now);
  ASSERT_EQ(status.links.size(), 1u);
  EXPECT_EQ(status.links[0].paths.size(), 2u);
  d.w.advance(10s);
  EXPECT_EQ(d.waiting(), 0u) << "nobody has longer than the handshake time";
}

TEST(Door, WhatWaitsForItsProofIsHeldToAFewBytes) {
  door d;
  const auto before = d.w.acceptor.ep.slab_bytes();
  std::vector<carrier_id> flood;
  for (int i = 0; i < 250; ++i) {
    const auto id = *d.come("10.1.1." + std::to_string(i) + ":7");
    d.w.inject(d.w.acceptor, id, prologue(wire::form::hello));
    // A record of 60 KiB is announced, and all of it but the last byte is sent.
    bytes head{std::byte{0}, std::byte{0xf0}, std::byte{0}, std::byte{0}, std::byte{0}};
    head.resize(2'000);
    d.w.inject(d.w.acceptor, id, head);
    flood.push_back(id);
  }
  d.w.settle();
  EXPECT_LE(d.w.acceptor.ep.slab_bytes(), before + 250 * 4'096u);
  for (const auto id : flood) {
    d.w.inject(d.w.acceptor, id, bytes(1'000));
    d.w.settle();
    EXPECT_FALSE(d.waits(id)) << "more than a handshake message is long";
  }
  EXPECT_EQ(d.w.acceptor.ep.slab_bytes(), before);
}

// A driver that keeps nothing itself: what is held on the heap is the engine's.
void drive(endpoint& ep, instant now) {
  while (ep.poll_event()) {
  }
  while (const auto id = ep.next_transmit()) {
    std::size_t n = 0;
    for (const auto piece : ep.poll_transmit(now, *id, 65'536)) n += piece.size();
    ep.transmitted(now, *id, n);
  }
}

void hand_over(endpoint& ep, instant now, carrier_id id, bytes_view data) {
  const auto room = ep.receive_buffer(id);
  ASSERT_GE(room.size(), data.size());
  std::copy(data.begin(), data.end(), room.begin());
  ep.received(now, id, data.size());
  drive(ep, now);
}

TEST(Door, AnAttachWithoutAProofHoldsNothing) {
  door d;
  keyed k(d);
  auto& ep = d.w.acceptor.ep;
  auto forged = k.attach(7);
  forged.mac[3] ^= std::byte{1};
  auto said = prologue(wire::form::attach, d.token);
  const auto message = record(forged);
  said.insert(said.end(), message.begin(), message.end());
  const auto traits = from("192.0.2.1:7");
  const auto refused = [&] { hand_over(ep, d.w.now, *ep.accepted(d.w.now, traits), said); };
  for (int i = 0; i < 100; ++i) refused();  // what queues and pools keep for reuse
  const auto before = heap_bytes;
  for (int i = 0; i < 200; ++i) refused();
  const auto held = heap_bytes - std::min(heap_bytes, before);
  EXPECT_EQ(d.waiting(), 0u);
  EXPECT_LE(held, 1'024u) << "by 200 attaches that did not verify";
  EXPECT_EQ(d.w.acceptor.ep.status(d.w.now).links.size(), 1u);
}

TEST(Door, AChallengeHoldsNothingBesideItsCarrier) {
  door d;
  keyed k(d);
  auto& ep = d.w.acceptor.ep;
  constexpr std::size_t many = 60;
  std::vector<carrier_id> carriers;
  std::vector<bytes> messages;
  for (std::size_t i = 0; i < many; ++i) {
    carriers.push_back(*d.come("10.1.2." + std::to_string(i) + ":7"));
    hand_over(ep, d.w.now, carriers.back(), prologue(wire::form::attach, d.token));
    messages.push_back(record(k.attach(100 + i)));
  }
  hand_over(ep, d.w.now, carriers[0], messages[0]);  // what queues and pools keep for reuse
  const auto before = heap_bytes;
  for (std::size_t i = 1; i < many; ++i) hand_over(ep, d.w.now, carriers[i], messages[i]);
  const auto held = heap_bytes - std::min(heap_bytes, before);
  std::printf("a challenge holds %zu bytes of heap beside its carrier\n", held / (many - 1));
  EXPECT_EQ(d.waiting(), many);
  EXPECT_LE(held / (many - 1), 48u) << "the places of one piece and one mark in its output";
  EXPECT_EQ(d.w.acceptor.ep.slab_bytes(), 0u);
}

TEST(Door, HellosThatNobodyConfirmsAreBounded) {
  door d;
  auto& ep = d.w.acceptor.ep;
  drbg random{secret<32>(byte_array<32>{})};
  const auto flood = [&](std::size_t hellos) {
    for (std::size_t i = 0; i < hellos; ++i) {
      const dialer_hello hello({{std::byte{9}}, 0, 0, wire::grace_forever_ms}, {}, random);
      auto said = prologue(wire::form::hello);
      const auto message = record(hello.message({0}));
      said.insert(said.end(), message.begin(), message.end());
      const auto id = *ep.accepted(d.w.now, from("10.1.2." + std::to_string(i % 250) + ":7"));
      hand_over(ep, d.w.now, id, said);
      ep.path_down(d.w.now, id, std::make_error_code(std::errc::connection_reset), "");
      drive(ep, d.w.now);
    }
  };
  flood(2 * defaults::handshakes);  // all that are kept, and what queues and pools keep for reuse
  const auto before = heap_bytes;
  flood(2 * defaults::handshakes);
  const auto held = heap_bytes - std::min(heap_bytes, before);
  EXPECT_EQ(d.waiting(), 0u);
  EXPECT_LE(held, 16'384u) << "by 512 more of them";
}

TEST(Door, APathIdHasOneChallengeAtATime) {
  door d;
  keyed k(d);
  const auto recorded = k.attach(7);
  const auto first = d.begin("192.0.2.9:2", wire::form::attach, recorded);
  for (int i = 0; i < 20; ++i) {
    d.begin("10.1.2." + std::to_string(i) + ":7", wire::form::attach, recorded);
    EXPECT_EQ(d.waiting(), 1u);
  }
  EXPECT_TRUE(d.waits(first));
}

TEST(Door, ALinkHasAsManyChallengesAsItMayHavePaths) {
  door d;
  keyed k(d);
  for (std::uint64_t i = 0; i < 200; ++i)
    d.begin("10.1.2." + std::to_string(i) + ":7", wire::form::attach, k.attach(100 + i));
  EXPECT_EQ(d.waiting(), defaults::paths_per_link);
}

TEST(SourceKey, IsTheHostOrTheNetworkThatOneHolderHas) {
  EXPECT_EQ(source_key("192.0.2.7:41830"), "192.0.2.7");
  EXPECT_EQ(source_key("[2001:db8:1:2:3:4:5:6]:41830"), source_key("[2001:db8:1:2::9]:1"));
  EXPECT_EQ(source_key("[2001:db8::1]:80"), source_key("[2001:db8:0:0:ffff::]:81"));
  EXPECT_NE(source_key("[2001:db8:0:1::1]:80"), source_key("[2001:db8:0:2::1]:80"));
  EXPECT_EQ(source_key("[2001::1:2:3:4:5:6]:1"), source_key("[2001:0:1:2::]:1"));
  EXPECT_EQ(source_key("[::1]:1"), source_key("[::2]:1"));
  EXPECT_EQ(source_key("[::ffff:192.0.2.7]:41830"), source_key("192.0.2.7:1"));
  EXPECT_EQ(source_key("unix"), "unix");
  EXPECT_EQ(source_key(""), "");
}

// The confirmation is under way when somebody says on another path that the link is unknown.
TEST(Door, AForgedUnknownLinkBeforeTheConfirmationEndsOneDial) {
  direct_pair w;
  std::map<carrier_id, int> said;
  w.dialer.tamper = [&](carrier_id id, std::deque<std::byte>&) {
    if (++said[id] == 2 && w.dialer.held.empty()) w.hold(w.dialer, id);
  };
  unsigned forged = 0;
  w.acceptor.tamper = [&](carrier_id, std::deque<std::byte>& data) {
    if (std::to_integer<int>(data.front()) != static_cast<int>(wire::form::attach)) return;
    wire::refuse no;
    no.code = static_cast<std::uint64_t>(errc::refused);
    no.reason = "this link is not known here";
    if (++forged % 2 == 0) no.reset_token.fill(std::byte{7});
    auto lie = prologue(wire::form::attach);
    const auto rest = record(no);
    lie.insert(lie.end(), rest.begin(), rest.end());
    data.assign(lie.begin(), lie.end());
  };
  const auto link = w.connect(2);
  w.settle();
  ASSERT_EQ(w.dialer.held.size(), 1u);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  ASSERT_TRUE(w.dialer.ep.write(w.now, flow, as_bytes("once")));
  const auto id = w.dialer.ep.status(w.now, link)->id;
  w.advance(400ms);
  EXPECT_GE(forged, 2u);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->id, id);
  w.acceptor.tamper = nullptr;
  w.release(w.dialer, w.dialer.held.begin()->first);
  w.advance(5s);
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->id, id);
  ASSERT_EQ(w.acceptor.ep.status(w.now).links.size(), 1u);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links[0].id, id);
  const auto there = direct_pair::all<event::incoming_flow>(w.acceptor);
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(w.read_all(w.acceptor, there[0].flow), "once");
}

TEST(Door, WhoIsTurnedAwayIsToldWithHisAddressAndTheReason) {
  door d;
  const auto told = [&] { return direct_pair::all<event::stranger_refused>(d.w.acceptor); };
  const auto web = *d.come("192.0.2.7:41830");
  d.w.inject(d.w.acceptor, web, as_bytes("GET / HTTP/1.1\r\n\r\n"));
  d.w.settle();
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].remote, "192.0.2.7:41830");
  EXPECT_EQ(told()[0].code, errc::protocol_violation);
  EXPECT_EQ(told()[0].reason, "the first bytes are not rendr's");
  ASSERT_TRUE(d.come("192.0.2.8:1"));
  d.w.advance(defaults::handshake_timeout + 1ms);
  ASSERT_EQ(told().size(), 2u);
  EXPECT_EQ(told()[1].remote, "192.0.2.8:1");
  EXPECT_EQ(told()[1].code, errc::timed_out);
}

}  // namespace
}  // namespace rendr::engine::test
