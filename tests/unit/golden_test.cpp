// SPDX-License-Identifier: Apache-2.0
#include "support/golden.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "policy/graph_text.hpp"
#include "support/golden_document.hpp"
#include "wire/datagram.hpp"
#include "wire/frames.hpp"
#include "wire/handshake.hpp"
#include "wire/record.hpp"

namespace rendr::wire {
namespace {

using golden::from_hex;
using golden::to_hex;

template <std::size_t N>
byte_array<N> counting_from(int first) {
  byte_array<N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return out;
}

/// What each frame vector says, in the order of `golden::frames`.
std::vector<frame> golden_frames() {
  path_ack ack;
  ack.path = 1;
  ack.delay = std::chrono::microseconds(250);
  ack.count = 2;
  ack.ranges[0] = {95, 101};
  ack.ranges[1] = {90, 93};
  return {
      padding{3},
      ping{7},
      pong{7},
      ack,
      path_state{2, 5, path_direction::both, path_report::suspect, 1},
      path_quality{std::chrono::milliseconds(21), std::chrono::microseconds(500), 1'250'000, true},
      open{0, counting_from<16>(0xa0), flow_kind::stream, "best", as_bytes("\x02\x03ssh")},
      accept{0},
      reject{0, 6, "connection refused"},
      data{0, 16384, as_bytes("hello")},
      fin{0, 16389},
      reset{0, 10, 16389},
      stop{1, 10},
      max_data{1, 1 << 20},
      packet{1, 16384, as_bytes("hello")},
      skip{1, 16384},
      graph{3, "", "best:selector(fiber#0,race1:race(lte#1,wifi#2))"},
      select{4, "", "best", "lte"},
      goaway{1, 0, "restart"},
      bye{0},
      new_token{1, counting_from<16>(0xe0), counting_from<32>(0x30)},
      retire_token{1},
      link_slot{slot_owner::pre_shared_key, counting_from<16>(0xa0)},
      ignored{0x33, as_bytes("\xaa\xbb")},
  };
}

const auto dialer_noise = counting_from<32>(0x20);
const auto acceptor_noise = counting_from<48>(0x60);
const auto four = counting_from<4>(0x91);

/// What each handshake vector says, in the order of `golden::handshakes`.
std::vector<handshake_message> golden_handshakes() {
  const auto nonce = counting_from<16>(0x00);
  const auto dialer = counting_from<16>(0x10);
  const auto acceptor = counting_from<16>(0x40);
  const auto link = counting_from<16>(0x50);
  return {
      hello{nonce, dialer, 0, 5, 1, guard::sealed, 90000, hello_pattern::nn_psk0, dialer_noise},
      hello_ack{nonce, acceptor, link, 4, 90000, {}, acceptor_noise},
      attach{0, 1, 2, guard::sealed, counting_from<16>(0x90), counting_from<32>(0xa0)},
      challenge{1, counting_from<16>(0xc0), acceptor, counting_from<32>(0xd0)},
      attach_ack{1, counting_from<32>(0x70)},
      refuse{6, 2, acceptor, {}, "unknown link"},
      ask{hello_pattern::nn_psk0, four},
      answer{four},
  };
}

bytes record_of(record_kind kind, bool key_phase, std::uint64_t number, bytes_view payload) {
  std::array<std::byte, max_record_head> head{};
  const auto head_size = write_record_head(kind, key_phase, number, payload.size(), head);
  const auto crc = record_crc(std::array{bytes_view(head).first(head_size), payload});
  bytes out(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(head_size));
  out.insert(out.end(), payload.begin(), payload.end());
  out.insert(out.end(), crc.begin(), crc.end());
  return out;
}

bytes datagram_of(const datagram_head& head, bytes_view payload) {
  std::array<std::byte, max_datagram_head> room{};
  const auto used = write_datagram_head(head, room);
  bytes out(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(used));
  out.insert(out.end(), payload.begin(), payload.end());
  const auto crc = record_crc(std::array{bytes_view(out)});
  out.insert(out.end(), crc.begin(), crc.end());
  return out;
}

bytes payload_of(std::initializer_list<frame> frames) {
  bytes out(1000);
  std::size_t used = 0;
  for (const auto& f : frames) EXPECT_TRUE(append(f, out, used));
  out.resize(used);
  return out;
}

TEST(GoldenFrames, AreWhatTheEncoderWrites) {
  const auto values = golden_frames();
  ASSERT_EQ(values.size(), golden::frames.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto expected = from_hex(golden::frames[i].hex);
    bytes out(encoded_size(values[i]));
    std::size_t used = 0;
    ASSERT_TRUE(append(values[i], out, used)) << golden::frames[i].name;
    EXPECT_EQ(to_hex(out), to_hex(expected)) << golden::frames[i].name;
  }
}

TEST(GoldenFrames, AreWhatTheReaderUnderstands) {
  const auto values = golden_frames();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto wire = from_hex(golden::frames[i].hex);
    frame_reader reader(wire);
    const auto first = reader.next();
    ASSERT_TRUE(first && *first) << golden::frames[i].name;
    EXPECT_EQ(**first, values[i]) << golden::frames[i].name;
    const auto end = reader.next();
    EXPECT_TRUE(end && !*end) << golden::frames[i].name;
  }
}

TEST(GoldenFrames, CoverEveryTypeOfFrame) {
  std::vector<std::size_t> kinds;
  for (const auto& f : golden_frames()) kinds.push_back(f.index());
  std::vector<std::size_t> all(std::variant_size_v<frame>);
  std::iota(all.begin(), all.end(), std::size_t{0});
  EXPECT_EQ(kinds, all);
}

TEST(GoldenFrames, ShowAGraphThatAnAcceptorTakes) {
  for (const auto& f : golden_frames()) {
    if (const auto* shown = std::get_if<graph>(&f)) {
      EXPECT_TRUE(policy::parse_wire_graph(shown->text)) << shown->text;
    }
  }
}

TEST(GoldenFrames, CutAnywhereAreRefusedOrNothing) {
  for (const auto& v : golden::frames) {
    if (v.name == "frame_padding") continue;  // a shorter padding is a padding
    const auto wire = from_hex(v.hex);
    for (std::size_t cut = 1; cut < wire.size(); ++cut) {
      const auto piece = bytes(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_FALSE(frame_reader(piece).next()) << v.name << " at " << cut;
    }
    const auto nothing = frame_reader({}).next();
    EXPECT_TRUE(nothing && !*nothing);
  }
}

TEST(GoldenHandshakes, AreWhatTheEncoderWrites) {
  const auto values = golden_handshakes();
  ASSERT_EQ(values.size(), golden::handshakes.size());
  ASSERT_EQ(values.size(), std::variant_size_v<handshake_message>);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto expected = from_hex(golden::handshakes[i].hex);
    EXPECT_EQ(to_hex(encode(values[i])), to_hex(expected)) << golden::handshakes[i].name;
    const auto back = decode_handshake(expected);
    ASSERT_TRUE(back) << golden::handshakes[i].name;
    EXPECT_EQ(back->index(), i);
    EXPECT_EQ(to_hex(encode(*back)), to_hex(expected)) << golden::handshakes[i].name;
  }
}

TEST(GoldenRecords, AreWhatTheEncoderWrites) {
  const auto hello_data = data{0, 16384, as_bytes("hello")};
  EXPECT_EQ(record_of(record_kind::frames, false, 5, payload_of({hello_data})),
            golden::find("record_data"));
  EXPECT_EQ(record_of(record_kind::frames, true, 16383, payload_of({ping{7}})),
            golden::find("record_key_phase"));
  const auto first = payload_of({golden_frames()[6], data{0, 0, as_bytes("hello")}, fin{0, 5}});
  EXPECT_EQ(record_of(record_kind::frames, false, 1, first), golden::find("record_first_data"));
  EXPECT_EQ(record_of(record_kind::handshake, false, 0, golden::find("handshake_attach_ack")),
            golden::find("record_handshake"));
  for (const auto& v : golden::records) {
    const auto wire = from_hex(v.hex);
    const auto r = read_record(wire);
    ASSERT_TRUE(r && *r) << v.name;
    EXPECT_EQ(to_hex(record_of((*r)->kind, (*r)->key_phase, (*r)->number, (*r)->payload)),
              to_hex(wire))
        << v.name;
  }
}

TEST(GoldenPrologues, AreWhatTheEncoderWrites) {
  std::array<std::byte, prologue_size> out{};
  write_prologue({form::hello, version, {}}, out);
  EXPECT_EQ(to_hex(out), to_hex(golden::find("prologue_hello")));
  write_prologue({form::attach, version, counting_from<16>(0xe0)}, out);
  EXPECT_EQ(to_hex(out), to_hex(golden::find("prologue_attach")));
}

TEST(GoldenDatagrams, AreWhatTheEncoderWrites) {
  const auto token = counting_from<16>(0xe0);
  EXPECT_EQ(datagram_of({form::record, false, token, 9}, payload_of({ping{7}})),
            golden::find("datagram_ping"));
  EXPECT_EQ(datagram_of({form::record, true, token, 70000}, golden::find("frame_path_ack")),
            golden::find("datagram_key_phase"));
  EXPECT_EQ(datagram_of({form::attach, false, token, 0}, golden::find("handshake_attach")),
            golden::find("datagram_attach"));
  for (const auto& v : golden::datagrams) {
    const auto wire = from_hex(v.hex);
    const auto d = read_datagram(wire);
    ASSERT_TRUE(d) << v.name;
    EXPECT_EQ(to_hex(datagram_of(d->head, d->payload)), to_hex(wire)) << v.name;
  }
}

TEST(GoldenDocument, ShowsEveryVectorAndNoOther) {
  auto shown = golden::lines_of("wire.md");
  const auto compare = [&](const auto& table) {
    for (const auto& v : table) {
      const auto at = shown.find(std::string(v.name));
      ASSERT_NE(at, shown.end()) << v.name;
      EXPECT_EQ(at->second, v.hex) << v.name;
      shown.erase(at);
    }
  };
  compare(golden::frames);
  compare(golden::handshakes);
  compare(golden::prologues);
  compare(golden::records);
  compare(golden::datagrams);
  for (const auto& [name, hex] : shown) ADD_FAILURE() << "unknown vector " << name;
}

TEST(GoldenDocument, ExplainsItsWorkedExampleToTheLastByte) {
  std::ifstream in(golden::document("wire.md"));
  std::string line;
  while (std::getline(in, line) && line != "## A worked example") {
  }
  std::string explained;
  constexpr std::string_view row = "| `";
  while (std::getline(in, line)) {
    if (!line.starts_with(row)) continue;
    explained += line.substr(row.size(), line.find('`', row.size()) - row.size());
  }
  EXPECT_EQ(to_hex(from_hex(explained)), to_hex(golden::find("record_first_data")));
}

}  // namespace
}  // namespace rendr::wire
