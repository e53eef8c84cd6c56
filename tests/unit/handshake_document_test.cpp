// SPDX-License-Identifier: Apache-2.0
// The numbers of docs/security.md, "One handshake in numbers", against what the engine computes
// from the same inputs.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "engine/door/attach_proof.hpp"
#include "engine/door/handshake.hpp"
#include "engine/record/record_seal.hpp"
#include "support/golden_document.hpp"
#include "support/hex.hpp"
#include "wire/handshake.hpp"

namespace rendr::engine {
namespace {

using test::filled;
using test::from_hex;
using test::to_hex;

const hello_offer dialer_offer{filled<16>(0xd1), 1, 6, 90'000};
const hello_offer acceptor_offer{filled<16>(0xac), 2, 13, 60'000};
const link_ends both_ends{dialer_offer.instance, acceptor_offer.instance, 0};
const path_terms first_terms{3, wire::guard::sealed};

secret_key key_of(unsigned char value) { return secret_key(filled<32>(value)); }

/// Both ends of the example, whose random values come from the same seeds.
struct example {
  credentials held_by_dialer;
  credentials held_by_acceptor;
  drbg dialer_random{secret<32>(filled<32>(1))};
  drbg acceptor_random{secret<32>(filled<32>(2))};
  std::map<std::string, std::string> numbers;

  example() {
    held_by_dialer.psk = held_by_acceptor.psk = key_of(0x33);
    held_by_dialer.own_key = key_of(0x11);
    held_by_acceptor.own_key = key_of(0x22);
    held_by_dialer.peer_key = public_key_of(*held_by_acceptor.own_key);
    draw_ephemerals();
    const auto link = make_link();
    make_first_path(link);
    attach(link);
    ask();
  }

  void put(const std::string& name, bytes_view value) {
    EXPECT_TRUE(numbers.emplace(name, to_hex(value)).second) << name;
  }

  void draw_ephemerals() {
    drbg dialer{secret<32>(filled<32>(1))};
    drbg acceptor{secret<32>(filled<32>(2))};
    put("dialer_public", public_key_of(*held_by_dialer.own_key));
    put("acceptor_public", public_key_of(*held_by_acceptor.own_key));
    put("link_nonce", dialer.array<16>());
    const noise::key_pair of_dialer(secret<32>(dialer.array<32>()));
    const noise::key_pair of_acceptor(secret<32>(acceptor.array<32>()));
    put("dialer_ephemeral_private", of_dialer.secret_key.view());
    put("dialer_ephemeral", of_dialer.public_key);
    put("acceptor_ephemeral_private", of_acceptor.secret_key.view());
    put("acceptor_ephemeral", of_acceptor.public_key);
  }

  link_keys make_link() {
    dialer_hello dialer(dialer_offer, hello_keys(held_by_dialer), dialer_random);
    const auto hello = dialer.message(first_terms);
    put("hello", wire::encode(hello));
    const auto acceptor = acceptor_hello::make(
        acceptor_offer, hello_keys(held_by_acceptor),
        make_reset_token(secret<32>(filled<32>(0x77)), filled<16>(0x88), filled<16>(0x55)),
        filled<16>(0x55), hello, acceptor_random);
    EXPECT_TRUE(acceptor);
    put("hello_ack", wire::encode(acceptor->answer()));
    const auto agreed = dialer.accept(acceptor->answer());
    EXPECT_TRUE(agreed);
    EXPECT_EQ(agreed->cipher(), crypto::aead::aes_128_gcm);
    put("link", agreed->keys.link);
    put("reset_token", agreed->reset_token.view());
    byte_array<wire::prologue_size> prologue{};
    wire::write_prologue({wire::form::attach, wire::version, agreed->token}, prologue);
    put("attach_prologue", prologue);
    put("handshake_hash", agreed->keys.transcript);
    put("link_secret", agreed->keys.link_secret.view());
    put("attach_auth", agreed->keys.attach_auth.view());
    return agreed->keys;
  }

  void make_first_path(const link_keys& link) {
    attach_facts facts;
    facts.link = link.link;
    facts.leaf = first_terms.leaf;
    facts.guarded = first_terms.guarded;
    facts.dialer = both_ends.dialer;
    facts.acceptor = both_ends.acceptor;
    const auto first = make_confirm(link, both_ends, first_terms, {});
    put("confirm", wire::encode(first.ack));
    put("confirm_transcript", attach_transcript(proof_kind::confirm, facts));
    put("path_0_to_acceptor", first.keys.to_acceptor.view());
    put("path_0_to_dialer", first.keys.to_dialer.view());
    const auto keys = derive_record_keys(first.keys.to_acceptor);
    put("record_iv", keys.iv.view());
    put("aes_key", keys.key.view().first<16>());
    put("chacha_key", keys.key.view());
    const record_key chacha(crypto::aead::chacha20_poly1305, first.keys.to_acceptor);
    put("record_nonce", chacha.nonce(2));
    put("chacha_record", sealed(crypto::aead::chacha20_poly1305, first.keys.to_acceptor));
    put("aes_record", sealed(crypto::aead::aes_128_gcm, first.keys.to_acceptor));
    put("next_path_key", next_path_key(first.keys.to_acceptor).view());
  }

  /// PING 2 as the first record of frames, number 2.
  static bytes sealed(crypto::aead kind, const secret<32>& path_key) {
    record_sealer sealer(kind, path_key);
    EXPECT_EQ(sealer.next(2), false);
    auto out = from_hex(
        "0000140102"
        "0202");
    out.resize(out.size() + crypto::tag_size);
    sealer.seal(bytes_view(out).first(5), bytes_span(out).subspan(5));
    return out;
  }

  void ask() {
    const link_question question(hello_keys(held_by_dialer), filled<16>(0x55), dialer_random);
    put("ask", wire::encode(question.message()));
    const auto answer = answer_question(hello_keys(held_by_acceptor), filled<16>(0x55),
                                        question.message(), acceptor_random);
    ASSERT_TRUE(answer);
    put("answer", wire::encode(wire::answer{*answer}));
    EXPECT_TRUE(question.proven_by({*answer}));
  }

  void attach(const link_keys& link) {
    const dialer_attach dialer(link, both_ends, 1, {1, wire::guard::sealed}, {}, dialer_random);
    put("attach", wire::encode(dialer.message()));
    auto acceptor = acceptor_attach::make(link, both_ends, dialer.message(), {}, acceptor_random);
    EXPECT_TRUE(acceptor);
    put("challenge", wire::encode(acceptor->message()));
    const auto answer = dialer.answer(link, acceptor->message());
    EXPECT_TRUE(answer);
    put("attach_ack", wire::encode(answer->ack));
    put("path_1_to_acceptor", answer->keys.to_acceptor.view());
    put("path_1_to_dialer", answer->keys.to_dialer.view());
  }
};

TEST(HandshakeDocument, ShowsWhatTheEngineComputes) {
  const example e;
  const auto shown = golden::lines_of("security.md");
  for (const auto& [name, value] : e.numbers) {
    const auto at = shown.find(name);
    ASSERT_NE(at, shown.end()) << name;
    EXPECT_EQ(at->second, value) << name;
  }
}

// What stays inside the engine, held against the documented results that follow from it.
TEST(HandshakeDocument, ShowsWhatTheNumbersAreMadeOf) {
  const auto shown = golden::lines_of("security.md");
  const auto number = [&](const char* name) { return from_hex(shown.at(name)); };
  const auto hash = number("handshake_hash");
  const auto prk = crypto::hkdf_extract(hash, number("chaining_key"));
  EXPECT_EQ(to_hex(prk.view()), shown.at("prk"));
  const secret<32> auth(from_hex<32>(shown.at("attach_auth")));
  const auto covered = number("confirm_covered");
  EXPECT_EQ("0500" + to_hex(crypto::hmac_sha256(auth.view(), {covered}).view()),
            shown.at("confirm"));
  EXPECT_EQ(to_hex(crypto::sha256({covered})), shown.at("confirm_transcript"));

  noise::handshake_keys keys;
  keys.ephemeral = secret<32>(from_hex<32>(shown.at("acceptor_ephemeral_private")));
  keys.own = noise::key_pair(secret<32>(filled<32>(0x22)));
  keys.psk = secret<32>(filled<32>(0x33));
  noise::handshake_state acceptor(noise::ik_psk2, noise::role::responder, number("noise_prologue"),
                                  keys);
  const auto hello = number("hello");
  const auto hello_ack = number("hello_ack");
  ASSERT_TRUE(acceptor.read_message(bytes_view(hello).last(96)));
  const auto answer = acceptor.write_message(number("ack_payload"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(to_hex(*answer), to_hex(bytes_view(hello_ack).last(136)));
  EXPECT_EQ(to_hex(acceptor.chaining_key().view()), shown.at("chaining_key"));
}

TEST(HandshakeDocument, HasNoNumberThatIsNotHeldAgainstTheEngine) {
  const example e;
  auto shown = golden::lines_of("security.md");
  for (const auto& [name, value] : e.numbers) shown.erase(name);
  for (const auto* name : {"noise_prologue", "ack_payload", "chaining_key", "prk",
                           "confirm_covered", "ask_prologue"}) {
    EXPECT_EQ(shown.erase(name), 1U) << name;
  }
  for (const auto& [name, value] : shown) ADD_FAILURE() << "unknown number " << name;
}

}  // namespace
}  // namespace rendr::engine
