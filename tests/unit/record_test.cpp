// SPDX-License-Identifier: Apache-2.0
#include "wire/record.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/golden.hpp"
#include "wire/datagram.hpp"
#include "wire/varint.hpp"

namespace rendr::wire {
namespace {

using golden::from_hex;
using golden::to_hex;

bytes with_crc(bytes body) {
  const auto crc = record_crc(std::array{bytes_view(body)});
  body.insert(body.end(), crc.begin(), crc.end());
  return body;
}

/// Head from the library, payload from elsewhere, checksum over both pieces.
bytes record_of(record_kind kind, bool key_phase, std::uint64_t number, bytes_view payload) {
  std::array<std::byte, max_record_head> head{};
  const auto head_size = write_record_head(kind, key_phase, number, payload.size(), head);
  const auto head_view = bytes_view(head).first(head_size);
  const auto crc = record_crc(std::array{head_view, payload});
  bytes out(head_view.begin(), head_view.end());
  out.insert(out.end(), payload.begin(), payload.end());
  out.insert(out.end(), crc.begin(), crc.end());
  return out;
}

bool refused(bytes_view in) {
  const auto r = read_record(in);
  return !r && r.error() == errc::protocol_violation;
}

bool incomplete(bytes_view in) {
  const auto r = read_record(in);
  return r && !*r;
}

TEST(Records, ComeBackAsTheyWereSent) {
  std::mt19937_64 random(21);
  for (int i = 0; i < 2000; ++i) {
    bytes payload(1 + random() % (i % 10 == 0 ? 60000 : 300));
    for (auto& b : payload) b = static_cast<std::byte>(random() & 0xff);
    const auto number = (random() & max_varint) >> (random() % 62);
    const auto kind = random() % 2 == 0 ? record_kind::frames : record_kind::handshake;
    const bool key_phase = kind == record_kind::frames && random() % 2 == 0;
    auto wire = record_of(kind, key_phase, number, payload);
    const auto size = wire.size();
    wire.resize(size + random() % 20, std::byte{0x5a});  // the next record's beginning

    const auto r = read_record(wire);
    ASSERT_TRUE(r && *r);
    EXPECT_EQ((*r)->kind, kind);
    EXPECT_EQ((*r)->key_phase, key_phase);
    EXPECT_EQ((*r)->number, number);
    EXPECT_EQ((*r)->size, size);
    ASSERT_TRUE(std::ranges::equal((*r)->payload, payload));
    EXPECT_GE((*r)->payload.data(), wire.data());
    EXPECT_EQ(*record_size(wire), size);
  }
}

TEST(Records, AreIncompleteAtEveryCut) {
  for (const auto& v : golden::records) {
    const auto wire = from_hex(v.hex);
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
      ASSERT_TRUE(incomplete(bytes_view(wire).first(cut))) << v.name << " at " << cut;
    }
    EXPECT_FALSE(incomplete(wire));
  }
}

TEST(Records, WithOneBitFlippedAreNeverAccepted) {
  for (const auto& v : golden::records) {
    auto wire = from_hex(v.hex);
    wire.resize(wire.size() + max_record_size,
                std::byte{0});  // so that a longer length is complete
    const auto size = from_hex(v.hex).size();
    for (std::size_t bit = 0; bit < size * 8; ++bit) {
      const auto mask = static_cast<std::byte>(1u << (bit % 8));
      wire[bit / 8] ^= mask;
      ASSERT_TRUE(refused(wire)) << v.name << " bit " << bit;
      wire[bit / 8] ^= mask;
    }
    EXPECT_FALSE(refused(wire));
  }
}

TEST(Records, OfABigPayloadAreNeverAcceptedWithOneBitFlipped) {
  const bytes payload(9000, std::byte{0xa5});
  auto wire = record_of(record_kind::frames, false, 77, payload);
  for (std::size_t bit = 24; bit < wire.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1u << (bit % 8));
    wire[bit / 8] ^= mask;
    ASSERT_TRUE(refused(wire)) << bit;
    wire[bit / 8] ^= mask;
  }
}

TEST(Records, HaveALengthWithinBounds) {
  EXPECT_TRUE(refused(from_hex("000000")));
  EXPECT_TRUE(refused(from_hex("000006"))) << "no room for a payload";
  EXPECT_TRUE(incomplete(from_hex("000007")));
  EXPECT_TRUE(incomplete(from_hex("00fffd")));
  EXPECT_TRUE(refused(from_hex("00fffe"))) << "one byte above 64 KiB";
  EXPECT_TRUE(refused(from_hex("ffffff")));
  EXPECT_EQ(*record_size(from_hex("00fffd")), max_record_size);
  EXPECT_EQ(*record_size(from_hex("00ff")), std::nullopt);
}

TEST(Records, MayBeSixtyFourKibibytesLong) {
  const bytes payload(max_record_size - max_record_head - crc_size, std::byte{1});
  const auto wire = record_of(record_kind::frames, false, max_varint, payload);
  EXPECT_EQ(wire.size(), max_record_size);
  EXPECT_TRUE(read_record(wire).value());
}

TEST(Records, RefuseWhatIsNotCanonicalUnderAGoodChecksum) {
  EXPECT_FALSE(refused(with_crc(from_hex("000008 01 05 0207"))));
  EXPECT_TRUE(refused(with_crc(from_hex("000008 05 05 0207")))) << "unknown flag";
  EXPECT_TRUE(refused(with_crc(from_hex("000008 81 05 0207")))) << "unknown flag";
  EXPECT_TRUE(refused(with_crc(from_hex("000008 02 05 0207")))) << "key phase of a handshake";
  EXPECT_TRUE(refused(with_crc(from_hex("000009 01 4005 0207")))) << "long form of the number";
  EXPECT_TRUE(refused(with_crc(from_hex("000007 01 4041")))) << "no payload";
  EXPECT_TRUE(refused(with_crc(from_hex("000008 01 80aabb")))) << "number cut by the checksum";
}

TEST(Prologues, ComeBackAsTheyWereSent) {
  for (const auto kind : {form::hello, form::attach, form::record}) {
    prologue p{kind, version, {}};
    for (std::size_t i = 0; i < p.token.size(); ++i) p.token[i] = static_cast<std::byte>(i * 7);
    std::array<std::byte, prologue_size> wire{};
    write_prologue(p, wire);
    const auto back = read_prologue(wire);
    ASSERT_TRUE(back && *back);
    EXPECT_EQ(**back, p);
  }
}

TEST(Prologues, WaitForTheirLastByte) {
  const auto wire = golden::find("prologue_attach");
  for (std::size_t cut = 0; cut < wire.size(); ++cut) {
    const auto p = read_prologue(bytes_view(wire).first(cut));
    ASSERT_TRUE(p) << cut;
    EXPECT_FALSE(*p) << cut;
  }
}

TEST(Prologues, OfOtherProtocolsAreRefusedAtTheirFirstByte) {
  for (const std::string_view other : {"GET / HTTP/1.1", "SSH-2.0-OpenSSH", "\x16\x03\x01", "\n"}) {
    const auto p = read_prologue(as_bytes(other.substr(0, 1)));
    ASSERT_FALSE(p) << other;
    EXPECT_EQ(p.error(), errc::protocol_violation);
  }
  for (int first = 0; first < 256; ++first) {
    const bytes one{static_cast<std::byte>(first)};
    EXPECT_EQ(read_prologue(one).has_value(), first >= 1 && first <= 3) << first;
  }
}

TEST(Prologues, OfAnotherVersionSaySo) {
  for (int other = 0; other < 256; ++other) {
    const bytes two{std::byte{1}, static_cast<std::byte>(other)};
    const auto p = read_prologue(two);
    EXPECT_EQ(p.has_value(), other == version);
    if (!p) {
      EXPECT_EQ(p.error(), errc::version_mismatch) << other;
    }
  }
}

bytes datagram_of(const datagram_head& head, bytes_view payload) {
  std::array<std::byte, max_datagram_head> room{};
  const auto used = write_datagram_head(head, room);
  bytes out(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(used));
  out.insert(out.end(), payload.begin(), payload.end());
  return with_crc(std::move(out));
}

TEST(Datagrams, ComeBackAsTheyWereSent) {
  std::mt19937_64 random(22);
  for (int i = 0; i < 1000; ++i) {
    datagram_head head;
    head.kind = static_cast<form>(1 + random() % 3);
    head.key_phase = head.kind == form::record && random() % 2 == 0;
    head.number = (random() & max_varint) >> (random() % 62);
    for (auto& b : head.token) b = static_cast<std::byte>(random() & 0xff);
    const bytes payload(1 + random() % 1400, std::byte{0x77});
    const auto wire = datagram_of(head, payload);
    const auto back = read_datagram(wire);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->head, head);
    EXPECT_TRUE(std::ranges::equal(back->payload, payload));
    EXPECT_LE(wire.size() - payload.size(), max_datagram_overhead);
  }
}

TEST(Datagrams, CutOrWithOneBitFlippedAreNeverAccepted) {
  for (const auto& v : golden::datagrams) {
    auto wire = from_hex(v.hex);
    ASSERT_TRUE(read_datagram(wire));
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
      ASSERT_FALSE(read_datagram(bytes_view(wire).first(cut))) << v.name << " at " << cut;
    }
    for (std::size_t bit = 0; bit < wire.size() * 8; ++bit) {
      const auto mask = static_cast<std::byte>(1u << (bit % 8));
      wire[bit / 8] ^= mask;
      ASSERT_FALSE(read_datagram(wire)) << v.name << " bit " << bit;
      wire[bit / 8] ^= mask;
    }
  }
}

TEST(Datagrams, RefuseWhatIsNotCanonicalUnderAGoodChecksum) {
  const std::string token = "000102030405060708090a0b0c0d0e0f";
  EXPECT_TRUE(read_datagram(with_crc(from_hex("0301" + token + "05 0207"))));
  EXPECT_TRUE(read_datagram(with_crc(from_hex("8301" + token + "05 0207"))));
  EXPECT_FALSE(read_datagram(with_crc(from_hex("8101" + token + "05 0207")))) << "phase of a hello";
  EXPECT_FALSE(read_datagram(with_crc(from_hex("4301" + token + "05 0207")))) << "unknown bit";
  EXPECT_FALSE(read_datagram(with_crc(from_hex("0401" + token + "05 0207")))) << "unknown form";
  EXPECT_FALSE(read_datagram(with_crc(from_hex("0301" + token + "4005 0207")))) << "long number";
  EXPECT_FALSE(read_datagram(with_crc(from_hex("0301" + token + "05")))) << "no payload";
  EXPECT_FALSE(read_datagram(with_crc(from_hex("0301" + token)))) << "no number";
  EXPECT_EQ(read_datagram(with_crc(from_hex("0302" + token + "05 0207"))).error(),
            errc::version_mismatch);
}

}  // namespace
}  // namespace rendr::wire
