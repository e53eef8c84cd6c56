// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/golden.hpp"
#include "wire/handshake.hpp"
#include "wire/varint.hpp"

namespace rendr::wire {
namespace {

using golden::from_hex;
using golden::to_hex;

bool refused(bytes_view payload) {
  const auto m = decode_handshake(payload);
  return !m && m.error() == errc::protocol_violation;
}

class message_source {
 public:
  explicit message_source(std::uint64_t seed) : random_(seed), noise_(2000) {
    for (auto& b : noise_) b = static_cast<std::byte>(random_() & 0xff);
  }

  handshake_message next() {
    switch (random_() % 8) {
      case 0:
        return hello{
            array<16>(), array<16>(), random_(), random_(),
            number(),    guarded(),   number(),  static_cast<hello_pattern>(random_() & 0xff),
            noise()};
      case 1:
        return hello_ack{array<16>(), array<16>(), array<16>(), random_(),
                         number(),    array<16>(), noise()};
      case 2:
        return attach{number(), number(), number(), guarded(), array<16>(), array<32>()};
      case 3:
        return challenge{number(), array<16>(), array<16>(), array<32>()};
      case 4:
        return attach_ack{number(), array<32>()};
      case 5:
        return ask{static_cast<hello_pattern>(random_() & 0xff), noise()};
      case 6:
        return answer{noise()};
      default:
        return refuse{number(), random_(), array<16>(), array<32>(),
                      as_text(noise().first(std::min(noise().size(), max_refuse_reason)))};
    }
  }

 private:
  std::uint64_t number() { return (random_() & max_varint) >> (random_() % 62); }
  guard guarded() { return random_() % 2 == 0 ? guard::checksum : guard::sealed; }
  bytes_view noise() {
    return bytes_view(noise_).subspan(random_() % 900).first(max_refuse_reason + random_() % 700);
  }
  template <std::size_t N>
  byte_array<N> array() {
    byte_array<N> out;
    for (auto& b : out) b = static_cast<std::byte>(random_() & 0xff);
    return out;
  }

  std::mt19937_64 random_;
  bytes noise_;
};

TEST(HandshakeMessages, ComeBackAsTheyWereSent) {
  message_source source(31);
  for (int i = 0; i < 5000; ++i) {
    const auto sent = source.next();
    const auto wire = encode(sent);
    ASSERT_FALSE(wire.empty());
    const auto back = decode_handshake(wire);
    ASSERT_TRUE(back) << to_hex(wire);
    ASSERT_EQ(back->index(), sent.index());
    ASSERT_EQ(to_hex(encode(*back)), to_hex(wire));
  }
}

TEST(HandshakeMessages, KeepEachFieldInItsPlace) {
  const auto wire = golden::find("handshake_hello");
  const auto m = decode_handshake(wire);
  ASSERT_TRUE(m);
  const auto& h = std::get<hello>(*m);
  EXPECT_EQ(to_hex(h.link_nonce), "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(to_hex(h.instance), "101112131415161718191a1b1c1d1e1f");
  EXPECT_EQ(h.required, 0u);
  EXPECT_EQ(h.optional, 5u);
  EXPECT_EQ(h.leaf, 1u);
  EXPECT_EQ(h.guarded, guard::sealed);
  EXPECT_EQ(h.grace_ms, 90000u);
  EXPECT_EQ(h.pattern, hello_pattern::nn_psk0);
  EXPECT_EQ(h.noise.size(), 32u);
  EXPECT_EQ(h.noise.data() + h.noise.size(), wire.data() + wire.size()) << "a view, not a copy";
}

TEST(HandshakeMessages, CutAnywhereAreRefused) {
  for (const auto& v : golden::handshakes) {
    const auto wire = from_hex(v.hex);
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
      ASSERT_TRUE(refused(bytes_view(wire).first(cut))) << v.name << " at " << cut;
    }
  }
}

TEST(HandshakeMessages, WithTrailingBytesAreRefused) {
  for (const auto& v : golden::handshakes) {
    auto wire = from_hex(v.hex);
    EXPECT_FALSE(refused(wire)) << v.name;
    wire.push_back(std::byte{0});
    EXPECT_TRUE(refused(wire)) << v.name;
  }
}

TEST(HandshakeMessages, OfUnknownTypesAreRefused) {
  for (int type = 0; type < 256; ++type) {
    if (type >= 1 && type <= 8) continue;
    auto wire = golden::find("handshake_hello");
    wire[0] = static_cast<std::byte>(type);
    EXPECT_TRUE(refused(wire)) << type;
  }
}

TEST(HandshakeMessages, WithAnUnknownGuardAreRefused) {
  const std::size_t of_hello = 1 + 16 + 16 + 8 + 8 + 1;
  const std::size_t of_attach = 1 + 1 + 1 + 1;
  for (const auto& [name, at] :
       {std::pair("handshake_hello", of_hello), std::pair("handshake_attach", of_attach)}) {
    auto wire = golden::find(name);
    ASSERT_EQ(wire[at], std::byte{1}) << name;
    wire[at] = std::byte{0};
    EXPECT_FALSE(refused(wire)) << name;
    wire[at] = std::byte{2};
    EXPECT_TRUE(refused(wire)) << name;
  }
}

TEST(HandshakeMessages, TakeTheShortestFormOfNumbers) {
  const std::string proof(64, '0');
  EXPECT_FALSE(refused(from_hex("05 01" + proof)));
  EXPECT_TRUE(refused(from_hex("05 4001" + proof)));
  EXPECT_TRUE(refused(from_hex("05 80000001" + proof)));
}

TEST(HandshakeMessages, BoundTheNoiseMessage) {
  const bytes noise(max_noise_message + 1, std::byte{'n'});
  hello h;
  h.noise = bytes_view(noise).first(max_noise_message);
  const auto most = encode(h);
  EXPECT_FALSE(refused(most));
  h.noise = noise;
  EXPECT_TRUE(encode(h).empty());
  hello_ack a;
  a.noise = noise;
  EXPECT_TRUE(encode(a).empty());

  // The same message with one byte more, and its length (2 bytes before the Noise message) raised.
  auto more = most;
  more.push_back(std::byte{'n'});
  more[more.size() - noise.size() - 1] |= std::byte{1};
  EXPECT_TRUE(refused(more));
}

TEST(HandshakeMessages, BoundTheReasonOfARefusal) {
  const std::string reason(max_refuse_reason + 1, 'r');
  refuse r;
  r.reason = std::string_view(reason).substr(1);
  const auto most = encode(r);
  EXPECT_FALSE(refused(most));
  r.reason = reason;
  EXPECT_TRUE(encode(r).empty());
  auto more = most;
  more.push_back(std::byte{'r'});
  more[more.size() - reason.size() - 1] |= std::byte{1};
  EXPECT_TRUE(refused(more));
}

TEST(HandshakeMessages, SayForeverByTheGreatestGrace) {
  hello h;
  h.grace_ms = grace_forever_ms;
  const auto wire = encode(h);
  const auto back = decode_handshake(wire);
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<hello>(*back).grace_ms, grace_forever_ms);
  h.grace_ms = grace_forever_ms + 1;
  EXPECT_TRUE(encode(h).empty());
}

TEST(HandshakeMessages, WithANumberBeyondTheFormatAreNotEncoded) {
  attach a;
  a.path = max_varint + 1;
  EXPECT_TRUE(encode(a).empty());
}

}  // namespace
}  // namespace rendr::wire
