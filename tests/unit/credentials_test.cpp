// SPDX-License-Identifier: Apache-2.0
#include "rendr/credentials.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/hex.hpp"

namespace rendr {
namespace {

using test::filled;
using test::from_hex;
using test::to_hex;

secret_key key_of(unsigned char value) { return secret_key(filled<32>(value)); }

// RFC 7748, section 6.1.
TEST(Credentials, ThePublicHalfIsThatOfX25519) {
  const secret_key bob(
      from_hex<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(to_hex(public_key_of(bob)),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST(Credentials, KeysComeBackFromTheirTexts) {
  const auto pub = public_key_of(key_of(7));
  EXPECT_EQ(parse_public_key(to_text(pub)), pub);
  for (const auto kind : {key_kind::private_half, key_kind::psk}) {
    std::string text;
    secret_text(kind, key_of(7), text);
    EXPECT_EQ(kind_of_key(text), kind);
    const auto back = parse_secret_key(kind, text);
    ASSERT_TRUE(back);
    EXPECT_EQ(to_hex(back->view()), to_hex(filled<32>(7)));
  }
  EXPECT_EQ(to_text(filled<32>(0xab)),
            "rendr-public:abababababababababababababababababababababababababababababababab");
}

TEST(Credentials, AKeyOfOneKindIsNotTakenForAnother) {
  std::string text;
  secret_text(key_kind::psk, key_of(7), text);
  EXPECT_FALSE(parse_secret_key(key_kind::private_half, text));
  EXPECT_FALSE(parse_public_key(text));
  EXPECT_EQ(kind_of_key("rendr-public:"), key_kind::public_half);
  EXPECT_EQ(kind_of_key("keys.txt"), std::nullopt);
}

TEST(Credentials, AKeyHasOneSpelling) {
  const auto good = to_text(public_key_of(key_of(7)));
  ASSERT_TRUE(parse_public_key(good));
  auto upper = good;
  upper[13] = 'A';
  for (const auto& bad :
       {std::string(), good.substr(13), good + "0", good.substr(0, good.size() - 1), " " + good,
        good + "\n", upper, good.substr(0, 20) + "g" + good.substr(21)}) {
    EXPECT_FALSE(parse_public_key(bad)) << bad;
  }
}

TEST(Credentials, FingerprintsTellKeysApartAndDoNotTellThem) {
  const auto pub = public_key_of(key_of(7));
  EXPECT_EQ(fingerprint(pub).size(), 16u);
  EXPECT_NE(fingerprint(pub), fingerprint(public_key_of(key_of(8))));
  EXPECT_EQ(to_text(pub).find(fingerprint(pub)), std::string::npos);
}

void expect_wrong(const failure& got, const std::string& field) {
  EXPECT_EQ(got.code, errc::invalid_argument) << field;
  EXPECT_EQ(got.detail.rfind(field + ":", 0), 0u) << got.detail;
}

TEST(Credentials, PartsThatDoNotFitTogetherAreNamed) {
  EXPECT_FALSE(check_dialer({}).code);
  EXPECT_FALSE(check_acceptor({}).code);
  credentials c;
  c.own_key = key_of(1);
  expect_wrong(check_dialer(c), "own_key");
  EXPECT_FALSE(check_acceptor(c).code);
  c.peer_key = public_key_of(key_of(2));
  EXPECT_FALSE(check_dialer(c).code);
  expect_wrong(check_acceptor(c), "peer_key");
  c.peer_key = public_key{};
  expect_wrong(check_dialer(c), "peer_key");
  c = {};
  c.allowed_keys = {public_key_of(key_of(2))};
  expect_wrong(check_dialer(c), "allowed_keys");
  expect_wrong(check_acceptor(c), "allowed_keys");
  c.own_key = key_of(1);
  EXPECT_FALSE(check_acceptor(c).code);
  c.allowed_keys->clear();
  expect_wrong(check_acceptor(c), "allowed_keys");
  c = {};
  c.psk = secret_key();
  expect_wrong(check_acceptor(c), "psk");
  expect_wrong(check_dialer(c), "psk");
}

}  // namespace
}  // namespace rendr
