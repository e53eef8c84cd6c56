// SPDX-License-Identifier: Apache-2.0
#include "base/aead.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/aes_gcm.hpp"
#include "base/seeded_random.hpp"
#include "support/hex.hpp"

namespace rendr::crypto {
namespace {

using test::filled;
using test::from_hex;
using test::to_hex;

constexpr aead both[]{aead::chacha20_poly1305, aead::aes_128_gcm};

struct vector {
  const char* origin;
  aead kind;
  const char* key;
  const char* nonce;
  const char* associated;
  const char* plain;
  const char* sealed;
};

const vector vectors[]{
    {"RFC 8439, section 2.8.2", aead::chacha20_poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20"
     "4966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f722074686520"
     "6675747572652c2073756e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca967128"
     "2fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fa"
     "b324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26"
     "a7e902ecbd0600691"},
    {"GCM specification (McGrew, Viega), test case 1", aead::aes_128_gcm,
     "00000000000000000000000000000000", "000000000000000000000000", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"GCM specification, test case 2", aead::aes_128_gcm, "00000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {"GCM specification, test case 4", aead::aes_128_gcm, "feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532f"
     "cf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d"
     "8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
};

bytes with_room(bytes_view plain) {
  bytes out(plain.begin(), plain.end());
  out.resize(plain.size() + tag_size);
  return out;
}

bytes drawn(seeded_random& random, std::size_t size) {
  bytes out(size);
  for (auto& b : out) b = static_cast<std::byte>(random.below(256));
  return out;
}

TEST(Aead, AgreesWithThePublishedVectors) {
  for (const auto& v : vectors) {
    SCOPED_TRACE(v.origin);
    const aead_key key(v.kind, secret<32>(from_hex<32>(v.key)));
    const auto nonce = from_hex<12>(v.nonce);
    const auto associated = from_hex(v.associated);
    auto data = with_room(from_hex(v.plain));
    key.seal(nonce, associated, data);
    EXPECT_EQ(to_hex(data), v.sealed);
    ASSERT_TRUE(key.open(nonce, associated, data));
    EXPECT_EQ(to_hex(bytes_view(data).first(data.size() - tag_size)), v.plain);
  }
}

TEST(Aead, OpensEverySizeThatItSealed) {
  for (const auto kind : both) {
    const aead_key key(kind, secret<32>(filled<32>(3)));
    for (const std::size_t size :
         {0U, 1U, 15U, 16U, 17U, 31U, 63U, 64U, 65U, 127U, 1200U, 4095U, 16384U, 61440U}) {
      bytes plain(size);
      for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<std::byte>(i * 7);
      auto data = with_room(plain);
      key.seal(filled<12>(1), as_bytes("head"), data);
      if (size >= 16) {
        EXPECT_FALSE(std::equal(plain.begin(), plain.end(), data.begin())) << size;
      }
      ASSERT_TRUE(key.open(filled<12>(1), as_bytes("head"), data)) << size;
      EXPECT_TRUE(std::equal(plain.begin(), plain.end(), data.begin())) << size;
    }
  }
}

TEST(Aead, ATextInPiecesIsSealedAsTheWholeOfIt) {
  seeded_random random(7);
  for (const auto kind : both) {
    const aead_key key(kind, secret<32>(filled<32>(3)));
    for (const std::size_t size : {0U, 1U, 16U, 100U, 1200U, 16384U, 61440U}) {
      for (const std::size_t cuts : {0U, 1U, 2U, 7U, 200U}) {
        const auto plain = drawn(random, size);
        const auto before = plain;
        std::vector<std::size_t> at(cuts);
        for (auto& cut : at) cut = static_cast<std::size_t>(random.below(size + 1));
        at.insert(at.end(), {0, size});
        std::sort(at.begin(), at.end());
        std::vector<bytes_view> pieces;  // some of them empty
        for (std::size_t i = 0; i + 1 < at.size(); ++i)
          pieces.push_back(bytes_view(plain).subspan(at[i], at[i + 1] - at[i]));
        auto whole = with_room(plain);
        key.seal(filled<12>(1), as_bytes("head"), whole);
        bytes sealed(size + tag_size);
        key.seal(filled<12>(1), as_bytes("head"), pieces, sealed);
        EXPECT_EQ(sealed, whole) << size << " in " << pieces.size();
        EXPECT_EQ(plain, before);
      }
    }
  }
}

TEST(Aead, OpensNothingThatWasChangedAndLeavesNoPlainText) {
  for (const auto kind : both) {
    const aead_key key(kind, secret<32>(filled<32>(3)));
    const std::string plain = "forty bytes that nobody else may read!!!";
    auto sealed = with_room(as_bytes(plain));
    key.seal(filled<12>(1), as_bytes("head"), sealed);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      auto changed = sealed;
      changed[i] ^= std::byte{1};
      EXPECT_FALSE(key.open(filled<12>(1), as_bytes("head"), changed)) << i;
      EXPECT_EQ(to_hex(bytes_view(changed).first(plain.size())), std::string(80, '0')) << i;
    }
    for (std::size_t n = 0; n < sealed.size(); ++n) {
      auto cut = bytes(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(n));
      EXPECT_FALSE(key.open(filled<12>(1), as_bytes("head"), cut)) << n;
    }
    auto other = sealed;
    EXPECT_FALSE(key.open(filled<12>(2), as_bytes("head"), other));
    other = sealed;
    EXPECT_FALSE(key.open(filled<12>(1), as_bytes("Head"), other));
    other = sealed;
    EXPECT_FALSE(
        aead_key(kind, secret<32>(filled<32>(4))).open(filled<12>(1), as_bytes("head"), other));
    EXPECT_TRUE(key.open(filled<12>(1), as_bytes("head"), sealed));
  }
}

TEST(Aead, AesGcmIsTheSameByWhicheverLibrary) {
  seeded_random random(11);
  const auto key_bytes = filled<aes_key_size>(5);
  const auto fast = make_aes_gcm(key_bytes);
  const auto reference = gnutls_aes_gcm(key_bytes);
  for (int i = 0; i < 400; ++i) {
    const auto limit = std::size_t{1} << random.below(17);
    const auto plain = drawn(random, random.below(limit + 1));
    const auto associated = drawn(random, random.below(40));
    const auto nonce = filled<12>(static_cast<std::uint8_t>(i));
    auto ours = with_room(plain);
    auto theirs = ours;
    fast->seal(nonce, associated, ours);
    reference->seal(nonce, associated, theirs);
    ASSERT_EQ(ours, theirs) << plain.size() << " and " << associated.size() << " bytes";
    const auto cut = static_cast<std::size_t>(random.below(plain.size() + 1));
    const bytes_view pieces[]{bytes_view(plain).first(cut), bytes_view(plain).subspan(cut)};
    for (const auto* by : {fast.get(), reference.get()}) {
      bytes gathered(theirs.size());
      by->seal(nonce, associated, pieces, gathered);
      ASSERT_EQ(gathered, theirs) << cut << " of " << plain.size();
      ASSERT_TRUE(by->open(nonce, associated, gathered));
      gathered.resize(plain.size());
      ASSERT_EQ(gathered, plain);
      auto forged = theirs;
      forged[random.below(forged.size())] ^= std::byte{0x10};
      ASSERT_FALSE(by->open(nonce, associated, forged));
    }
  }
}

TEST(Aead, AKeyThatWasMovedWorksAtItsNewPlace) {
  for (const auto kind : both) {
    aead_key key(kind, secret<32>(filled<32>(3)));
    auto data = with_room(as_bytes("text"));
    key.seal(filled<12>(1), {}, data);
    const aead_key moved(std::move(key));
    EXPECT_TRUE(moved.open(filled<12>(1), {}, data));
    EXPECT_EQ(moved.kind(), kind);
  }
}

}  // namespace
}  // namespace rendr::crypto
