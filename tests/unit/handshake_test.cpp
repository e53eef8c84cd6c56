// SPDX-License-Identifier: Apache-2.0
#include "engine/handshake.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "support/hex.hpp"

namespace rendr::engine {
namespace {

using test::filled;
using test::to_hex;

const hello_offer dialer_offer{filled<16>(0xd1), 1, 6, 90'000};
const hello_offer acceptor_offer{filled<16>(0xac), 2, 13, 60'000};
const link_ends both_ends{dialer_offer.instance, acceptor_offer.instance, 0};
const secret<32> reset_key(filled<32>(0x77));
const routing_token token = filled<16>(0x55);

/// A pair of ends with seeds of their own, the hellos exchanged where a test begins later.
struct pair {
  drbg dialer_random{secret<32>(filled<32>(1))};
  drbg acceptor_random{secret<32>(filled<32>(2))};
  dialer_hello dialer{dialer_offer, dialer_random};

  result<acceptor_hello> accept(const wire::hello& hello,
                                const hello_offer& self = acceptor_offer) {
    return acceptor_hello::make(self, reset_key, token, hello, acceptor_random);
  }
};

/// A pair whose link is made.
struct linked : pair {
  acceptor_hello acceptor{std::move(*accept(dialer.message(0)))};
  link_agreement at_dialer{std::move(*dialer.accept(acceptor.answer()))};
  link_agreement at_acceptor{acceptor.agreement()};
};

template <std::size_t N>
void flip(byte_array<N>& field, std::size_t i) {
  field[i] ^= std::byte{0x40};
}

TEST(Handshake, BothEndsAgreeOnEverything) {
  linked l;
  EXPECT_EQ(l.at_dialer.peer, acceptor_offer.instance);
  EXPECT_EQ(l.at_acceptor.peer, dialer_offer.instance);
  EXPECT_EQ(l.at_dialer.features, 7u);
  EXPECT_EQ(l.at_acceptor.features, 7u);
  EXPECT_EQ(l.at_dialer.grace_ms, 60'000u);
  EXPECT_EQ(l.at_acceptor.grace_ms, 60'000u);
  EXPECT_EQ(l.at_dialer.token, token);
  EXPECT_EQ(l.at_dialer.keys.link, l.at_acceptor.keys.link);
  EXPECT_EQ(l.at_dialer.keys.transcript, l.at_acceptor.keys.transcript);
  EXPECT_TRUE(l.at_dialer.keys.link_secret == l.at_acceptor.keys.link_secret);
  EXPECT_TRUE(l.at_dialer.keys.attach_auth == l.at_acceptor.keys.attach_auth);
  EXPECT_TRUE(l.at_dialer.reset_token == make_reset_token(reset_key, l.at_dialer.keys.link));
}

// Computed by another implementation: Noise by the Python package noiseprotocol 0.3.1, the rest
// from the formulas in the headers with Python's hashlib and hmac.
TEST(Handshake, TheTranscriptOfAHelloIsTheDocumentedOne) {
  linked l;
  const auto hello = l.dialer.message(3);
  EXPECT_EQ(to_hex(hello.link_nonce), "1ecc3686b60ee3b84b6c7d321d70d5c0");
  EXPECT_EQ(to_hex(hello.noise),
            "32a4b01e8a712e8b9fa5f4d2ba524ea6a20943d3d03cb9a91617cf9776edd731");
  EXPECT_EQ(to_hex(l.acceptor.answer().noise),
            "363338ec15815643e6829814055f6a8137e3445accc0545d98f7211f224ec857"
            "dae995d35d273514320fcd6821160d2150b937fbe0f4f0b995741425674ff59c"
            "749b63f12239ad96e38370cae96c02b30fb725601a1b22c960894e604d08969e"
            "e40f7736b01bc2ca268ef94998239a9e1ba39e3c6d51f34c9a195042913352d5"
            "3d3ad697a905a55b");
  EXPECT_EQ(to_hex(l.at_dialer.keys.link), "34f3fae713d438d3e5fa96546b5589b5");
  EXPECT_EQ(to_hex(l.at_dialer.reset_token.view()),
            "1de9093a693bf91b270d9d74a93b7876e5303c053d622bffb7cbc6a6bb54d537");
  EXPECT_EQ(to_hex(l.at_dialer.keys.transcript),
            "1247ff5bb5ef4fd3678e78a7065806a124f078c63b3b1af15a979572a7f73770");
  EXPECT_EQ(to_hex(l.at_dialer.keys.link_secret.view()),
            "52539f49cadda8fe566d6c808ca94e044ae2bfab4d9132a8dbc2e1097b0a05a0");
  EXPECT_EQ(to_hex(l.at_dialer.keys.attach_auth.view()),
            "5503203dd039fbae26bcb58d08b852a98558eca5e3efea4fced7a9dca7f486b7");
  const auto first = make_confirm(l.at_dialer.keys, both_ends, 3, {});
  EXPECT_EQ(to_hex(first.ack.mac),
            "3c2d7aab8bd1d8317a84dba5dfc6edf2176a477ec2807a3209163e3dae3a4d80");
  EXPECT_EQ(to_hex(first.keys.to_acceptor.view()),
            "d7739682c78cc71c4c3d996c77e29c1be2ca1cf974dfc19707d15ee7a4ebcb76");
  EXPECT_EQ(to_hex(first.keys.to_dialer.view()),
            "763e08a5be741c9293c18f4607ca67734e3e1291c1c0604a382bb366b5266204");
}

TEST(Handshake, TheTranscriptOfAnAttachIsTheDocumentedOne) {
  linked l;
  const auto binding = as_bytes("exporter");
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, binding, l.dialer_random);
  EXPECT_EQ(to_hex(dialer.message().fresh), "e98b6f0fdd046dcc3a86bb079e36f024");
  EXPECT_EQ(to_hex(dialer.message().mac),
            "6db7bdd7b9e135dd6058cf8034c40c4dc5b967acc7ca76e60913b9d907123093");
  auto acceptor = acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), binding,
                                        l.acceptor_random);
  ASSERT_TRUE(acceptor);
  EXPECT_EQ(to_hex(acceptor->message().fresh), "4aca33714d944be16e8a66e255e856ae");
  EXPECT_EQ(to_hex(acceptor->message().mac),
            "2d23d48e59b6ebec8e21635a8b41d1fa886bbe7e6b83f400a23f79dd80bf3610");
  const auto answer = dialer.answer(l.at_dialer.keys, acceptor->message());
  ASSERT_TRUE(answer);
  EXPECT_EQ(to_hex(answer->ack.mac),
            "77b8022aa09abda4c09c3ebc9d630d20ecd263e8231343550e846642d9290852");
  EXPECT_EQ(to_hex(answer->keys.to_acceptor.view()),
            "151a9249d6ab67ea3714b5851efbe17080d2debe47fc9284dacb30ee1a75a821");
  EXPECT_EQ(to_hex(answer->keys.to_dialer.view()),
            "b715c530102e5140900a57dca94ab3a20a76c075fa9bf5c4d04ef8dbde59db5f");
  const auto keys = acceptor->finish(l.at_acceptor.keys, answer->ack);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(*keys == answer->keys);
}

/// A message as it comes out at the other end; views point into `buffer`.
template <class Message>
Message over_the_wire(const Message& message, bytes& buffer) {
  buffer = wire::encode(message);
  const auto decoded = wire::decode_handshake(buffer);
  return decoded ? std::get<Message>(*decoded) : Message{};
}

TEST(Handshake, BothExchangesWorkThroughTheCodec) {
  pair p;
  bytes first;
  bytes second;
  auto acceptor = p.accept(over_the_wire(p.dialer.message(5), first));
  ASSERT_TRUE(acceptor);
  const auto agreed = p.dialer.accept(over_the_wire(acceptor->answer(), second));
  ASSERT_TRUE(agreed);
  const auto& keys = acceptor->agreement().keys;
  bytes buffer;
  const auto confirm = make_confirm(agreed->keys, both_ends, 5, {});
  EXPECT_TRUE(verify_confirm(keys, both_ends, 5, over_the_wire(confirm.ack, buffer), {}));

  const dialer_attach dialer(agreed->keys, both_ends, 1, 2, {}, p.dialer_random);
  auto attach = acceptor_attach::make(keys, both_ends, over_the_wire(dialer.message(), buffer), {},
                                      p.acceptor_random);
  ASSERT_TRUE(attach);
  EXPECT_EQ(attach->path(), 1u);
  EXPECT_EQ(attach->leaf(), 2u);
  const auto answer = dialer.answer(agreed->keys, over_the_wire(attach->message(), buffer));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(attach->finish(keys, over_the_wire(answer->ack, buffer)));
}

/// Runs a first path with one change to one message; true when the acceptor took the path.
bool first_path_survives(const std::function<void(wire::hello&, bytes&)>& change_hello,
                         const std::function<void(wire::hello_ack&, bytes&)>& change_ack,
                         const std::function<void(wire::attach_ack&)>& change_confirm) {
  pair p;
  auto hello = p.dialer.message(5);
  bytes first(hello.noise.begin(), hello.noise.end());
  if (change_hello) change_hello(hello, first);
  hello.noise = first;
  auto acceptor = p.accept(hello);
  if (!acceptor) return false;
  auto ack = acceptor->answer();
  bytes second(ack.noise.begin(), ack.noise.end());
  if (change_ack) change_ack(ack, second);
  ack.noise = second;
  const auto agreed = p.dialer.accept(ack);
  if (!agreed) return false;
  auto confirm = make_confirm(agreed->keys, both_ends, 5, {}).ack;
  if (change_confirm) change_confirm(confirm);
  return verify_confirm(acceptor->agreement().keys, both_ends, hello.leaf, confirm, {}).has_value();
}

TEST(Handshake, AFirstPathThatNobodyTouchedIsTaken) {
  EXPECT_TRUE(first_path_survives({}, {}, {}));
}

TEST(Handshake, EveryFieldOfHelloIsBound) {
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_FALSE(first_path_survives([i](auto& m, auto&) { flip(m.link_nonce, i); }, {}, {})) << i;
    EXPECT_FALSE(first_path_survives([i](auto& m, auto&) { flip(m.instance, i); }, {}, {})) << i;
  }
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_FALSE(
        first_path_survives([i](auto&, auto& noise) { noise[i] ^= std::byte{0x80}; }, {}, {}))
        << i;
  }
  for (unsigned bit = 0; bit < 62; ++bit) {
    const auto mask = std::uint64_t{1} << bit;
    EXPECT_FALSE(first_path_survives([=](auto& m, auto&) { m.required ^= mask; }, {}, {})) << bit;
    EXPECT_FALSE(first_path_survives([=](auto& m, auto&) { m.optional ^= mask; }, {}, {})) << bit;
    EXPECT_FALSE(first_path_survives([=](auto& m, auto&) { m.leaf ^= mask; }, {}, {})) << bit;
    EXPECT_FALSE(first_path_survives([=](auto& m, auto&) { m.grace_ms ^= mask; }, {}, {})) << bit;
  }
  EXPECT_FALSE(first_path_survives([](auto&, auto& n) { n.push_back(std::byte{0}); }, {}, {}));
  EXPECT_FALSE(first_path_survives([](auto&, auto& n) { n.pop_back(); }, {}, {}));
}

TEST(Handshake, EveryFieldOfHelloAckIsBound) {
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_FALSE(first_path_survives({}, [i](auto& m, auto&) { flip(m.link_nonce, i); }, {})) << i;
    EXPECT_FALSE(first_path_survives({}, [i](auto& m, auto&) { flip(m.instance, i); }, {})) << i;
    EXPECT_FALSE(first_path_survives({}, [i](auto& m, auto&) { flip(m.link, i); }, {})) << i;
    EXPECT_FALSE(first_path_survives({}, [i](auto& m, auto&) { flip(m.token, i); }, {})) << i;
  }
  for (unsigned bit = 0; bit < 62; ++bit) {
    const auto mask = std::uint64_t{1} << bit;
    EXPECT_FALSE(first_path_survives({}, [=](auto& m, auto&) { m.features ^= mask; }, {})) << bit;
    EXPECT_FALSE(first_path_survives({}, [=](auto& m, auto&) { m.grace_ms ^= mask; }, {})) << bit;
  }
  for (std::size_t i = 0; i < 136; ++i) {
    EXPECT_FALSE(
        first_path_survives({}, [i](auto&, auto& noise) { noise.at(i) ^= std::byte{1}; }, {}))
        << i;
  }
  EXPECT_FALSE(first_path_survives({}, [](auto&, auto& n) { n.push_back(std::byte{0}); }, {}));
  EXPECT_FALSE(first_path_survives({}, [](auto&, auto& n) { n.pop_back(); }, {}));
}

TEST(Handshake, EveryFieldOfTheConfirmationIsBound) {
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_FALSE(first_path_survives({}, {}, [i](auto& m) { flip(m.mac, i); })) << i;
  }
  EXPECT_FALSE(first_path_survives({}, {}, [](auto& m) { m.path = 1; }));
}

TEST(Handshake, ARequiredFeatureThatTheOtherLacksIsAVersionMismatch) {
  pair p;
  auto acceptor = acceptor_offer;
  acceptor.optional &= ~std::uint64_t{1};
  auto refused = p.accept(p.dialer.message(0), acceptor);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), errc::version_mismatch);

  acceptor = acceptor_offer;
  acceptor.required |= std::uint64_t{1} << 40;
  refused = p.accept(p.dialer.message(0), acceptor);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), errc::version_mismatch);
}

TEST(Handshake, AnUnknownOptionalFeatureIsIgnored) {
  drbg random(secret<32>(filled<32>(9)));
  auto offer = dialer_offer;
  offer.optional |= std::uint64_t{1} << 50;
  dialer_hello dialer(offer, random);
  pair p;
  const auto acceptor = p.accept(dialer.message(0));
  ASSERT_TRUE(acceptor);
  const auto agreed = dialer.accept(acceptor->answer());
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->features, 7u);
}

TEST(Handshake, ErrorsNameWhoIsToBlame) {
  pair p;
  auto hello = p.dialer.message(0);
  const auto low_order = filled<32>(0);
  hello.noise = low_order;
  const auto refused = p.accept(hello);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), errc::protocol_violation);

  const auto with_payload = filled<33>(9);
  hello.noise = with_payload;
  EXPECT_EQ(p.accept(hello).error(), errc::protocol_violation);

  auto acceptor = std::move(*p.accept(p.dialer.message(0)));
  auto ack = acceptor.answer();
  ack.link_nonce[0] ^= std::byte{1};
  EXPECT_EQ(p.dialer.accept(ack).error(), errc::auth_failed);
  ack = acceptor.answer();
  ack.noise = ack.noise.first(20);
  EXPECT_EQ(p.dialer.accept(ack).error(), errc::protocol_violation);
  ack = acceptor.answer();
  ack.token[0] = std::byte{1};
  EXPECT_EQ(p.dialer.accept(ack).error(), errc::protocol_violation);
  ack = acceptor.answer();
  ack.features &= ~std::uint64_t{4};
  EXPECT_EQ(p.dialer.accept(ack).error(), errc::auth_failed);
}

TEST(Handshake, HellosRacedOverSeveralCarriersMakeOneLink) {
  pair p;
  const auto over_a = p.dialer.message(0);
  const auto over_b = p.dialer.message(1);
  EXPECT_EQ(hello_key(over_a), hello_key(over_b));
  auto acceptor = std::move(*p.accept(over_b));  // b came first
  const auto first_answer = acceptor.answer();
  const auto second_answer = acceptor.answer();
  EXPECT_EQ(to_hex(first_answer.noise), to_hex(second_answer.noise));
  const auto by_b = p.dialer.accept(first_answer);
  const auto by_a = p.dialer.accept(second_answer);
  ASSERT_TRUE(by_a && by_b);
  EXPECT_EQ(by_a->keys.link, by_b->keys.link);
  EXPECT_TRUE(by_a->keys.link_secret == by_b->keys.link_secret);
}

TEST(Handshake, AHelloWithTheNonceOfAnotherIsAnotherLink) {
  pair p;
  const auto hello = p.dialer.message(0);
  const std::vector<std::function<void(wire::hello&)>> changes{
      [](auto& m) { flip(m.link_nonce, 0); }, [](auto& m) { flip(m.instance, 0); },
      [](auto& m) { m.required ^= 2; },       [](auto& m) { m.optional ^= 2; },
      [](auto& m) { m.grace_ms ^= 2; },       [](auto& m) { m.noise = m.noise.first(31); },
  };
  for (const auto& change : changes) {
    auto other = hello;
    change(other);
    EXPECT_NE(hello_key(other), hello_key(hello));
  }
  auto other = hello;
  const auto key = filled<32>(9);
  other.noise = key;
  EXPECT_NE(hello_key(other), hello_key(hello));
}

TEST(Handshake, AReplayedHelloGivesNoPath) {
  linked l;
  // Whoever replays the HELLO gets the HELLO_ACK again, but has no key for any proof, and the proof
  // of the dialer's carrier of leaf 0 does not hold for a carrier that claimed another leaf.
  wire::attach_ack guess;
  EXPECT_EQ(verify_confirm(l.at_acceptor.keys, both_ends, 0, guess, {}).error(), errc::auth_failed);
  const auto seen = make_confirm(l.at_dialer.keys, both_ends, 0, {}).ack;
  ASSERT_TRUE(verify_confirm(l.at_acceptor.keys, both_ends, 0, seen, {}));
  EXPECT_EQ(verify_confirm(l.at_acceptor.keys, both_ends, 1, seen, {}).error(), errc::auth_failed);
}

TEST(Handshake, AConfirmationIsBoundToItsChannel) {
  linked l;
  const auto seen = make_confirm(l.at_dialer.keys, both_ends, 0, as_bytes("tls a")).ack;
  EXPECT_FALSE(verify_confirm(l.at_acceptor.keys, both_ends, 0, seen, as_bytes("tls b")));
  EXPECT_FALSE(verify_confirm(l.at_acceptor.keys, both_ends, 0, seen, {}));
  EXPECT_TRUE(verify_confirm(l.at_acceptor.keys, both_ends, 0, seen, as_bytes("tls a")));
}

TEST(Handshake, ALiarOnOneCarrierDoesNotSpoilTheOthers) {
  pair p;
  auto acceptor = std::move(*p.accept(p.dialer.message(0)));
  auto forged = acceptor.answer();
  const auto garbage = filled<136>(0x33);
  forged.noise = garbage;
  EXPECT_EQ(p.dialer.accept(forged).error(), errc::auth_failed);
  EXPECT_TRUE(p.dialer.accept(acceptor.answer()));
}

TEST(Handshake, ACarrierThatReachesAnotherInstanceIsRefusedAlone) {
  pair p;
  const auto acceptor = p.accept(p.dialer.message(0));
  ASSERT_TRUE(p.dialer.accept(acceptor->answer()));
  auto other = acceptor_offer;
  other.instance = filled<16>(0xbb);
  const auto elsewhere = p.accept(p.dialer.message(1), other);
  EXPECT_EQ(p.dialer.accept(elsewhere->answer()).error(), errc::instance_mismatch);
  EXPECT_TRUE(p.dialer.accept(acceptor->answer()));
}

TEST(Handshake, ASecondLinkOfOneHelloIsRefused) {
  pair p;
  const auto acceptor = p.accept(p.dialer.message(0));
  const auto again = p.accept(p.dialer.message(0));  // the first was evicted at the acceptor
  ASSERT_NE(acceptor->agreement().keys.link, again->agreement().keys.link);
  ASSERT_TRUE(p.dialer.accept(acceptor->answer()));
  EXPECT_EQ(p.dialer.accept(again->answer()).error(), errc::refused);
}

TEST(Handshake, ViewsOutliveAMoveOfTheMachine) {
  pair p;
  auto first = std::make_unique<dialer_hello>(dialer_offer, p.dialer_random);
  const auto hello = first->message(0);
  const auto before = to_hex(hello.noise);
  const dialer_hello moved(std::move(*first));
  first.reset();
  EXPECT_EQ(to_hex(hello.noise), before);
}

/// Runs an attach with one change to one message; the code of the first refusal, or nothing.
struct attach_changes {
  std::function<void(wire::attach&)> attach;
  std::function<void(wire::challenge&)> challenge;
  std::function<void(wire::attach_ack&)> ack;
};

std::optional<errc> attach_fails(linked& l, const attach_changes& change) {
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, {}, l.dialer_random);
  auto attach = dialer.message();
  if (change.attach) change.attach(attach);
  auto acceptor =
      acceptor_attach::make(l.at_acceptor.keys, both_ends, attach, {}, l.acceptor_random);
  if (!acceptor) return acceptor.error();
  auto challenge = acceptor->message();
  if (change.challenge) change.challenge(challenge);
  const auto answer = dialer.answer(l.at_dialer.keys, challenge);
  if (!answer) return answer.error();
  auto ack = answer->ack;
  if (change.ack) change.ack(ack);
  const auto keys = acceptor->finish(l.at_acceptor.keys, ack);
  if (!keys) return keys.error();
  EXPECT_TRUE(*keys == answer->keys);
  return std::nullopt;
}

TEST(Attach, AnAttachThatNobodyTouchedIsTaken) {
  linked l;
  EXPECT_EQ(attach_fails(l, {}), std::nullopt);
}

TEST(Attach, EveryFieldOfAttachIsBound) {
  linked l;
  const auto fails = [&](std::function<void(wire::attach&)> change) {
    return attach_fails(l, {std::move(change), {}, {}}) == errc::auth_failed;
  };
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(fails([i](auto& m) { flip(m.link, i); })) << i;
    EXPECT_TRUE(fails([i](auto& m) { flip(m.fresh, i); })) << i;
    EXPECT_TRUE(fails([i](auto& m) { flip(m.mac, i); })) << i;
    EXPECT_TRUE(fails([i](auto& m) { flip(m.mac, i + 16); })) << i;
  }
  for (unsigned bit = 0; bit < 62; ++bit) {
    const auto mask = std::uint64_t{1} << bit;
    EXPECT_TRUE(fails([=](auto& m) { m.incarnation ^= mask; })) << bit;
    EXPECT_TRUE(fails([=](auto& m) { m.path ^= mask; })) << bit;
    EXPECT_TRUE(fails([=](auto& m) { m.leaf ^= mask; })) << bit;
  }
}

TEST(Attach, EveryFieldOfChallengeIsBound) {
  linked l;
  const auto error = [&](std::function<void(wire::challenge&)> change) {
    return attach_fails(l, {{}, std::move(change), {}});
  };
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(error([i](auto& m) { flip(m.fresh, i); }), errc::auth_failed) << i;
    EXPECT_EQ(error([i](auto& m) { flip(m.instance, i); }), errc::instance_mismatch) << i;
    EXPECT_EQ(error([i](auto& m) { flip(m.mac, i); }), errc::auth_failed) << i;
    EXPECT_EQ(error([i](auto& m) { flip(m.mac, i + 16); }), errc::auth_failed) << i;
  }
  EXPECT_EQ(error([](auto& m) { m.path = 8; }), errc::protocol_violation);
}

TEST(Attach, EveryFieldOfTheAnswerIsBound) {
  linked l;
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(attach_fails(l, {{}, {}, [i](auto& m) { flip(m.mac, i); }}), errc::auth_failed) << i;
  }
  EXPECT_EQ(attach_fails(l, {{}, {}, [](auto& m) { m.path = 8; }}), errc::protocol_violation);
}

TEST(Attach, AReplayedAttachGetsAFreshChallengeThatTheReplayerCannotAnswer) {
  linked l;
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, {}, l.dialer_random);
  const auto seen = dialer.message();
  auto genuine = acceptor_attach::make(l.at_acceptor.keys, both_ends, seen, {}, l.acceptor_random);
  auto replayed = acceptor_attach::make(l.at_acceptor.keys, both_ends, seen, {}, l.acceptor_random);
  ASSERT_TRUE(genuine && replayed);
  EXPECT_NE(genuine->message().fresh, replayed->message().fresh);
  const auto answer = dialer.answer(l.at_dialer.keys, genuine->message());
  ASSERT_TRUE(answer);
  // All that the replayer saw: the answer to the other challenge, and the challenge's own proof.
  EXPECT_EQ(replayed->finish(l.at_acceptor.keys, answer->ack).error(), errc::auth_failed);
  EXPECT_TRUE(genuine->finish(l.at_acceptor.keys, answer->ack));
}

TEST(Attach, TheAcceptorSendsNoMoreThanItReceivedBeforeTheProof) {
  linked l;
  for (const std::uint64_t path : {1u, 63u, 64u, 16'383u, 16'384u, 1u << 30}) {
    const dialer_attach dialer(l.at_dialer.keys, both_ends, path, 0, {}, l.dialer_random);
    const auto acceptor = acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), {},
                                                l.acceptor_random);
    ASSERT_TRUE(acceptor);
    EXPECT_LE(wire::encode(acceptor->message()).size(), wire::encode(dialer.message()).size());
  }
}

TEST(Attach, AChallengeReflectedAsItsAnswerIsRefused) {
  linked l;
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, {}, l.dialer_random);
  auto acceptor =
      acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), {}, l.acceptor_random);
  ASSERT_TRUE(acceptor);
  const wire::attach_ack reflected{7, acceptor->message().mac};
  EXPECT_EQ(acceptor->finish(l.at_acceptor.keys, reflected).error(), errc::auth_failed);
}

TEST(Attach, AChallengeHasOneAnswer) {
  linked l;
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, {}, l.dialer_random);
  auto acceptor =
      acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), {}, l.acceptor_random);
  ASSERT_TRUE(acceptor);
  const auto answer = dialer.answer(l.at_dialer.keys, acceptor->message());
  EXPECT_FALSE(acceptor->finish(l.at_acceptor.keys, wire::attach_ack{7, {}}));
  EXPECT_EQ(acceptor->finish(l.at_acceptor.keys, answer->ack).error(), errc::protocol_violation);
}

TEST(Attach, KnowingTheLinkIdIsNotEnough) {
  linked l;
  link_keys guessed;
  guessed.link = l.at_dialer.keys.link;
  const dialer_attach stranger(guessed, both_ends, 7, 1, {}, l.dialer_random);
  const auto refused = acceptor_attach::make(l.at_acceptor.keys, both_ends, stranger.message(), {},
                                             l.acceptor_random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), errc::auth_failed);
}

TEST(Attach, TheEndsTheIncarnationAndTheChannelAreUnderTheProof) {
  linked l;
  const auto binding = as_bytes("channel");
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, binding, l.dialer_random);
  const auto taken = [&](const link_ends& ends, bytes_view channel) {
    return acceptor_attach::make(l.at_acceptor.keys, ends, dialer.message(), channel,
                                 l.acceptor_random)
        .has_value();
  };
  EXPECT_TRUE(taken(both_ends, binding));
  EXPECT_FALSE(taken({filled<16>(1), both_ends.acceptor, 0}, binding));
  EXPECT_FALSE(taken({both_ends.dialer, filled<16>(1), 0}, binding));
  EXPECT_FALSE(taken({both_ends.acceptor, both_ends.dialer, 0}, binding));
  EXPECT_FALSE(taken({both_ends.dialer, both_ends.acceptor, 1}, binding));
  EXPECT_FALSE(taken(both_ends, {}));
  EXPECT_FALSE(taken(both_ends, as_bytes("another")));
}

TEST(Attach, AnAttachTriedAgainNeverReusesAKey) {
  linked l;
  const auto attempt = [&] {
    const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, 1, {}, l.dialer_random);
    auto acceptor = acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), {},
                                          l.acceptor_random);
    return dialer.answer(l.at_dialer.keys, acceptor->message())->keys;
  };
  const auto first = attempt();
  const auto second = attempt();
  EXPECT_FALSE(first.to_acceptor == second.to_acceptor);
  EXPECT_FALSE(first.to_dialer == second.to_dialer);
  EXPECT_FALSE(first.to_acceptor == first.to_dialer);
}

}  // namespace
}  // namespace rendr::engine
