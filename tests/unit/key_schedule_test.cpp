// SPDX-License-Identifier: Apache-2.0
#include "engine/door/key_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "support/hex.hpp"

namespace rendr::engine {
namespace {

using test::filled;
using test::to_hex;

link_keys some_keys() {
  return derive_link_keys(filled<16>(1), secret<32>(filled<32>(2)), filled<32>(3));
}

// The expected bytes of the whole schedule, computed by another implementation, are in
// handshake_test.cpp.

TEST(KeySchedule, DependsOnTheChainingKeyAndOnTheTranscript) {
  const auto keys = some_keys();
  const auto other_key = derive_link_keys(filled<16>(1), secret<32>(filled<32>(4)), filled<32>(3));
  const auto other_hash = derive_link_keys(filled<16>(1), secret<32>(filled<32>(2)), filled<32>(4));
  EXPECT_FALSE(keys.link_secret == other_key.link_secret);
  EXPECT_FALSE(keys.attach_auth == other_key.attach_auth);
  EXPECT_FALSE(keys.link_secret == other_hash.link_secret);
  EXPECT_FALSE(keys.attach_auth == other_hash.attach_auth);
  EXPECT_EQ(keys.transcript, filled<32>(3));
}

TEST(KeySchedule, NoTwoKeysAreEqual) {
  const auto keys = some_keys();
  std::set<std::string> seen{to_hex(keys.link_secret.view()), to_hex(keys.attach_auth.view())};
  std::size_t made = 2;
  for (std::uint64_t path = 0; path < 8; ++path) {
    for (unsigned char attempt = 0; attempt < 4; ++attempt) {
      const auto pair = derive_path_keys(keys, path, filled<32>(attempt));
      seen.insert(to_hex(pair.to_acceptor.view()));
      seen.insert(to_hex(pair.to_dialer.view()));
      made += 2;
    }
  }
  EXPECT_EQ(seen.size(), made);
}

TEST(KeySchedule, PathKeysDependOnTheLinksTranscript) {
  auto keys = some_keys();
  const auto before = derive_path_keys(keys, 1, filled<32>(0));
  EXPECT_TRUE(before == derive_path_keys(keys, 1, filled<32>(0)));
  keys.transcript[31] ^= std::byte{1};
  const auto after = derive_path_keys(keys, 1, filled<32>(0));
  EXPECT_FALSE(before.to_acceptor == after.to_acceptor);
  EXPECT_FALSE(before.to_dialer == after.to_dialer);
}

TEST(KeySchedule, TheLinkIdDependsOnBothEndsAndTheirOrder) {
  const auto id = derive_link_id(filled<16>(1), filled<32>(2), filled<32>(3));
  EXPECT_EQ(id, derive_link_id(filled<16>(1), filled<32>(2), filled<32>(3)));
  EXPECT_NE(id, derive_link_id(filled<16>(2), filled<32>(2), filled<32>(3)));
  EXPECT_NE(id, derive_link_id(filled<16>(1), filled<32>(4), filled<32>(3)));
  EXPECT_NE(id, derive_link_id(filled<16>(1), filled<32>(2), filled<32>(4)));
  EXPECT_NE(id, derive_link_id(filled<16>(1), filled<32>(3), filled<32>(2)));
}

TEST(KeySchedule, TheResetTokenIsRemadeFromThePersistentKeyAlone) {
  const secret<32> key(filled<32>(5));
  const auto token = make_reset_token(key, filled<16>(9), filled<16>(1));
  byte_array<32> sent;
  std::copy(token.view().begin(), token.view().end(), sent.begin());
  EXPECT_TRUE(verify_reset_token(make_reset_token(key, filled<16>(9), filled<16>(1)), sent));
  EXPECT_FALSE(verify_reset_token(make_reset_token(key, filled<16>(9), filled<16>(2)), sent));
  EXPECT_FALSE(verify_reset_token(
      make_reset_token(secret<32>(filled<32>(6)), filled<16>(9), filled<16>(1)), sent));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    auto changed = sent;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(verify_reset_token(token, changed)) << i;
  }
}

TEST(KeySchedule, NoTokenNeverEndsALink) {
  EXPECT_FALSE(verify_reset_token(make_reset_token(secret<32>(), filled<16>(9), filled<16>(1)),
                                  filled<32>(0)));
  EXPECT_FALSE(verify_reset_token(secret<32>(), filled<32>(0)));
}

}  // namespace
}  // namespace rendr::engine
