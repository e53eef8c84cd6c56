// SPDX-License-Identifier: Apache-2.0
#include "engine/door/noise.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "support/hex.hpp"
#include "support/noise_vectors.hpp"

namespace rendr::engine::noise {
namespace {

using test::filled;
using test::from_hex;
using test::to_hex;

secret<32> secret_of(std::string_view hex) { return secret<32>(from_hex<32>(hex)); }

const pattern& pattern_of(std::string_view protocol_name) {
  for (const auto* known : {&nn, &nn_psk0, &ik_psk2}) {
    if (known->protocol_name == protocol_name) return *known;
  }
  throw std::invalid_argument("unknown pattern");
}

key_pair pair_of(std::string_view hex) {
  return hex.empty() ? key_pair() : key_pair(secret_of(hex));
}

TEST(Noise, AgreesWithPublishedVectorsAndOtherImplementations) {
  for (const auto& v : test::noise_vectors) {
    SCOPED_TRACE(std::string(v.protocol_name) + ", " + v.origin);
    const auto prologue = from_hex(v.prologue);
    const auto& shape = pattern_of(v.protocol_name);
    const auto psk = secret_of(v.psk);
    const auto known = pair_of(v.responder_static);
    handshake_state initiator(
        shape, role::initiator, prologue,
        {secret_of(v.initiator), pair_of(v.initiator_static), known.public_key, psk});
    handshake_state responder(shape, role::responder, prologue,
                              {secret_of(v.responder), known, {}, psk});
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
    EXPECT_EQ(initiator.remote_static(), known.public_key);
    EXPECT_EQ(responder.remote_static(), pair_of(v.initiator_static).public_key);
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
  return {{nn, role::initiator, as_bytes(left), {secret<32>(filled<32>(1)), {}, {}, {}}},
          {nn, role::responder, as_bytes(right), {secret<32>(filled<32>(2)), {}, {}, {}}}};
}

/// What the ends of a handshake have, and may be wrong about.
struct keyring {
  key_pair initiator{secret<32>(filled<32>(0x11))};
  key_pair responder{secret<32>(filled<32>(0x22))};
  crypto::public_key pinned = responder.public_key;
  secret<32> psk{filled<32>(0x33)};
  secret<32> other_psk = psk;
};

ends make_ends(const pattern& shape, const keyring& k = {}) {
  return {{shape,
           role::initiator,
           as_bytes("prologue"),
           {secret<32>(filled<32>(1)), k.initiator, k.pinned, k.psk}},
          {shape,
           role::responder,
           as_bytes("prologue"),
           {secret<32>(filled<32>(2)), k.responder, {}, k.other_psk}}};
}

/// Runs it to its end; who refused, and with what.
struct outcome {
  std::optional<errc> responder;
  std::optional<errc> initiator;
};
outcome run(ends e) {
  const auto first = e.initiator.write_message({});
  if (!first) return {std::nullopt, first.error()};
  const auto read = e.responder.read_message(*first);
  if (!read) return {read.error(), std::nullopt};
  const auto second = e.responder.write_message(as_bytes("token"));
  if (!second) return {second.error(), std::nullopt};
  const auto answer = e.initiator.read_message(*second);
  if (!answer) return {std::nullopt, answer.error()};
  return {};
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

TEST(Noise, EqualKeysAgreeInEveryPattern) {
  for (const auto* shape : {&nn, &nn_psk0, &ik_psk2}) {
    const auto [responder, initiator] = run(make_ends(*shape));
    EXPECT_FALSE(responder || initiator) << shape->protocol_name;
  }
}

TEST(Noise, AnotherPreSharedKeyIsFoundAtTheFirstMessageOfNNpsk0) {
  keyring k;
  k.other_psk = secret<32>(filled<32>(0x34));
  EXPECT_EQ(run(make_ends(nn_psk0, k)).responder, errc::auth_failed);
}

TEST(Noise, AnotherPreSharedKeyIsFoundAtTheSecondMessageOfIKpsk2) {
  keyring k;
  k.other_psk = secret<32>(filled<32>(0x34));
  const auto got = run(make_ends(ik_psk2, k));
  EXPECT_EQ(got.responder, std::nullopt);
  EXPECT_EQ(got.initiator, errc::auth_failed);
}

TEST(Noise, AResponderWithAnotherKeyThanThePinnedOneReadsNothing) {
  keyring k;
  k.pinned = key_pair(secret<32>(filled<32>(0x23))).public_key;
  auto [initiator, responder] = make_ends(ik_psk2, k);
  const auto first = *initiator.write_message(as_bytes("early"));
  const auto got = responder.read_message(first);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), errc::auth_failed);
  EXPECT_EQ(responder.remote_static(), crypto::public_key{});
}

TEST(Noise, WhoPosesAsTheResponderCannotAnswer) {
  // He has the psk and everything public, but not the secret of the pinned key.
  keyring k;
  auto [initiator, genuine] = make_ends(ik_psk2, k);
  ASSERT_TRUE(initiator.write_message({}));
  keyring wrong = k;
  wrong.responder = key_pair(secret<32>(filled<32>(0x24)));
  wrong.pinned = wrong.responder.public_key;
  auto [mirror, forger] = make_ends(ik_psk2, wrong);
  ASSERT_TRUE(forger.read_message(*mirror.write_message({})));
  const auto forged = forger.write_message(as_bytes("token"));
  ASSERT_TRUE(forged);
  const auto read = initiator.read_message(*forged);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), errc::auth_failed);
}

TEST(Noise, WhoShowsAKeyThatIsNotHisCannotFinish) {
  // An initiator with the public half of another's key: the responder refuses its proof (ss).
  keyring k;
  k.initiator.secret_key = secret<32>(filled<32>(0x12));
  EXPECT_EQ(run(make_ends(ik_psk2, k)).responder, errc::auth_failed);
}

TEST(Noise, EveryByteOfBothMessagesIsBoundInThePatternsWithKeys) {
  for (const auto* shape : {&nn_psk0, &ik_psk2}) {
    SCOPED_TRACE(shape->protocol_name);
    auto [initiator, responder] = make_ends(*shape);
    const auto first = *initiator.write_message({});
    for (std::size_t i = 0; i < first.size(); ++i) {
      auto changed = first;
      changed[i] ^= std::byte{0x80};
      auto reader = responder;
      const auto got = reader.read_message(changed);
      // The top bit of a key is no part of it (RFC 7748), but the transcript has it.
      ASSERT_FALSE(got) << i;
      EXPECT_EQ(got.error(), errc::auth_failed) << i;
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
}

TEST(Noise, AMessageCutAnywhereIsRefusedInThePatternsWithKeys) {
  for (const auto* shape : {&nn_psk0, &ik_psk2}) {
    SCOPED_TRACE(shape->protocol_name);
    auto [initiator, responder] = make_ends(*shape);
    const auto first = *initiator.write_message({});
    for (std::size_t n = 0; n < first.size(); ++n) {
      auto reader = responder;
      EXPECT_FALSE(reader.read_message(bytes_view(first).first(n))) << n;
    }
    ASSERT_TRUE(responder.read_message(first));
    const auto second = *responder.write_message({});
    for (std::size_t n = 0; n < second.size(); ++n) {
      auto reader = initiator;
      EXPECT_FALSE(reader.read_message(bytes_view(second).first(n))) << n;
    }
  }
}

TEST(Noise, KeysOfLowOrderAreRefusedInThePatternsWithKeys) {
  for (const auto* shape : {&nn_psk0, &ik_psk2}) {
    SCOPED_TRACE(shape->protocol_name);
    auto [initiator, responder] = make_ends(*shape);
    ASSERT_TRUE(initiator.write_message({}));
    const auto read = initiator.read_message(filled<48>(0));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), errc::protocol_violation);
  }
  auto responder = make_ends(ik_psk2).responder;
  const auto read = responder.read_message(filled<96>(0));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), errc::protocol_violation);

  keyring k;
  k.pinned = filled<32>(0);
  EXPECT_EQ(run(make_ends(ik_psk2, k)).initiator, errc::protocol_violation);
}

TEST(Noise, AnInitiatorsStaticKeyIsNotSeenInItsMessage) {
  auto [initiator, responder] = make_ends(ik_psk2);
  const auto first = to_hex(*initiator.write_message({}));
  EXPECT_EQ(first.find(to_hex(keyring().initiator.public_key)), std::string::npos);
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
