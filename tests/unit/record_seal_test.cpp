// SPDX-License-Identifier: Apache-2.0
#include "engine/record/record_seal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "support/hex.hpp"

namespace rendr::engine {
namespace {

using crypto::aead;
using order = record_opener::order;
using test::filled;
using test::to_hex;

constexpr aead both[]{aead::chacha20_poly1305, aead::aes_128_gcm};
const secret<32> path_key(filled<32>(0x42));

struct record {
  std::uint64_t number = 0;
  bool phase = false;
  bytes head;
  bytes payload;  ///< sealed, with its tag
};

/// A record as the wire has it: what is in the head does not matter here, but that it is bound.
record seal(record_sealer& by, std::uint64_t number, std::string_view text = "frames") {
  const auto phase = by.next(number);
  EXPECT_TRUE(phase) << number;
  record out{number, phase.value_or(false), {}, {}};
  out.head = {std::byte{0}, std::byte{0}, std::byte{9}, out.phase ? std::byte{3} : std::byte{1}};
  const auto plain = as_bytes(text);
  out.payload.assign(plain.begin(), plain.end());
  out.payload.resize(plain.size() + crypto::tag_size);
  by.seal(out.head, out.payload);
  return out;
}

opening open(record_opener& by, record r, std::string* text = nullptr) {
  const auto got = by.open(r.number, r.phase, r.head, r.payload);
  if (got == opening::opened && text != nullptr) {
    *text = as_text(bytes_view(r.payload).first(r.payload.size() - crypto::tag_size));
  }
  return got;
}

// The keys are computed by Python's hmac from the formulas in key_schedule.hpp, the sealed bytes by
// its package cryptography.
TEST(RecordSeal, TheSealedBytesAreTheDocumentedOnes) {
  const auto keys = derive_record_keys(path_key);
  EXPECT_EQ(to_hex(keys.key.view()),
            "d1a02e8af99a27417cabce0b671c5de4b87988e03f1b1acb3140ab5ec4b67a20");
  EXPECT_EQ(to_hex(keys.iv.view()), "9bf806b2b286ea3266845326");
  EXPECT_EQ(to_hex(next_path_key(path_key).view()),
            "48f5d79c32145e5322ba5a9a9d67d80ce14371bcb79d0e6dd4b54cc5ec5e1a55");
  record_sealer chacha(aead::chacha20_poly1305, path_key);
  EXPECT_EQ(to_hex(seal(chacha, 0x0102030405).payload),
            "269f39b3e9c0be581d86e95162dc445b2ffaa5c664ca");
  record_sealer aes(aead::aes_128_gcm, path_key);
  EXPECT_EQ(to_hex(seal(aes, 0x0102030405).payload),
            "8b8cdf52d98e2b3ee6fab34942c1a918f255e68d7c57");
}

TEST(RecordSeal, PiecesMakeTheRecordOfTheWholeAndUseItsNumber) {
  for (const auto kind : both) {
    record_sealer whole(kind, path_key);
    record_sealer cut(kind, path_key);
    const std::string text = "frames in three pieces";
    for (std::uint64_t n = 0; n < 3; ++n) {
      const auto expected = seal(whole, n, text);
      const auto view = as_bytes(text);
      const std::array pieces{view.first(3), view.subspan(3, 10), view.subspan(13)};
      ASSERT_TRUE(cut.next(n));
      bytes out(text.size() + crypto::tag_size);
      cut.seal(expected.head, pieces, out);
      EXPECT_EQ(out, expected.payload);
      EXPECT_FALSE(cut.next(n)) << "no number is sealed twice";
    }
  }
}

TEST(RecordSeal, WhatWasSealedOpensAndNothingElseIsSent) {
  for (const auto kind : both) {
    for (const auto numbers : {order::growing, order::any}) {
      record_sealer sender(kind, path_key);
      record_opener receiver(kind, path_key, numbers);
      for (std::uint64_t n = 0; n < 100; ++n) {
        const auto sent = seal(sender, n, "frames " + std::to_string(n));
        EXPECT_EQ(as_text(sent.payload).find("frames"), std::string::npos);
        std::string text;
        ASSERT_EQ(open(receiver, sent, &text), opening::opened) << n;
        EXPECT_EQ(text, "frames " + std::to_string(n));
      }
    }
  }
}

TEST(RecordSeal, AForgedRecordOpensNowhereAndHarmsNothing) {
  for (const auto kind : both) {
    record_sealer sender(kind, path_key);
    record_opener receiver(kind, path_key, order::any);
    const auto sent = seal(sender, 7);
    std::uint64_t forged = 0;
    const auto expect_forged = [&](const record& r) {
      EXPECT_EQ(open(receiver, r), opening::forged);
      EXPECT_EQ(receiver.forged(), ++forged);
    };
    for (std::size_t i = 0; i < sent.payload.size(); ++i) {
      auto changed = sent;
      changed.payload[i] ^= std::byte{1};
      expect_forged(changed);
    }
    for (std::size_t i = 0; i < sent.head.size(); ++i) {
      auto changed = sent;
      changed.head[i] ^= std::byte{1};
      expect_forged(changed);
    }
    for (std::size_t n = 0; n < sent.payload.size(); ++n) {
      auto cut = sent;
      cut.payload.resize(n);
      expect_forged(cut);
    }
    auto changed = sent;
    changed.number = 8;
    expect_forged(changed);
    changed = sent;
    changed.phase = true;
    expect_forged(changed);
    EXPECT_EQ(open(receiver, sent), opening::opened);
  }
}

TEST(RecordSeal, ARecordOfAnotherPathDirectionOrCipherDoesNotOpen) {
  record_sealer sender(aead::aes_128_gcm, path_key);
  const auto sent = seal(sender, 0);
  record_opener other(aead::aes_128_gcm, secret<32>(filled<32>(0x43)), order::growing);
  EXPECT_EQ(open(other, sent), opening::forged);
  record_opener chacha(aead::chacha20_poly1305, path_key, order::growing);
  EXPECT_EQ(open(chacha, sent), opening::forged);
}

TEST(RecordSeal, OnAStreamCarrierNumbersGrow) {
  record_sealer sender(aead::chacha20_poly1305, path_key);
  record_opener receiver(aead::chacha20_poly1305, path_key, order::growing);
  const auto first = seal(sender, 3);
  const auto skipped = seal(sender, 4);
  const auto second = seal(sender, 9);
  EXPECT_EQ(open(receiver, first), opening::opened);
  EXPECT_EQ(open(receiver, first), opening::replayed);
  EXPECT_EQ(open(receiver, second), opening::opened);
  EXPECT_EQ(open(receiver, skipped), opening::replayed);
}

TEST(RecordSeal, OnADatagramCarrierEachArrivesOnceInAnyOrder) {
  record_sealer sender(aead::aes_128_gcm, path_key);
  record_opener receiver(aead::aes_128_gcm, path_key, order::any);
  std::vector<record> sent;
  for (std::uint64_t n = 0; n < 500; ++n) sent.push_back(seal(sender, 3 * n));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto& r = sent[i * 211 % sent.size()];  // 211 and 500 have no common factor
    EXPECT_EQ(open(receiver, r), opening::opened) << r.number;
    EXPECT_EQ(open(receiver, r), opening::replayed) << r.number;
  }
  for (const auto& r : sent) EXPECT_EQ(open(receiver, r), opening::replayed) << r.number;
}

TEST(RecordSeal, ANumberIsNeverSealedTwice) {
  record_sealer sender(aead::aes_128_gcm, path_key);
  seal(sender, 5);
  EXPECT_FALSE(sender.next(5));
  EXPECT_FALSE(sender.next(4));
  EXPECT_FALSE(sender.next(0));
  ASSERT_TRUE(sender.next(6));  // asked, and not sealed: asked again
  seal(sender, 6);
  EXPECT_FALSE(sender.next(6));
}

TEST(RecordSeal, TheKeyTurnsAtItsLimitAndTheReceiverFollows) {
  for (const auto kind : both) {
    for (const auto numbers : {order::growing, order::any}) {
      record_sealer sender(kind, path_key, 10);
      record_opener receiver(kind, path_key, numbers);
      bool phase = false;
      int turns = 0;
      for (std::uint64_t n = 0; n < 95; ++n) {
        const auto sent = seal(sender, n);
        if (sent.phase != phase) {
          EXPECT_EQ(n % 10, 0u);
          ++turns;
        }
        phase = sent.phase;
        ASSERT_EQ(open(receiver, sent), opening::opened) << n;
        sender.acknowledged(n);
      }
      EXPECT_EQ(turns, 9);
    }
  }
}

TEST(RecordSeal, TheKeyWaitsForAnAcknowledgementAndTheSenderForTheKey) {
  record_sealer sender(aead::aes_128_gcm, path_key, 10);
  for (std::uint64_t n = 0; n < 20; ++n) EXPECT_FALSE(seal(sender, n).phase) << n;
  EXPECT_FALSE(sender.next(20)) << "the key is worn out";
  sender.acknowledged(3);
  EXPECT_TRUE(seal(sender, 20).phase);
  for (std::uint64_t n = 21; n < 40; ++n) EXPECT_TRUE(seal(sender, n).phase);
  sender.acknowledged(19);  // of the phase before: says nothing of this one
  EXPECT_FALSE(sender.next(40));
  sender.acknowledged(41);  // never sent
  EXPECT_FALSE(sender.next(40));
  sender.acknowledged(39);
  EXPECT_FALSE(seal(sender, 40).phase);
}

TEST(RecordSeal, RecordsThatATurnOvertookStillOpen) {
  for (const auto kind : both) {
    record_sealer sender(kind, path_key, 10);
    record_opener receiver(kind, path_key, order::any);
    std::vector<record> sent;
    for (std::uint64_t n = 0; n < 30; ++n) {
      sent.push_back(seal(sender, n));
      sender.acknowledged(n);
    }
    EXPECT_EQ(open(receiver, sent[0]), opening::opened);
    EXPECT_EQ(open(receiver, sent[15]), opening::opened) << "the turn";
    EXPECT_EQ(open(receiver, sent[5]), opening::opened) << "overtaken, under the key before";
    EXPECT_EQ(open(receiver, sent[10]), opening::opened) << "overtaken, under the new key";
    EXPECT_EQ(open(receiver, sent[9]), opening::opened);
    EXPECT_EQ(open(receiver, sent[25]), opening::opened) << "the next turn";
    EXPECT_EQ(open(receiver, sent[12]), opening::opened);
    EXPECT_EQ(open(receiver, sent[7]), opening::forged) << "two keys back is gone";
    for (const auto n : {0, 15, 5, 10, 9, 25, 12}) {
      EXPECT_EQ(open(receiver, sent[static_cast<std::size_t>(n)]), opening::replayed) << n;
    }
  }
}

TEST(RecordSeal, AClaimedTurnThatDoesNotVerifyTurnsNothing) {
  record_sealer sender(aead::chacha20_poly1305, path_key);
  record_opener receiver(aead::chacha20_poly1305, path_key, order::any);
  auto liar = seal(sender, 0);
  liar.phase = true;
  EXPECT_EQ(open(receiver, liar), opening::forged);
  for (std::uint64_t n = 1; n < 5; ++n) {
    EXPECT_EQ(open(receiver, seal(sender, n)), opening::opened);
  }
}

TEST(RecordSeal, TheKeyBeforeCannotBeHadFromTheNextOne) {
  const auto next = next_path_key(path_key);
  std::set<std::string> seen{
      to_hex(path_key.view()), to_hex(next.view()), to_hex(next_path_key(next).view()),
      to_hex(derive_record_keys(path_key).key.view()), to_hex(derive_record_keys(next).key.view())};
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_NE(to_hex(derive_record_keys(path_key).iv.view()),
            to_hex(derive_record_keys(next).iv.view()));
}

/// What the window does, done the slow way.
struct slow_window {
  std::set<std::uint64_t> seen;
  std::uint64_t next = 0;
  bool fresh(std::uint64_t n) const {
    return n >= next || (next - n <= replay_window::size && !seen.contains(n));
  }
  void mark(std::uint64_t n) {
    seen.insert(n);
    next = std::max(next, n + 1);
  }
};

TEST(ReplayWindow, KnowsExactlyTheNumbersOfItsSize) {
  replay_window window;
  slow_window slow;
  std::uint64_t state = 1;
  std::uint64_t front = 0;
  for (int i = 0; i < 30'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto draw = state >> 33;
    if (draw % 1000 == 0) {
      front += draw / 1000 % 20'000;
    } else {
      front += draw % 3;
    }
    const auto back = draw / 7 % (replay_window::size + 100);
    const auto number = front > back ? front - back : front;
    ASSERT_EQ(window.fresh(number), slow.fresh(number)) << number << " of " << slow.next;
    for (const auto edge :
         {slow.next, slow.next + 1, slow.next - std::min(slow.next, replay_window::size),
          slow.next - std::min(slow.next, replay_window::size + 1)}) {
      ASSERT_EQ(window.fresh(edge), slow.fresh(edge)) << edge << " of " << slow.next;
    }
    if (!slow.fresh(number)) continue;
    window.mark(number);
    slow.mark(number);
  }
}

TEST(ReplayWindow, IsLargeEnoughForAFastPath) { EXPECT_GE(replay_window::size, 8192u); }

}  // namespace
}  // namespace rendr::engine
