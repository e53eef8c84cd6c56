// SPDX-License-Identifier: Apache-2.0
#include "engine/door/handshake.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
const routing_token token = filled<16>(0x55);
const secret<32> reset_token =
    make_reset_token(secret<32>(filled<32>(0x77)), filled<16>(0x88), token);

/// What the two ends hold. Nothing: NN.
struct keyring {
  credentials dialer;
  credentials acceptor;
};
secret_key key_of(unsigned char value) { return secret_key(filled<32>(value)); }
keyring shared_key() {
  keyring k;
  k.dialer.psk = k.acceptor.psk = key_of(0x33);
  return k;
}
/// The acceptor's key is pinned, the dialer has one too, and both the pre-shared one.
keyring pinned_key() {
  auto k = shared_key();
  k.dialer.own_key = key_of(0x11);
  k.acceptor.own_key = key_of(0x22);
  k.dialer.peer_key = public_key_of(*k.acceptor.own_key);
  return k;
}

/// A pair of ends with seeds of their own, the hellos exchanged where a test begins later.
struct pair {
  explicit pair(const keyring& held = {}) : keys(held) {}

  keyring keys;
  drbg dialer_random{secret<32>(filled<32>(1))};
  drbg acceptor_random{secret<32>(filled<32>(2))};
  dialer_hello dialer{dialer_offer, hello_keys(keys.dialer), dialer_random};

  result<acceptor_hello, hello_refusal> accept(const wire::hello& hello,
                                               const hello_offer& self = acceptor_offer) {
    return acceptor_hello::make(self, hello_keys(keys.acceptor), reset_token, token, hello,
                                acceptor_random);
  }
};

/// A pair whose link is made.
struct linked : pair {
  explicit linked(const keyring& held = {}) : pair(held) {}

  acceptor_hello acceptor{std::move(*accept(dialer.message({0})))};
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
  EXPECT_TRUE(l.at_dialer.reset_token == reset_token);
}

// Computed by another implementation, `tests/lab/noise_vectors.py --unit`: Noise by the Python
// package noiseprotocol 0.3.1, the rest from docs/security.md with hashlib, hmac and cryptography.
struct transcript {
  const char* pattern;
  const char* hello;  ///< its Noise message
  const char* hello_ack;
  const char* hash;
  const char* link_secret;
  const char* attach_auth;
  const char* confirm;  ///< the proof for path 0 of leaf 3, sealed
  const char* confirm_to_acceptor;
  const char* confirm_to_dialer;
  const char* attach;  ///< the proof for path 7 of leaf 1, sealed, over the channel "exporter"
  const char* challenge;
  const char* attach_ack;
  const char* attach_to_acceptor;
  const char* attach_to_dialer;
};
const transcript transcripts[]{
    {"NN", "32a4b01e8a712e8b9fa5f4d2ba524ea6a20943d3d03cb9a91617cf9776edd731",
     "363338ec15815643e6829814055f6a8137e3445accc0545d98f7211f224ec857"
     "74af77b32d5ffcd457428170dfd195e258d0856b695ea61b17567dcb07586434"
     "749b63f12239ad96e38370cae96c02b30fb725601a1b22c960894e604d08969e"
     "e40f7736b01bc2ca268ef94998239a9e1ba39e3c6d51f34cf59520dec63b9966"
     "6b82d5ce38a69243",
     "f962a7ea0e4b55ca12ebc724b22e09b5c62777d762f97c9f8b94874030674ebe",
     "678bab683f70604d034fafe91b37cadcab44cd1c44a0b80cf8e450907a90bcf2",
     "0657ae1ff1b60fee1b0d4e9673636b5998903a4f898fc58246e147bfe0479553",
     "11ebb647f151a32fc8f9eb809b1e9334f5e9caec1b2eeec52d1df54af211dd1e",
     "a6fc2e4898ef3f5030aee710e4889cfddd1de657a821d990bf5431c845f03384",
     "a4db567e34c1f0b168e847f3985652df124199c42e0b0c1ab29ce9505074cf09",
     "d3670aa071ff5fd5ddb3cb1cba50df9ec0720200aeee3b47a8f943ece228d44e",
     "0f6082f52a22734d87f2e935b710f277e2b27a2dc2c723b8984062295a9d9801",
     "577fe91627b3720ac1a16202dac49a7e3b34f5fe28545a304aaa9c31583a1625",
     "e61f9b91ea82ca80563a14acea8790bb52b9561d69da51f58a985181dbd5376b",
     "3a0ff34b1a0fc2fcd9c1f20c8dcee12fc64593f9ae497f8628e8455afc6e98ca"},
    {"NNpsk0",
     "32a4b01e8a712e8b9fa5f4d2ba524ea6a20943d3d03cb9a91617cf9776edd731"
     "f545d573d80479e0cb3aeb1f353706f6",
     "363338ec15815643e6829814055f6a8137e3445accc0545d98f7211f224ec857"
     "9cf805932944487d830b8859e680e3ef9b447b48688c34ebc9ef604ac778133b"
     "43bcc0a557fa7e30375adfb8ee50cb673ae3c802f864c11c31d95f8e29896727"
     "57e106897eacadf62926d2cc6dd8cc7931c68e512c73d6923e50f1cd3286db7b"
     "219d917f52a6cb51",
     "59cdca16822c0073d252a0bcc1a6f9fcfc00096203ccc730e7050d41c9d93179",
     "79c4eeb0802c1724479356913b8142c51460274820d88e88eef253a490e97f39",
     "728ee3e2c59ea502aaa7cb2c57c6f8b3f2752cb04c1c1ac68fdef344526eb5fe",
     "38470de3fbe51637ac3e6600ab4850c21b7b31f21d3f7f46f331cafd3dae0796",
     "711e160d06826560b5a76dd1f94c0b2be6077aa27435ab51868c142444396e42",
     "533752ad1c1b2a6fa7bf9063459f919677f121dc238b320e9d06369eed239a92",
     "e79e0b4145b715dab904fb06af3ca976bacc023b59517acfdb9baa0ab5ee467a",
     "386608a006d71395e68940e5820a7bb3bf300b3bfa8125fcb39a816789e0d126",
     "abe4469b9170b33cff223fa484b30889702b9df8cebec1ce1779d6877f342fdc",
     "65b0a2b41f8f325f448b9bdffb8e4f2962f3278d6001d37a25f6681f17b7d41e",
     "6fe33093c72a5d5240dbdc731b5b30aa96c7b86703424e09966977b235c8857a"},
    {"IKpsk2",
     "32a4b01e8a712e8b9fa5f4d2ba524ea6a20943d3d03cb9a91617cf9776edd731"
     "dfcf7a45fe009834faa45b49987a7f5a87a69201fd03efa5e7c1bff8a03ef2ab"
     "9052e3c2f06ab6dcbb1199a339d8a641759699216b66145c81d2a0a45a428654",
     "363338ec15815643e6829814055f6a8137e3445accc0545d98f7211f224ec857"
     "ceed27aaff41ead2b132e44ec71487ff45ee23591553f145d673ee154c066404"
     "437acc8579260474d4d386ff7d854c9d841a6fcba6e54ba57c763c79874b0bfc"
     "091e74dfd0800a3d23f77aea272d4b1d0bdc9a0da92a9cf8458e827190d7d33d"
     "f0d729d0d39fce3b",
     "bf0fbe7d353c19841e57d96a60133168a3a87c748646aaaf13fe5670f91c301a",
     "990f6c24bef67f8690cf0a26a371b5f67191b5fbb9044f63adb529deba2d26b8",
     "a287a0d87bba6d7c756f50b94258e2bf31980e2c013e6eee844746a34c119f94",
     "3f7ea3ea4a0d2ed3ed21bb6b9409d01d9591c5159ffba7b13690760cadb73d8f",
     "0458bdd4c09844104080c13ada8f30485cfa826a38bad78a3981c1ef17a322c0",
     "be12085a9095fff0bc85fc946a88ae6b61b4bdd4f6508eaed564e6a48fdbf4f8",
     "31d69b43fc402fe41801332723a0239c6b16d54acaac788678748191ca1c344e",
     "88c448c2010ded82137fedc5c74ac3cd06b0b13a029e1baa8f940c46399f45ab",
     "d097bb061ffc482ff4696ddcfc526c9f8ba670c5f5b3c80a79e31ea8b958ecd4",
     "b5211829611d6979a90ab9d3e50c1ee41ef987f073bb60222b0d8af85462bd36",
     "c5ebc1f6b8963f45d779e94ed20ccf90894d464924c00cd5b8ea7e32f758b3a9"},
};
keyring keys_of(std::string_view pattern) {
  if (pattern == "NN") return {};
  return pattern == "NNpsk0" ? shared_key() : pinned_key();
}

TEST(Handshake, TheTranscriptOfAHelloIsTheDocumentedOne) {
  for (const auto& t : transcripts) {
    SCOPED_TRACE(t.pattern);
    linked l(keys_of(t.pattern));
    const auto hello = l.dialer.message({3});
    EXPECT_EQ(to_hex(hello.link_nonce), "1ecc3686b60ee3b84b6c7d321d70d5c0");
    EXPECT_EQ(to_hex(hello.noise), t.hello);
    EXPECT_EQ(to_hex(l.acceptor.answer().noise), t.hello_ack);
    EXPECT_EQ(to_hex(l.at_dialer.keys.link), "34f3fae713d438d3e5fa96546b5589b5");
    EXPECT_EQ(to_hex(l.at_dialer.reset_token.view()),
              "b3afeb5a194330db4240d16c57fce0b5ed598e95b4c87d5d35e9af48db43449f");
    EXPECT_EQ(to_hex(l.at_dialer.keys.transcript), t.hash);
    EXPECT_EQ(to_hex(l.at_dialer.keys.link_secret.view()), t.link_secret);
    EXPECT_EQ(to_hex(l.at_dialer.keys.attach_auth.view()), t.attach_auth);
    const auto first = make_confirm(l.at_dialer.keys, both_ends, {3}, {});
    EXPECT_EQ(to_hex(first.ack.mac), t.confirm);
    EXPECT_EQ(to_hex(first.keys.to_acceptor.view()), t.confirm_to_acceptor);
    EXPECT_EQ(to_hex(first.keys.to_dialer.view()), t.confirm_to_dialer);
  }
}

TEST(Handshake, TheTranscriptOfAnAttachIsTheDocumentedOne) {
  for (const auto& t : transcripts) {
    SCOPED_TRACE(t.pattern);
    linked l(keys_of(t.pattern));
    const auto binding = as_bytes("exporter");
    const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, binding, l.dialer_random);
    EXPECT_EQ(to_hex(dialer.message().fresh), "e98b6f0fdd046dcc3a86bb079e36f024");
    EXPECT_EQ(to_hex(dialer.message().mac), t.attach);
    auto acceptor = acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), binding,
                                          l.acceptor_random);
    ASSERT_TRUE(acceptor);
    EXPECT_EQ(to_hex(acceptor->message().fresh), "4aca33714d944be16e8a66e255e856ae");
    EXPECT_EQ(to_hex(acceptor->message().mac), t.challenge);
    const auto answer = dialer.answer(l.at_dialer.keys, acceptor->message());
    ASSERT_TRUE(answer);
    EXPECT_EQ(to_hex(answer->ack.mac), t.attach_ack);
    EXPECT_EQ(to_hex(answer->keys.to_acceptor.view()), t.attach_to_acceptor);
    EXPECT_EQ(to_hex(answer->keys.to_dialer.view()), t.attach_to_dialer);
    const auto keys = acceptor->finish(l.at_acceptor.keys, answer->ack);
    ASSERT_TRUE(keys);
    EXPECT_TRUE(*keys == answer->keys);
  }
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
  auto acceptor = p.accept(over_the_wire(p.dialer.message({5}), first));
  ASSERT_TRUE(acceptor);
  const auto agreed = p.dialer.accept(over_the_wire(acceptor->answer(), second));
  ASSERT_TRUE(agreed);
  const auto& keys = acceptor->agreement().keys;
  bytes buffer;
  const auto confirm = make_confirm(agreed->keys, both_ends, {5}, {});
  EXPECT_TRUE(verify_confirm(keys, both_ends, {5}, over_the_wire(confirm.ack, buffer), {}));

  const dialer_attach dialer(agreed->keys, both_ends, 1, {2}, {}, p.dialer_random);
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
                         const std::function<void(wire::attach_ack&)>& change_confirm,
                         const keyring& keys = {}) {
  pair p(keys);
  auto hello = p.dialer.message({5});
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
  auto confirm = make_confirm(agreed->keys, both_ends, {5}, {}).ack;
  if (change_confirm) change_confirm(confirm);
  return verify_confirm(acceptor->agreement().keys, both_ends, {hello.leaf, hello.guarded}, confirm,
                        {})
      .has_value();
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
  auto refused = p.accept(p.dialer.message({0}), acceptor);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::version_mismatch);

  acceptor = acceptor_offer;
  acceptor.required |= std::uint64_t{1} << 40;
  refused = p.accept(p.dialer.message({0}), acceptor);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::version_mismatch);
}

TEST(Handshake, AnUnknownOptionalFeatureIsIgnored) {
  drbg random(secret<32>(filled<32>(9)));
  auto offer = dialer_offer;
  offer.optional |= std::uint64_t{1} << 50;
  dialer_hello dialer(offer, {}, random);
  pair p;
  const auto acceptor = p.accept(dialer.message({0}));
  ASSERT_TRUE(acceptor);
  const auto agreed = dialer.accept(acceptor->answer());
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->features, 7u);
}

TEST(Handshake, ErrorsNameWhoIsToBlame) {
  pair p;
  auto hello = p.dialer.message({0});
  const auto low_order = filled<32>(0);
  hello.noise = low_order;
  const auto refused = p.accept(hello);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::protocol_violation);

  const auto with_payload = filled<33>(9);
  hello.noise = with_payload;
  EXPECT_EQ(p.accept(hello).error().code, errc::protocol_violation);

  auto acceptor = std::move(*p.accept(p.dialer.message({0})));
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
  const auto over_a = p.dialer.message({0});
  const auto over_b = p.dialer.message({1});
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
  const auto hello = p.dialer.message({0});
  const std::vector<std::function<void(wire::hello&)>> changes{
      [](auto& m) { flip(m.link_nonce, 0); },
      [](auto& m) { flip(m.instance, 0); },
      [](auto& m) { m.required ^= 2; },
      [](auto& m) { m.optional ^= 2; },
      [](auto& m) { m.grace_ms ^= 2; },
      [](auto& m) { m.noise = m.noise.first(31); },
      [](auto& m) { m.pattern = wire::hello_pattern::ik_psk2; },
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

TEST(Handshake, EveryFieldIsBoundInThePatternsWithKeys) {
  for (const auto& keys : {shared_key(), pinned_key()}) {
    EXPECT_TRUE(first_path_survives({}, {}, {}, keys));
    const auto survives_hello = [&](const std::function<void(wire::hello&, bytes&)>& change) {
      return first_path_survives(change, {}, {}, keys);
    };
    for (std::size_t i = 0; i < 16; ++i) {
      EXPECT_FALSE(survives_hello([i](auto& m, auto&) { flip(m.link_nonce, i); })) << i;
      EXPECT_FALSE(survives_hello([i](auto& m, auto&) { flip(m.instance, i); })) << i;
    }
    EXPECT_FALSE(survives_hello([](auto& m, auto&) { m.required ^= 2; }));
    EXPECT_FALSE(survives_hello([](auto& m, auto&) { m.optional ^= 2; }));
    EXPECT_FALSE(survives_hello([](auto& m, auto&) { m.grace_ms ^= 2; }));
    EXPECT_FALSE(survives_hello([](auto& m, auto&) { m.leaf ^= 2; }));
    EXPECT_FALSE(survives_hello([](auto& m, auto&) { m.guarded = wire::guard::checksum; }));
    const auto noise_size = pair(keys).dialer.message({0}).noise.size();
    for (std::size_t i = 0; i < noise_size; ++i) {
      EXPECT_FALSE(survives_hello([i](auto&, auto& noise) { noise.at(i) ^= std::byte{0x80}; }))
          << i;
    }
    for (std::size_t i = 0; i < 136; ++i) {
      EXPECT_FALSE(first_path_survives(
          {}, [i](auto&, auto& noise) { noise.at(i) ^= std::byte{1}; }, {}, keys))
          << i;
    }
  }
}

TEST(Handshake, ThePatternCannotBeLoweredOnTheWay) {
  for (const auto& keys : {keyring(), shared_key(), pinned_key()}) {
    for (unsigned other = 0; other < 5; ++other) {
      const auto pattern = static_cast<wire::hello_pattern>(other);
      pair p(keys);
      auto hello = p.dialer.message({0});
      if (hello.pattern == pattern) continue;
      hello.pattern = pattern;
      EXPECT_FALSE(p.accept(hello)) << other;
    }
  }
  // Cut to the ephemeral key, which is in clear, it is a HELLO of NN as good as any. Who has
  // credentials refuses it; whoever answers it has none, and the dialer does not take the answer.
  for (auto keys : {shared_key(), pinned_key()}) {
    for (const bool answered : {false, true}) {
      if (answered) keys.acceptor = {};
      pair p(keys);
      auto hello = p.dialer.message({0});
      hello.pattern = wire::hello_pattern::nn;
      hello.noise = hello.noise.first(32);
      const auto accepted = p.accept(hello);
      ASSERT_EQ(accepted.has_value(), answered);
      if (answered) {
        EXPECT_FALSE(p.dialer.accept(accepted->answer()));
      }
    }
  }
}

/// The refusal of the acceptor, if it refuses; else that of the dialer.
std::optional<hello_refusal> refusal(const keyring& keys) {
  pair p(keys);
  const auto accepted = p.accept(p.dialer.message({0}));
  if (!accepted) return accepted.error();
  const auto agreed = p.dialer.accept(accepted->answer());
  if (!agreed) return hello_refusal{agreed.error(), p.dialer.explain(agreed.error())};
  return std::nullopt;
}
void expect_refusal(const keyring& keys, std::string_view part) {
  const auto got = refusal(keys);
  ASSERT_TRUE(got) << part;
  EXPECT_EQ(got->code, errc::auth_failed) << part;
  EXPECT_NE(got->reason.find(part), std::string::npos) << got->reason;
  EXPECT_LE(got->reason.size(), wire::max_refuse_reason);
}

TEST(Handshake, AWrongPreSharedKeyIsRefusedWithASentence) {
  auto keys = shared_key();
  keys.dialer.psk = key_of(0x34);
  expect_refusal(keys, "the pre-shared key is not that of this server");
  keys = pinned_key();
  keys.dialer.psk = key_of(0x34);
  expect_refusal(keys, "its pre-shared key is another one");
  keys.dialer.psk.reset();
  expect_refusal(keys, "its pre-shared key is another one");
}

TEST(Handshake, AnotherServerThanThePinnedOneIsNotSpokenTo) {
  auto keys = pinned_key();
  keys.acceptor.own_key = key_of(0x23);
  expect_refusal(keys, "the pinned public key is not that of this server");
}

TEST(Handshake, AServerWithCredentialsRefusesADialerWithout) {
  auto keys = shared_key();
  keys.dialer = {};
  expect_refusal(keys, "pre-shared key alone");
  keys = pinned_key();
  keys.dialer = keys.acceptor = {};
  keys.acceptor.own_key = key_of(0x22);
  expect_refusal(keys, "know its public key alone");
  keys.acceptor.allowed_keys = {public_key_of(key_of(0x11))};
  expect_refusal(keys, "allowed key alone");
}

TEST(Handshake, ADialerWithCredentialsDoesNotTakeAServerWithout) {
  auto keys = shared_key();
  keys.acceptor = {};
  expect_refusal(keys, "has no pre-shared key");
  keys = pinned_key();
  keys.acceptor = {};
  expect_refusal(keys, "has no key that a client could know it by");
}

TEST(Handshake, OnlyAllowedKeysMakeLinks) {
  auto keys = pinned_key();
  const auto mine = public_key_of(*keys.dialer.own_key);
  keys.acceptor.allowed_keys = {public_key_of(key_of(0x90)), mine, public_key_of(key_of(0x91))};
  EXPECT_FALSE(refusal(keys));
  linked l(keys);
  EXPECT_EQ(l.at_acceptor.peer_key, mine);
  EXPECT_EQ(l.at_dialer.peer_key, public_key_of(*keys.acceptor.own_key));

  keys.acceptor.allowed_keys = {public_key_of(key_of(0x90))};
  expect_refusal(keys, "is not on the list of allowed keys");
  const auto told = refusal(keys)->reason;  // in clear
  EXPECT_EQ(told.find(fingerprint(mine)), std::string::npos) << told;
  EXPECT_EQ(told.find(to_text(mine)), std::string::npos) << told;
  keys.dialer.own_key.reset();  // a fresh key is on no list
  expect_refusal(keys, "is not on the list of allowed keys");
}

TEST(Handshake, APreSharedKeyDoesNotGoRoundTheListOfAllowedKeys) {
  auto keys = pinned_key();
  keys.acceptor.allowed_keys = {public_key_of(*keys.dialer.own_key)};
  keys.dialer.own_key.reset();
  keys.dialer.peer_key.reset();
  expect_refusal(keys, "a pre-shared key is not enough");
  keys.acceptor.allowed_keys.reset();
  EXPECT_FALSE(refusal(keys)) << "without a list it is";
}

TEST(Handshake, AKnownServerTakesClientsWithoutAKeyWhenNothingIsDemanded) {
  auto keys = pinned_key();
  keys.dialer.psk.reset();
  keys.dialer.own_key.reset();
  keys.acceptor.psk.reset();
  EXPECT_FALSE(refusal(keys));
  pair first(keys);
  const auto one = first.accept(first.dialer.message({0}));
  const dialer_hello again(dialer_offer, hello_keys(keys.dialer), first.dialer_random);
  const auto two = first.accept(again.message({0}));
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->agreement().peer_key, two->agreement().peer_key) << "a fresh key each time";
}

TEST(Handshake, AnUnknownPatternIsAnsweredSo) {
  pair p;
  auto hello = p.dialer.message({0});
  hello.pattern = static_cast<wire::hello_pattern>(3);
  const auto refused = p.accept(hello);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::version_mismatch);
  EXPECT_NE(refused.error().reason.find("pattern 3"), std::string::npos);
}

TEST(Handshake, TheCipherIsTheOneThatBothEndsOffer) {
  for (const bool dialer_has : {false, true}) {
    for (const bool acceptor_has : {false, true}) {
      drbg random(secret<32>(filled<32>(9)));
      hello_offer here{filled<16>(1), 0, dialer_has ? wire::feature_aes_128_gcm : 0, 1000};
      hello_offer there{filled<16>(2), 0, acceptor_has ? wire::feature_aes_128_gcm : 0, 1000};
      dialer_hello dialer(here, {}, random);
      const auto accepted =
          acceptor_hello::make(there, {}, reset_token, token, dialer.message({0}), random);
      ASSERT_TRUE(accepted);
      const auto agreed = dialer.accept(accepted->answer());
      ASSERT_TRUE(agreed);
      const auto expected = dialer_has && acceptor_has ? wire::feature_aes_128_gcm : 0;
      EXPECT_EQ(agreed->features, expected);
      EXPECT_EQ(accepted->agreement().features, expected);
      // Who strikes it off one offer is found out by the other end.
      auto lowered = dialer.message({0});
      lowered.optional ^= wire::feature_aes_128_gcm;
      const auto other = acceptor_hello::make(there, {}, reset_token, token, lowered, random);
      EXPECT_FALSE(dialer.accept(other->answer()));
    }
  }
}

TEST(Handshake, AReplayedHelloGivesNoPath) {
  linked l;
  // Whoever replays the HELLO gets the HELLO_ACK again, but has no key for any proof, and the proof
  // of the dialer's carrier of leaf 0 does not hold for a carrier that claimed another leaf.
  wire::attach_ack guess;
  EXPECT_EQ(verify_confirm(l.at_acceptor.keys, both_ends, {0}, guess, {}).error(),
            errc::auth_failed);
  const auto seen = make_confirm(l.at_dialer.keys, both_ends, {0}, {}).ack;
  ASSERT_TRUE(verify_confirm(l.at_acceptor.keys, both_ends, {0}, seen, {}));
  EXPECT_EQ(verify_confirm(l.at_acceptor.keys, both_ends, {1}, seen, {}).error(),
            errc::auth_failed);
}

TEST(Handshake, AConfirmationIsBoundToItsChannel) {
  linked l;
  const auto seen = make_confirm(l.at_dialer.keys, both_ends, {0}, as_bytes("tls a")).ack;
  EXPECT_FALSE(verify_confirm(l.at_acceptor.keys, both_ends, {0}, seen, as_bytes("tls b")));
  EXPECT_FALSE(verify_confirm(l.at_acceptor.keys, both_ends, {0}, seen, {}));
  EXPECT_TRUE(verify_confirm(l.at_acceptor.keys, both_ends, {0}, seen, as_bytes("tls a")));
}

TEST(Handshake, ALiarOnOneCarrierDoesNotSpoilTheOthers) {
  pair p;
  auto acceptor = std::move(*p.accept(p.dialer.message({0})));
  auto forged = acceptor.answer();
  const auto garbage = filled<136>(0x33);
  forged.noise = garbage;
  EXPECT_EQ(p.dialer.accept(forged).error(), errc::auth_failed);
  EXPECT_TRUE(p.dialer.accept(acceptor.answer()));
}

TEST(Handshake, ACarrierThatReachesAnotherInstanceIsRefusedAlone) {
  pair p;
  const auto acceptor = p.accept(p.dialer.message({0}));
  ASSERT_TRUE(p.dialer.accept(acceptor->answer()));
  auto other = acceptor_offer;
  other.instance = filled<16>(0xbb);
  const auto elsewhere = p.accept(p.dialer.message({1}), other);
  EXPECT_EQ(p.dialer.accept(elsewhere->answer()).error(), errc::instance_mismatch);
  EXPECT_TRUE(p.dialer.accept(acceptor->answer()));
}

TEST(Handshake, ASecondLinkOfOneHelloIsRefused) {
  pair p;
  const auto acceptor = p.accept(p.dialer.message({0}));
  const auto again = p.accept(p.dialer.message({0}));  // the first was evicted at the acceptor
  ASSERT_NE(acceptor->agreement().keys.link, again->agreement().keys.link);
  ASSERT_TRUE(p.dialer.accept(acceptor->answer()));
  EXPECT_EQ(p.dialer.accept(again->answer()).error(), errc::refused);
}

TEST(Handshake, ViewsOutliveAMoveOfTheMachine) {
  pair p;
  auto first = std::make_unique<dialer_hello>(dialer_offer, hello_keys(), p.dialer_random);
  const auto hello = first->message({0});
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
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, {}, l.dialer_random);
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
  EXPECT_TRUE(fails([](auto& m) { m.guarded = wire::guard::checksum; }));
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
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, {}, l.dialer_random);
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

TEST(Attach, AChallengeIsNoLongerThanItsAttach) {
  linked l;
  for (const std::uint64_t path : {1u, 63u, 64u, 16'383u, 16'384u, 1u << 30}) {
    const dialer_attach dialer(l.at_dialer.keys, both_ends, path, {0}, {}, l.dialer_random);
    const auto acceptor = acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), {},
                                                l.acceptor_random);
    ASSERT_TRUE(acceptor);
    EXPECT_LE(wire::encode(acceptor->message()).size(), wire::encode(dialer.message()).size());
  }
}

TEST(Attach, AChallengeReflectedAsItsAnswerIsRefused) {
  linked l;
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, {}, l.dialer_random);
  auto acceptor =
      acceptor_attach::make(l.at_acceptor.keys, both_ends, dialer.message(), {}, l.acceptor_random);
  ASSERT_TRUE(acceptor);
  const wire::attach_ack reflected{7, acceptor->message().mac};
  EXPECT_EQ(acceptor->finish(l.at_acceptor.keys, reflected).error(), errc::auth_failed);
}

TEST(Attach, AChallengeHasOneAnswer) {
  linked l;
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, {}, l.dialer_random);
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
  const dialer_attach stranger(guessed, both_ends, 7, {1}, {}, l.dialer_random);
  const auto refused = acceptor_attach::make(l.at_acceptor.keys, both_ends, stranger.message(), {},
                                             l.acceptor_random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), errc::auth_failed);
}

TEST(Attach, TheEndsTheIncarnationAndTheChannelAreUnderTheProof) {
  linked l;
  const auto binding = as_bytes("channel");
  const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, binding, l.dialer_random);
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
    const dialer_attach dialer(l.at_dialer.keys, both_ends, 7, {1}, {}, l.dialer_random);
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
