// SPDX-License-Identifier: Apache-2.0
#include "engine/door/attach_proof.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "support/hex.hpp"

namespace rendr::engine {
namespace {

using test::filled;
using test::to_hex;

const secret<32> key(filled<32>(0x11));
constexpr proof_kind kinds[]{proof_kind::attach, proof_kind::challenge, proof_kind::attach_ack,
                             proof_kind::confirm};

attach_facts some_facts() {
  attach_facts f;
  f.link = filled<16>(1);
  f.incarnation = 2;
  f.path = 3;
  f.leaf = 4;
  f.guarded = wire::guard::sealed;
  f.dialer = filled<16>(5);
  f.acceptor = filled<16>(6);
  f.dialer_fresh = filled<16>(7);
  f.acceptor_fresh = filled<16>(8);
  f.channel_binding = as_bytes("binding");
  return f;
}

struct change {
  const char* name;
  std::function<void(attach_facts&)> make;
};

const change changes[]{
    {"link", [](auto& f) { f.link[15] ^= std::byte{1}; }},
    {"incarnation", [](auto& f) { f.incarnation ^= 1; }},
    {"high bits of incarnation", [](auto& f) { f.incarnation |= std::uint64_t{1} << 61; }},
    {"path", [](auto& f) { f.path ^= 1; }},
    {"leaf", [](auto& f) { f.leaf ^= 1; }},
    {"guard", [](auto& f) { f.guarded = wire::guard::checksum; }},
    {"path and leaf swapped", [](auto& f) { std::swap(f.path, f.leaf); }},
    {"dialer", [](auto& f) { f.dialer[0] ^= std::byte{1}; }},
    {"acceptor", [](auto& f) { f.acceptor[0] ^= std::byte{1}; }},
    {"ends swapped", [](auto& f) { std::swap(f.dialer, f.acceptor); }},
    {"dialer_fresh", [](auto& f) { f.dialer_fresh[7] ^= std::byte{1}; }},
    {"acceptor_fresh", [](auto& f) { f.acceptor_fresh[7] ^= std::byte{1}; }},
    {"fresh values swapped", [](auto& f) { std::swap(f.dialer_fresh, f.acceptor_fresh); }},
    {"another binding", [](auto& f) { f.channel_binding = as_bytes("Binding"); }},
    {"no binding", [](auto& f) { f.channel_binding = {}; }},
    {"a cut binding", [](auto& f) { f.channel_binding = as_bytes("bindin"); }},
};

TEST(AttachProof, VerifiesWhatItWasMadeFor) {
  for (const auto kind : kinds) {
    EXPECT_TRUE(verify_proof(key, kind, some_facts(), make_proof(key, kind, some_facts())));
  }
}

TEST(AttachProof, CoversEveryFact) {
  for (const auto kind : kinds) {
    const auto proof = make_proof(key, kind, some_facts());
    for (const auto& c : changes) {
      auto facts = some_facts();
      c.make(facts);
      EXPECT_FALSE(verify_proof(key, kind, facts, proof)) << c.name;
      EXPECT_NE(attach_transcript(kind, facts), attach_transcript(kind, some_facts())) << c.name;
    }
  }
}

TEST(AttachProof, CannotBeMovedIntoAnotherMessage) {
  std::set<std::string> proofs;
  std::set<std::string> transcripts;
  for (const auto kind : kinds) {
    proofs.insert(to_hex(make_proof(key, kind, some_facts())));
    transcripts.insert(to_hex(attach_transcript(kind, some_facts())));
    for (const auto other : kinds) {
      EXPECT_EQ(verify_proof(key, other, some_facts(), make_proof(key, kind, some_facts())),
                kind == other);
    }
  }
  EXPECT_EQ(proofs.size(), std::size(kinds));
  EXPECT_EQ(transcripts.size(), std::size(kinds));
}

TEST(AttachProof, NeedsTheKey) {
  for (std::size_t i = 0; i < 32; ++i) {
    auto other = key;
    other.span()[i] ^= std::byte{1};
    EXPECT_FALSE(verify_proof(other, proof_kind::attach, some_facts(),
                              make_proof(key, proof_kind::attach, some_facts())));
  }
}

TEST(AttachProof, RefusesAProofWithAnyBitFlipped) {
  const auto proof = make_proof(key, proof_kind::attach, some_facts());
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    auto changed = proof;
    changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(verify_proof(key, proof_kind::attach, some_facts(), changed)) << bit;
  }
}

}  // namespace
}  // namespace rendr::engine
