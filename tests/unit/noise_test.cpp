// SPDX-License-Identifier: Apache-2.0
#include "engine/noise.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/hex.hpp"

namespace rendr::engine::noise {
namespace {

using test::filled;
using test::from_hex;
using test::to_hex;

secret<32> secret_of(std::string_view hex) { return secret<32>(from_hex<32>(hex)); }

struct message {
  const char* payload;
  const char* sealed;
};

/// Messages 0 and 1 are the handshake; then the initiator and the responder write in turn.
struct vector {
  const char* origin;
  const char* prologue;
  const char* initiator;
  const char* responder;
  const char* hash;  ///< empty where the origin has none
  std::vector<message> messages;
};

const vector vectors[]{
    {"cacophony.txt, as shipped with the Rust crate snow 0.9.6",
     "4a6f686e2047616c74",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     "9223fec1b892ec9d0dc2fb3bbeb261f170d1ea679f9c44ccf34aa131b4f5d97e",
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
       "4c756477696720766f6e204d69736573"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
       "a0ff96bdf86b579ef7dbf94e812a7470b903c20a85a87e3a1fe863264ae547"},
      {"462e20412e20486179656b", "eb1a3e3d80c1792b1bb9cb0e1382f8d8322bfb1ca7c4c8517bb686"},
      {"4361726c204d656e676572", "c781b198d2a974eb1da2c7d518c000cf6396de87ca540963c03713"},
      {"4a65616e2d426170746973746520536179",
       "c77048eb6919fdfe8fe45842bfc5b8d1ff50d1e20c717453ccdfe6176d805b996d"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "61834d7069dcfb7a1adf8d5ac910f83fa04c73a67789895c6f5f995c5db2ce88e49b124178"}}},
    {"snow.txt of the Rust crate snow 0.9.6",
     "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20"
     "616e6420626f72696e672e",
     "62f413cbba418a204fad52c7cc22b387bc515a9f75a894bf8216732a88f831d1",
     "55bc80a205afa5dbb1d9a96e2d15f99119c54709186b1f2039fe90cf59f94b9d",
     "",
     {{"180572762549727a4c0ec6bba8a9669387bcc2d358233cfc9cf18263c7b857f6",
       "4ff81542b059502e1bb15c9762ed1fb9a35c398b69173189f9a6dca7f913343d"
       "180572762549727a4c0ec6bba8a9669387bcc2d358233cfc9cf18263c7b857f6"},
      {"9b6fff9e0e63c45f1c8519f5ca48b85144e90b845605c71ac6f3700a518d9af4",
       "391ed097af19f70b4a89ca235bd4d388c57dcd54b32d561217efd0a83ba4b13a"
       "abb422fa751bf702cab82dcc689a349e4e36dae43c3e4144f0998055f1b34d0b"
       "ae9722abffee4a2b15c03f0dc141a427"}}},
    {"made with the Python package noiseprotocol 0.3.1",
     "",
     "a1147188a85df6ef522e8e5b290bc99d3822464d2d709eea6fe6998bdfaa32ea",
     "5711c5d819fa337569a914db574277d45bd93e5fdbbe807b019e5bdbd459fc0d",
     "17b81d3880d718365634823bdae71b388d71acf0a7db5864179ae867d4af50c9",
     {{"", "a2b6176c6c086e8ff42829fb06b845ca074d3f2113077fec226ec41c60dfea52"},
      {"",
       "c25b162c0efc8db0a30c10abeb67dcf1566c9bf533177062a85de22b48837f53"
       "5d2c01de49313f0cbeca956e5977bf1a"},
      {"6669727374", "ad2e4997e333f26721a693834417fba17e27f4c794"},
      {"7365636f6e64", "5b836b2b83ef765f1cdc866906d227c6e5a344a3c9d9"}}},
};

TEST(Noise, AgreesWithPublishedVectorsAndOtherImplementations) {
  for (const auto& v : vectors) {
    SCOPED_TRACE(v.origin);
    const auto prologue = from_hex(v.prologue);
    handshake_state initiator(nn, role::initiator, prologue, secret_of(v.initiator));
    handshake_state responder(nn, role::responder, prologue, secret_of(v.responder));
    for (std::size_t i = 0; i < 2; ++i) {
      auto& writer = i == 0 ? initiator : responder;
      auto& reader = i == 0 ? responder : initiator;
      const auto sealed = writer.write_message(from_hex(v.messages[i].payload));
      ASSERT_TRUE(sealed);
      EXPECT_EQ(to_hex(*sealed), v.messages[i].sealed);
      const auto opened = reader.read_message(*sealed);
      ASSERT_TRUE(opened);
      EXPECT_EQ(to_hex(*opened), v.messages[i].payload);
    }
    ASSERT_TRUE(initiator.finished() && responder.finished());
    EXPECT_EQ(initiator.handshake_hash(), responder.handshake_hash());
    EXPECT_TRUE(initiator.chaining_key() == responder.chaining_key());
    if (*v.hash != '\0') {
      EXPECT_EQ(to_hex(initiator.handshake_hash()), v.hash);
    }
    auto here = initiator.split();
    auto there = responder.split();
    for (std::size_t i = 2; i < v.messages.size(); ++i) {
      auto& writer = i % 2 == 0 ? here.to_responder : there.to_initiator;
      auto& reader = i % 2 == 0 ? there.to_responder : here.to_initiator;
      bytes sealed;
      writer.encrypt_with_ad({}, from_hex(v.messages[i].payload), sealed);
      EXPECT_EQ(to_hex(sealed), v.messages[i].sealed);
      const auto opened = reader.decrypt_with_ad({}, sealed);
      ASSERT_TRUE(opened);
      EXPECT_EQ(to_hex(*opened), v.messages[i].payload);
    }
  }
}

struct ends {
  handshake_state initiator;
  handshake_state responder;
};

ends make_ends(std::string_view left = "prologue", std::string_view right = "prologue") {
  return {{nn, role::initiator, as_bytes(left), secret<32>(filled<32>(1))},
          {nn, role::responder, as_bytes(right), secret<32>(filled<32>(2))}};
}

TEST(Noise, ADifferentPrologueFailsTheHandshake) {
  auto [initiator, responder] = make_ends("offer: a, b", "offer: a");
  ASSERT_TRUE(responder.read_message(*initiator.write_message({})));
  const auto answer = initiator.read_message(*responder.write_message({}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), errc::auth_failed);
}

TEST(Noise, EveryByteOfBothMessagesIsBound) {
  auto [initiator, responder] = make_ends();
  const auto first = *initiator.write_message({});
  for (std::size_t i = 0; i < first.size(); ++i) {
    auto changed = first;
    changed[i] ^= std::byte{0x80};
    auto other = responder;
    ASSERT_TRUE(other.read_message(changed));
    const auto second = other.write_message(as_bytes("token"));
    ASSERT_TRUE(second);
    auto reader = initiator;
    EXPECT_FALSE(reader.read_message(*second)) << i;
  }
  ASSERT_TRUE(responder.read_message(first));
  const auto second = *responder.write_message(as_bytes("token"));
  for (std::size_t i = 0; i < second.size(); ++i) {
    auto changed = second;
    changed[i] ^= std::byte{0x80};
    auto reader = initiator;
    EXPECT_FALSE(reader.read_message(changed)) << i;
  }
  EXPECT_TRUE(initiator.read_message(second));
}

TEST(Noise, AMessageCutAnywhereIsRefused) {
  auto [initiator, responder] = make_ends();
  const auto first = *initiator.write_message({});
  for (std::size_t n = 0; n < first.size(); ++n) {
    auto reader = responder;
    const auto got = reader.read_message(bytes_view(first).first(n));
    ASSERT_FALSE(got) << n;
    EXPECT_EQ(got.error(), errc::protocol_violation) << n;
  }
  ASSERT_TRUE(responder.read_message(first));
  const auto second = *responder.write_message({});
  for (std::size_t n = 0; n < second.size(); ++n) {
    auto reader = initiator;
    EXPECT_FALSE(reader.read_message(bytes_view(second).first(n))) << n;
  }
}

TEST(Noise, AKeyOfLowOrderIsRefusedByBothRoles) {
  auto [initiator, responder] = make_ends();
  ASSERT_TRUE(initiator.write_message({}));
  ASSERT_TRUE(responder.read_message(filled<32>(0)));
  const auto second = responder.write_message({});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), errc::protocol_violation);
  const auto read = initiator.read_message(filled<48>(0));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), errc::protocol_violation);
}

TEST(Noise, ACipherRefusesReplaysAndGoesOn) {
  cipher_state sender;
  cipher_state receiver;
  sender.initialize_key(secret<32>(filled<32>(9)));
  receiver.initialize_key(secret<32>(filled<32>(9)));
  bytes first;
  bytes second;
  sender.encrypt_with_ad(as_bytes("ad"), as_bytes("one"), first);
  sender.encrypt_with_ad(as_bytes("ad"), as_bytes("two"), second);
  ASSERT_TRUE(receiver.decrypt_with_ad(as_bytes("ad"), first));
  EXPECT_FALSE(receiver.decrypt_with_ad(as_bytes("ad"), first));
  EXPECT_TRUE(receiver.decrypt_with_ad(as_bytes("ad"), second));
}

}  // namespace
}  // namespace rendr::engine::noise
