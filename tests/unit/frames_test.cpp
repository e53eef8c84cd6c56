// SPDX-License-Identifier: Apache-2.0
#include "wire/frames.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/golden.hpp"

namespace rendr::wire {
namespace {

using golden::from_hex;
using golden::to_hex;

/// The frames of `payload`; nullopt when the reader refused it.
std::optional<std::vector<frame>> parsed(bytes_view payload) {
  frame_reader reader(payload);
  std::vector<frame> out;
  for (;;) {
    auto next = reader.next();
    if (!next) {
      EXPECT_EQ(next.error(), errc::protocol_violation);
      EXPECT_FALSE(reader.next()) << "the first error sticks";
      return std::nullopt;
    }
    if (!*next) return out;
    out.push_back(**next);
  }
}

bool refused(std::string_view hex) { return !parsed(from_hex(hex)); }

bytes encoded(const frame& f) {
  bytes out(encoded_size(f));
  std::size_t used = 0;
  EXPECT_TRUE(append(f, out, used));
  EXPECT_EQ(used, out.size());
  return out;
}

/// A frame that the format cannot say is neither counted nor written.
bool unsayable(const frame& f) {
  bytes out(128 * 1024);
  std::size_t used = 5;
  const bool written = append(f, out, used);
  EXPECT_EQ(written, encoded_size(f) != 0);
  EXPECT_EQ(written, used != 5);
  return !written;
}

path_ack ack_of(std::initializer_list<range> ranges) {
  path_ack a;
  for (const auto& r : ranges) a.ranges[a.count++] = r;
  return a;
}

/// Draws frames whose views point into a text it owns.
class frame_source {
 public:
  explicit frame_source(std::uint64_t seed) : random_(seed), text_(40000, 'x') {
    for (auto& c : text_) c = alphabet[random_() % alphabet.size()];
  }

  frame next() {
    switch (random_() % 24) {
      case 0:
        return padding{1 + random_() % 100};
      case 1:
        return ping{number()};
      case 2:
        return pong{number()};
      case 3:
        return ack();
      case 4:
        return path_state{number(), number(), static_cast<path_direction>(random_() % 3),
                          static_cast<path_report>(random_() % 5), number()};
      case 5:
        return open_flow();
      case 6:
        return accept{number()};
      case 7:
        return reject{number(), number(), text(max_reason)};
      case 8:
        return data{number(), number() / 2, as_bytes(text(2000))};
      case 9:
        return fin{number(), number()};
      case 10:
        return reset{number(), number(), number()};
      case 11:
        return stop{number(), number()};
      case 12:
        return max_data{number(), number()};
      case 13:
        return graph{number(), text(max_name), text(max_graph_text)};
      case 14:
        return select{number(), text(max_name), text(max_name), text(max_name)};
      case 15:
        return goaway{number(), number(), text(max_reason)};
      case 16:
        return bye{number()};
      case 18:
        return packet{number(), number() / 2, as_bytes(text(2000))};
      case 19:
        return skip{number(), number()};
      case 17:
        return path_quality{micros(), micros(), number(), random_() % 2 == 0};
      case 20:
        return new_token{number(), array<16>(), array<32>()};
      case 21:
        return retire_token{number()};
      case 22:
        return link_slot{static_cast<slot_owner>(random_() % 2), array<16>()};
      default:
        return ignored{(number() / 4) * 4 + 3, as_bytes(text(300))};
    }
  }

 private:
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

  duration micros() { return std::chrono::microseconds(random_() % (1 << 30)); }
  std::uint64_t number() { return (random_() & max_varint) >> (random_() % 62); }

  template <std::size_t N>
  byte_array<N> array() {
    byte_array<N> out;
    for (auto& b : out) b = static_cast<std::byte>(random_() & 0xff);
    return out;
  }

  std::string_view text(std::size_t limit) {
    const auto size = random_() % 4 == 0 ? limit : random_() % (limit + 1);
    return std::string_view(text_).substr(random_() % (text_.size() - size), size);
  }

  open open_flow() {
    open f;
    f.flow = number();
    for (auto& b : f.id) b = static_cast<std::byte>(random_() & 0xff);
    f.kind = static_cast<flow_kind>(random_() % 2);
    f.root = text(max_name);
    f.metadata = as_bytes(text(max_metadata));
    return f;
  }

  path_ack ack() {
    path_ack a;
    a.path = number();
    a.delay = std::chrono::microseconds(random_() % (1 << 30));
    const auto ranges = 1 + random_() % max_ack_ranges;
    auto top = (number() >> 1) + (1u << 20);
    for (; a.count < ranges; ++a.count) {
      const auto size = 1 + random_() % 1000;
      a.ranges[a.count] = {top - size, top};
      top -= size + 1 + random_() % 1000;
    }
    return a;
  }

  std::mt19937_64 random_;
  std::string text_;
};

TEST(Frames, ComeBackAsTheyWereSent) {
  frame_source source(11);
  for (int i = 0; i < 20000; ++i) {
    const auto f = source.next();
    const auto out = encoded(f);
    const auto back = parsed(out);
    ASSERT_TRUE(back) << to_hex(out);
    ASSERT_EQ(*back, std::vector{f}) << to_hex(out);
  }
}

TEST(Frames, OfOneRecordComeInOrder) {
  frame_source source(12);
  for (int round = 0; round < 200; ++round) {
    bytes payload(200 * 1024);
    std::size_t used = 0;
    std::vector<frame> sent;
    while (sent.size() < 6) {
      const auto f = source.next();
      // Two paddings in a row are one.
      if (!sent.empty() && std::holds_alternative<padding>(f) &&
          std::holds_alternative<padding>(sent.back())) {
        continue;
      }
      ASSERT_TRUE(append(f, payload, used));
      sent.push_back(f);
    }
    payload.resize(used);
    ASSERT_EQ(parsed(payload), sent);
  }
}

TEST(Frames, OfNoiseAreRefusedOrCanonical) {
  std::mt19937_64 random(13);
  int understood = 0;
  for (int i = 0; i < 200000; ++i) {
    bytes noise(1 + random() % 24);
    for (auto& b : noise) b = static_cast<std::byte>(random() % (random() % 2 == 0 ? 256 : 52));
    const auto frames = parsed(noise);
    if (!frames) continue;
    ++understood;
    bytes again(noise.size());
    std::size_t used = 0;
    for (const auto& f : *frames) ASSERT_TRUE(append(f, again, used)) << to_hex(noise);
    ASSERT_EQ(used, again.size());
    ASSERT_EQ(to_hex(again), to_hex(noise));
  }
  EXPECT_GT(understood, 1000);
}

TEST(Frames, ThatDoNotFitChangeNothing) {
  frame_source source(14);
  for (int i = 0; i < 500; ++i) {
    const auto f = source.next();
    const auto size = encoded_size(f);
    bytes out(size + 2);
    std::size_t used = 3;
    EXPECT_FALSE(append(f, out, used));
    EXPECT_EQ(used, 3u);
    used = 2;
    EXPECT_TRUE(append(f, out, used));
    EXPECT_EQ(used, out.size());
  }
}

TEST(Frames, HeadOfDataIsThatOfTheWholeFrame) {
  for (const std::size_t size : {0u, 1u, 63u, 64u, 16383u, 16384u, 60000u}) {
    const bytes payload(size, std::byte{'z'});
    const auto whole = encoded(data{5, 1u << 20, payload});
    bytes head(max_varint_size * 4);
    std::size_t used = 0;
    ASSERT_TRUE(append_data_head(5, 1u << 20, size, head, used));
    EXPECT_EQ(used, data_head_size(5, 1u << 20, size));
    EXPECT_EQ(used + size, whole.size());
    EXPECT_TRUE(
        std::equal(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(used), whole.begin()));
    bytes small(used - 1);
    std::size_t none = 0;
    EXPECT_FALSE(append_data_head(5, 1u << 20, size, small, none));
    EXPECT_EQ(none, 0u);
  }
}

TEST(Frames, ViewsPointIntoThePayload) {
  const auto payload = golden::find("frame_data");
  const auto frames = parsed(payload);
  ASSERT_TRUE(frames);
  EXPECT_EQ(std::get<data>(frames->front()).payload.data(), payload.data() + payload.size() - 5);
}

TEST(Frames, OnlyAcksAndPaddingOweNoAck) {
  for (const auto& v : golden::frames) {
    const auto frames = parsed(from_hex(v.hex));
    ASSERT_TRUE(frames) << v.name;
    EXPECT_EQ(ack_eliciting(frames->front()), v.name != "frame_padding" &&
                                                  v.name != "frame_path_ack" &&
                                                  v.name != "frame_path_quality")
        << v.name;
  }
}

TEST(FrameTypes, OddAndUnknownOnesAreIgnoredWithTheirLength) {
  const auto frames = parsed(from_hex("3302aabb 0207 4041 00 ffffffffffffffff 01 cc"));
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 4u);
  EXPECT_EQ(std::get<ignored>((*frames)[0]).type, 0x33u);
  EXPECT_EQ(std::get<ping>((*frames)[1]).id, 7u);
  EXPECT_EQ(std::get<ignored>((*frames)[2]).type, 0x41u);
  EXPECT_EQ(std::get<ignored>((*frames)[3]).body.size(), 1u);
  EXPECT_TRUE(refused("3303aabb")) << "a length beyond the record";
}

TEST(FrameTypes, TheReservedTimeStampIsOddAndThusIgnored) {
  const auto frames = parsed(from_hex("310100"));
  ASSERT_TRUE(frames);
  EXPECT_EQ(std::get<ignored>(frames->front()).type, 0x31u);
}

TEST(FrameTypes, TheLengthOfLinkSlotIsThatOfItsFieldsAndItsOwnerIsKnown) {
  const std::string id = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
  EXPECT_FALSE(refused("35 11 00" + id));
  EXPECT_TRUE(refused("35 12 00" + id + "00"));
  EXPECT_TRUE(refused("35 10 00" + id.substr(2)));
  EXPECT_TRUE(refused("35 11 02" + id));
}

TEST(FrameTypes, TheLengthOfPathQualityIsThatOfItsFields) {
  EXPECT_FALSE(refused("09 04 00 00 00 00"));
  EXPECT_TRUE(refused("09 05 00 00 00 00 00")) << "a byte behind its fields";
  EXPECT_TRUE(refused("09 03 00 00 00")) << "a field missing";
  EXPECT_TRUE(refused("09 04 00 00 00 02")) << "filled is 0 or 1";
  EXPECT_TRUE(refused("09 0b ffffffffffffffff 00 00 00")) << "a latency beyond 2^30 us";
}

TEST(FrameTypes, EvenAndUnknownOnesAreViolations) {
  for (const auto* hex : {"3200", "4040 00", "fffffffffffffffe 00"}) EXPECT_TRUE(refused(hex));
}

TEST(FrameTypes, ReservedOnesAreViolationsUntilNegotiated) {
  for (const auto type :
       {frame_type::packet, frame_type::fec_repair, frame_type::moved, frame_type::path_challenge,
        frame_type::path_response, frame_type::ack_ecn}) {
    const bytes payload{static_cast<std::byte>(type), std::byte{0}};
    EXPECT_FALSE(parsed(payload)) << static_cast<int>(type);
  }
}

TEST(Canonical, NumbersTakeTheirShortestForm) {
  EXPECT_FALSE(refused("0207"));
  EXPECT_TRUE(refused("024007"));
  EXPECT_TRUE(refused("400207")) << "of the type";
  EXPECT_TRUE(refused("0280000007"));
  EXPECT_TRUE(refused("02c000000000000007"));
  EXPECT_TRUE(refused("33 4002 aabb")) << "of a length";
}

TEST(Canonical, AckRangesCannotTouchOrPassZero) {
  // path, delay, largest, further ranges, numbers below the largest { gap - 1, numbers below }
  EXPECT_FALSE(refused("06 00 00 05 00 05"));
  EXPECT_TRUE(refused("06 00 00 05 00 06")) << "below number 0";
  EXPECT_FALSE(refused("06 00 00 05 01 00 00 03"));
  EXPECT_TRUE(refused("06 00 00 05 01 00 00 04")) << "second range below number 0";
  EXPECT_FALSE(refused("06 00 00 02 01 00 00 00")) << "2 and 0";
  EXPECT_TRUE(refused("06 00 00 01 01 00 00 00")) << "no number below 0";
  EXPECT_TRUE(refused("06 00 00 05 01 00 04 00")) << "gap beyond 0";
  EXPECT_TRUE(refused("06 00 00 05 01 00 ffffffffffffffff 00")) << "gap beyond everything";
  EXPECT_TRUE(refused("06 00 00 05 01 00")) << "fewer ranges than said";
}

TEST(Canonical, AckRangesAreAtMostThirtyTwo) {
  std::string most = "06 00 00 4100 1f 00";
  for (int i = 0; i < 31; ++i) most += " 00 00";
  EXPECT_FALSE(refused(most));
  std::string more = "06 00 00 4100 20 00";
  for (int i = 0; i < 32; ++i) more += " 00 00";
  EXPECT_TRUE(refused(more));
}

TEST(Canonical, AckDelayIsBounded) {
  EXPECT_FALSE(refused("06 00 bfffffff 05 00 00"));
  EXPECT_TRUE(refused("06 00 c000000040000000 05 00 00"));
  auto late = ack_of({{0, 1}});
  late.delay = duration::max();
  EXPECT_EQ(to_hex(encoded(late)), "0600bfffffff000000");
  late.delay = duration(-1);
  EXPECT_EQ(to_hex(encoded(late)), "060000000000");
}

TEST(Canonical, AcksThatTheFormatCannotSayAreNotWritten) {
  EXPECT_FALSE(unsayable(ack_of({{5, 6}, {3, 4}})));
  EXPECT_TRUE(unsayable(ack_of({})));
  EXPECT_TRUE(unsayable(ack_of({{5, 5}})));
  EXPECT_TRUE(unsayable(ack_of({{5, 6}, {3, 3}})));
  EXPECT_TRUE(unsayable(ack_of({{5, 6}, {3, 5}}))) << "adjacent";
  EXPECT_TRUE(unsayable(ack_of({{5, 9}, {3, 6}}))) << "overlapping";
  EXPECT_TRUE(unsayable(ack_of({{3, 4}, {5, 6}}))) << "oldest first";
  EXPECT_TRUE(unsayable(ack_of({{5, max_varint + 2}}))) << "beyond the numbers";
}

TEST(Limits, HoldForNames) {
  const std::string longest(max_name, 'n');
  const auto longer = longest + 'n';
  EXPECT_FALSE(unsayable(select{1, longest, longest, longest}));
  EXPECT_TRUE(unsayable(select{1, "", longer, ""}));
  EXPECT_TRUE(unsayable(select{1, "", "", longer}));
  EXPECT_TRUE(unsayable(select{1, longer, "", ""}));
  EXPECT_TRUE(unsayable(graph{1, longer, "p"}));
  EXPECT_TRUE(unsayable(open{0, {}, flow_kind::stream, longer, {}}));
  for (const char c : {'/', ' ', ':', '\0', '\x7f', '\xc3', '(', ','}) {
    const std::string name(1, c);
    EXPECT_TRUE(unsayable(select{1, "", name, ""})) << static_cast<int>(c);
    const bytes wire{std::byte{0x1c}, std::byte{1}, std::byte{1}, static_cast<std::byte>(c),
                     std::byte{0}};
    EXPECT_FALSE(parsed(wire)) << static_cast<int>(c);
  }
  std::string wire = "1c 01 4041";
  for (std::size_t i = 0; i < max_name + 1; ++i) wire += "6e";
  EXPECT_TRUE(refused(wire + "00"));
}

/// A frame that begins with `head`, then a length and so many bytes, then `tail`.
bytes with_length(std::string_view head, std::size_t size, std::string_view tail = "") {
  auto out = from_hex(head);
  bytes length(max_varint_size);
  length.resize(write_varint(size, length));
  out.insert(out.end(), length.begin(), length.end());
  out.insert(out.end(), size, std::byte{'t'});
  const auto end = from_hex(tail);
  out.insert(out.end(), end.begin(), end.end());
  return out;
}

TEST(Limits, HoldForTextsAndMetadata) {
  const auto open_head = "0a00 000102030405060708090a0b0c0d0e0f 00 00";
  EXPECT_TRUE(parsed(with_length(open_head, max_metadata)));
  EXPECT_FALSE(parsed(with_length(open_head, max_metadata + 1)));
  EXPECT_TRUE(parsed(with_length("1a0100", max_graph_text)));
  EXPECT_FALSE(parsed(with_length("1a0100", max_graph_text + 1)));
  EXPECT_TRUE(parsed(with_length("0e0000", max_reason)));
  EXPECT_FALSE(parsed(with_length("0e0000", max_reason + 1)));
  EXPECT_TRUE(parsed(with_length("1e0000", max_reason)));
  EXPECT_FALSE(parsed(with_length("1e0000", max_reason + 1)));

  const std::string long_text(max_graph_text + 1, 't');
  const std::string_view text(long_text);
  EXPECT_TRUE(unsayable(graph{1, "", text}));
  EXPECT_TRUE(unsayable(reject{0, 0, text.substr(0, max_reason + 1)}));
  EXPECT_TRUE(unsayable(goaway{0, 0, text.substr(0, max_reason + 1)}));
  EXPECT_TRUE(
      unsayable(open{0, {}, flow_kind::stream, "", as_bytes(text.substr(0, max_metadata + 1))}));
}

TEST(Limits, HoldForStreamOffsets) {
  // flow, offset, length
  EXPECT_FALSE(refused("10 00 fffffffffffffffe 01 aa"));
  EXPECT_FALSE(refused("10 00 ffffffffffffffff 00"));
  EXPECT_TRUE(refused("10 00 ffffffffffffffff 01 aa"));
  EXPECT_TRUE(refused("10 00 00 ffffffffffffffff aa")) << "longer than the record";
  EXPECT_TRUE(unsayable(data{0, max_varint, as_bytes("x")}));
  EXPECT_FALSE(unsayable(data{0, max_varint - 1, as_bytes("x")}));
  EXPECT_EQ(data_head_size(0, max_varint, 1), 0u);
}

TEST(Limits, HoldForNumbers) {
  EXPECT_TRUE(unsayable(ping{max_varint + 1}));
  EXPECT_TRUE(unsayable(max_data{1, max_varint + 1}));
  EXPECT_TRUE(unsayable(ignored{2, {}})) << "an even type cannot be ignored";
}

TEST(Limits, HoldForSmallEnums) {
  EXPECT_TRUE(refused("08 02 05 03 02 01")) << "direction";
  EXPECT_TRUE(refused("08 02 05 00 05 01")) << "state";
  EXPECT_TRUE(refused("0a00 000102030405060708090a0b0c0d0e0f 02 00 00")) << "flow kind";
  EXPECT_TRUE(unsayable(path_state{0, 0, path_direction{3}, path_report::dead, 0}));
  EXPECT_TRUE(unsayable(path_state{0, 0, path_direction::both, path_report{5}, 0}));
  EXPECT_TRUE(unsayable(open{0, {}, flow_kind{2}, "", {}}));
}

}  // namespace
}  // namespace rendr::wire
