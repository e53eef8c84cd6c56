// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <ostream>
#include <utility>

#include "support/hex.hpp"

namespace rendr {
namespace {

using test::filled;
using test::from_hex;
using test::to_hex;

secret<32> secret_of(std::string_view hex) { return secret<32>(from_hex<32>(hex)); }

template <class T>
concept printable = requires(std::ostream& out, const T& value) { out << value; };

TEST(Secret, CannotBePrinted) {
  static_assert(printable<int>);
  static_assert(!printable<secret<32>>);
}

TEST(Secret, IsWipedWhenDestroyed) {
  alignas(secret<32>) byte_array<sizeof(secret<32>)> place{};
  auto* s = new (place.data()) secret<32>(filled<32>(0xaa));
  EXPECT_EQ(place, filled<32>(0xaa));
  std::destroy_at(s);
  EXPECT_EQ(place, filled<32>(0));
}

TEST(Secret, IsWipedWhenMovedFrom) {
  secret<32> a(filled<32>(1));
  secret<32> b(std::move(a));
  EXPECT_EQ(to_hex(a.view()), to_hex(filled<32>(0)));  // NOLINT: this is what is tested
  EXPECT_EQ(to_hex(b.view()), to_hex(filled<32>(1)));
  a = std::move(b);
  EXPECT_EQ(to_hex(b.view()), to_hex(filled<32>(0)));  // NOLINT
  EXPECT_EQ(to_hex(a.view()), to_hex(filled<32>(1)));
}

TEST(Secret, ComparesAllBytes) {
  secret<32> a(filled<32>(7));
  EXPECT_TRUE(a == secret<32>(filled<32>(7)));
  for (std::size_t i = 0; i < 32; ++i) {
    auto b = a;
    b.span()[i] ^= std::byte{1};
    EXPECT_FALSE(a == b) << i;
  }
}

TEST(Crypto, EqualIsFalseForAnotherLength) {
  EXPECT_TRUE(crypto::equal({}, {}));
  EXPECT_FALSE(crypto::equal(filled<2>(0), filled<3>(0)));
  EXPECT_TRUE(crypto::equal(filled<3>(9), filled<3>(9)));
}

TEST(Crypto, IntegersAreBigEndian) {
  EXPECT_EQ(to_hex(crypto::integer(0x0102030405060708u)), "0102030405060708");
}

// RFC 7748 section 6.1.
TEST(Crypto, X25519AgreesWithTheRfc) {
  const auto bob = secret_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(crypto::x25519_public(bob)),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto shared = crypto::x25519(
      bob, from_hex<32>("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
  ASSERT_TRUE(shared);
  EXPECT_EQ(to_hex(shared->view()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST(Crypto, X25519RefusesEveryPointOfLowOrder) {
  const auto key = secret<32>(filled<32>(0x42));
  for (const auto* point : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    EXPECT_FALSE(crypto::x25519(key, from_hex<32>(point)).has_value()) << point;
  }
}

TEST(Crypto, Sha256HashesThePiecesAsOne) {
  EXPECT_EQ(to_hex(crypto::sha256({as_bytes("a"), {}, as_bytes("bc")})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(crypto::sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// RFC 4231, test cases 2 and 6 (a key longer than a block).
TEST(Crypto, HmacAgreesWithTheRfc) {
  EXPECT_EQ(to_hex(crypto::hmac_sha256(as_bytes("Jefe"),
                                       {as_bytes("what do ya want "), as_bytes("for nothing?")})
                       .view()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(crypto::hmac_sha256(
                       filled<131>(0xaa),
                       {as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})
                       .view()),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 5869, test cases 1 and 3 (no salt, no info).
TEST(Crypto, HkdfAgreesWithTheRfc) {
  const auto prk = crypto::hkdf_extract(from_hex("000102030405060708090a0b0c"), filled<22>(0x0b));
  EXPECT_EQ(to_hex(prk.view()), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  const auto info = from_hex("f0f1f2f3f4f5f6f7f8f9");
  byte_array<42> out;
  crypto::hkdf_expand(prk, {bytes_view(info).first(3), bytes_view(info).subspan(3)}, out);
  EXPECT_EQ(to_hex(out),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  crypto::hkdf_expand(crypto::hkdf_extract({}, filled<22>(0x0b)), {}, out);
  EXPECT_EQ(to_hex(out),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// RFC 8439 section 2.8.2.
TEST(Crypto, AeadAgreesWithTheRfc) {
  const auto key = secret_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const auto nonce = from_hex<12>("070000004041424344454647");
  const auto associated = from_hex("50515253c0c1c2c3c4c5c6c7");
  const auto plain = as_bytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.");
  bytes sealed(plain.size() + crypto::tag_size);
  crypto::aead_seal(key, nonce, associated, plain, sealed);
  EXPECT_EQ(to_hex(bytes_view(sealed).first(16)), "d31a8d34648e60db7b86afbc53ef7ec2");
  EXPECT_EQ(to_hex(bytes_view(sealed).last(16)), "1ae10b594f09e26a7e902ecbd0600691");
  bytes opened(plain.size());
  ASSERT_TRUE(crypto::aead_open(key, nonce, associated, sealed, opened));
  EXPECT_EQ(as_text(opened), as_text(plain));
}

TEST(Crypto, AeadOpensNothingThatWasChanged) {
  const secret<32> key(filled<32>(3));
  const auto nonce = filled<12>(4);
  const auto plain = filled<20>(5);
  byte_array<36> sealed;
  crypto::aead_seal(key, nonce, as_bytes("ad"), plain, sealed);
  byte_array<20> out;
  ASSERT_TRUE(crypto::aead_open(key, nonce, as_bytes("ad"), sealed, out));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= std::byte{0x80};
    out = filled<20>(0xee);
    EXPECT_FALSE(crypto::aead_open(key, nonce, as_bytes("ad"), changed, out)) << i;
    EXPECT_EQ(out, filled<20>(0)) << i;
  }
  EXPECT_FALSE(crypto::aead_open(key, nonce, as_bytes("aD"), sealed, out));
  EXPECT_FALSE(crypto::aead_open(key, filled<12>(5), as_bytes("ad"), sealed, out));
  EXPECT_FALSE(crypto::aead_open(secret<32>(), nonce, as_bytes("ad"), sealed, out));
  EXPECT_FALSE(crypto::aead_open(key, nonce, {}, bytes_view(sealed).first(15), {}));
}

TEST(Crypto, AeadProtectsAnEmptyMessage) {
  const secret<32> key(filled<32>(3));
  byte_array<16> sealed;
  crypto::aead_seal(key, filled<12>(0), as_bytes("ad"), {}, sealed);
  EXPECT_TRUE(crypto::aead_open(key, filled<12>(0), as_bytes("ad"), sealed, {}));
  EXPECT_FALSE(crypto::aead_open(key, filled<12>(0), as_bytes("da"), sealed, {}));
}

}  // namespace
}  // namespace rendr
