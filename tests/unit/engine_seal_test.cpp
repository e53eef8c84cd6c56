// SPDX-License-Identifier: Apache-2.0
// What a path's seal is worth between two endpoints: nothing of a flow is seen on the way, what is
// changed there ends the path alone, and keys turn unnoticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "engine/record/record_writer.hpp"
#include "support/direct_pair.hpp"
#include "wire/handshake.hpp"
#include "wire/record.hpp"

namespace rendr::engine::test {
namespace {

/// Everything that one side sent, by carrier.
class tap {
 public:
  void operator()(carrier_id id, std::deque<std::byte>& data) {
    auto& line = lines_[id];
    line.insert(line.end(), data.begin(), data.end());
  }
  bool shows(std::string_view text) const {
    const auto wanted = as_bytes(text);
    return std::any_of(lines_.begin(), lines_.end(), [&](const auto& line) {
      return std::search(line.second.begin(), line.second.end(), wanted.begin(), wanted.end()) !=
             line.second.end();
    });
  }
  std::vector<bytes> records(carrier_id id, wire::guard guarded) const {
    std::vector<bytes> out;
    auto rest = bytes_view(lines_.at(id)).subspan(wire::prologue_size);
    while (true) {
      const auto r = wire::split_record(rest, guarded);
      if (!r || !r->has_value()) return out;
      out.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>((*r)->size));
      rest = rest.subspan((*r)->size);
    }
  }

 private:
  std::map<carrier_id, bytes> lines_;
};

constexpr std::string_view metadata_text = "metadata of the flow";

struct sealed_pair : direct_pair {
  explicit sealed_pair(endpoint_config here = config(1, false),
                       endpoint_config there = config(2, true))
      : direct_pair(here, there) {
    sealed = true;
    dialer.tamper = std::ref(seen);
    acceptor.tamper = std::ref(seen_back);
  }

  flow_ref talk(std::string_view text) {
    endpoint::open_options options;
    options.metadata = as_bytes(metadata_text);
    const auto flow = *dialer.ep.open_stream(now, link, options);
    EXPECT_EQ(*dialer.ep.write(now, flow, as_bytes(text)), text.size());
    settle();
    return flow;
  }
  std::string heard() { return read_all(acceptor, all<event::incoming_flow>(acceptor).at(0).flow); }
  carrier_id first() const { return dialer.ep.status(now, link)->paths.at(0).carrier; }
  path_status path_there() const { return acceptor.ep.status(now).links.at(0).paths.at(0); }

  tap seen;
  tap seen_back;  ///< what the acceptor sent
};

endpoint_config with_aes(endpoint_config c) {
  c.features = wire::feature_aes_128_gcm;
  return c;
}

TEST(EngineSeal, NothingOfAFlowIsSeenOnASealedPath) {
  for (const bool aes : {false, true}) {
    sealed_pair w(aes ? with_aes(direct_pair::config(1, false)) : direct_pair::config(1, false),
                  aes ? with_aes(direct_pair::config(2, true)) : direct_pair::config(2, true));
    w.connect(1);
    w.advance(100ms);
    const auto flow = w.talk("the secret of the flow");
    EXPECT_EQ(w.heard(), "the secret of the flow");
    const auto id = w.dialer.ep.status(flow)->id;
    EXPECT_FALSE(w.seen.shows("the secret of the flow"));
    EXPECT_FALSE(w.seen.shows(metadata_text));
    EXPECT_FALSE(w.seen.shows(std::string_view(reinterpret_cast<const char*>(id.data()), 16)));
    EXPECT_EQ(w.path_there().guard, aes ? path_guard::aes_128_gcm : path_guard::chacha20_poly1305);
  }
}

TEST(EngineSeal, InPlaintextAFlowIsSeen) {
  sealed_pair w;
  w.sealed = false;
  w.connect(1);
  w.advance(100ms);
  w.talk("the secret of the flow");
  EXPECT_EQ(w.heard(), "the secret of the flow");
  EXPECT_TRUE(w.seen.shows("the secret of the flow"));
  EXPECT_TRUE(w.seen.shows(metadata_text));
  EXPECT_EQ(w.path_there().guard, path_guard::plaintext);
}

TEST(EngineSeal, ASecuredCarrierIsNotSealedTwice) {
  sealed_pair w;
  w.traits.loopback = false;
  w.traits.secured = true;
  w.connect(1);
  w.advance(100ms);
  w.talk("hello");
  EXPECT_EQ(w.heard(), "hello");
  EXPECT_EQ(w.path_there().guard, path_guard::carrier);
}

TEST(EngineSeal, PlaintextOffLoopbackIsRefusedUnlessItIsAllowed) {
  sealed_pair w;
  w.traits.loopback = false;
  w.sealed = false;
  w.connect(1);
  w.advance(1s);
  EXPECT_TRUE(w.acceptor.ep.status(w.now).links.empty());
  w.sealed = true;
  w.connect(1);
  w.advance(100ms);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.size(), 1u);
}

std::uint64_t number_of(const bytes& sealed_record) {
  return (*wire::split_record(sealed_record, wire::guard::sealed))->number;
}

/// Two paths with the flow's bytes under way on the first, and what somebody does to them there.
/// The bytes must arrive all the same, by the other path.
void survives(const std::function<void(sealed_pair&, std::deque<std::byte>&)>& change) {
  sealed_pair w;
  w.connect(2);
  w.advance(200ms);
  w.talk("one ");
  EXPECT_EQ(w.heard(), "one ");
  w.advance(200ms);
  const auto a = w.first();
  bool done = false;
  w.dialer.tamper = [&](carrier_id id, std::deque<std::byte>& data) {
    if (id == a && !done) change(w, data);
    done = done || id == a;
  };
  const auto flow = w.dialer.ep.status(w.now, w.link)->flows.at(0).flow;
  ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("two")), 3u);
  w.advance(3s);
  EXPECT_TRUE(done);
  EXPECT_EQ(w.heard(), "two");
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.at(0).paths.at(0).deaths, 1u);
  EXPECT_EQ(w.acceptor.ep.status(w.now).links.at(0).paths.at(1).deaths, 0u);
}

TEST(EngineSeal, ARecordThatWasChangedOnTheWayEndsItsPathAlone) {
  for (std::size_t i = 3; i < 24; ++i) {
    SCOPED_TRACE(i);
    survives([i](sealed_pair&, auto& data) { data.at(i) ^= std::byte{0x04}; });
  }
}

TEST(EngineSeal, ARecordThatIsPlayedAgainEndsItsPathAlone) {
  survives([](sealed_pair&, auto& data) {
    const auto once = data;
    data.insert(data.end(), once.begin(), once.end());
  });
}

/// A record that is no replay where it is put, at the acceptor's end of path `which`: it must end
/// that path at once and for want of its key, before anything behind it contradicts it.
void expect_it_does_not_open(sealed_pair& w, std::size_t which, const bytes& moved,
                             const bytes& newest_there) {
  EXPECT_GT(number_of(moved), number_of(newest_there));
  const auto here = w.dialer.ep.status(w.now, w.link)->paths.at(which).carrier;
  w.inject(w.acceptor, w.dialer.peer.at(here), moved);
  const auto paths = w.acceptor.ep.status(w.now).links.at(0).paths;
  ASSERT_EQ(paths.at(which).deaths, 1u);
  EXPECT_EQ(paths.at(1 - which).deaths, 0u);
  const auto why = paths.at(which).history.back().detail;
  EXPECT_NE(why.find("a record does not verify"), std::string::npos) << why;
}

TEST(EngineSeal, ARecordOfTheOtherDirectionEndsItsPathAlone) {
  sealed_pair w;
  w.connect(2);
  w.advance(200ms);
  w.talk("one");
  w.advance(200ms);
  // The acceptor says more than it hears: its words wait on the way, or each were answered.
  const auto there = w.dialer.peer.at(w.first());
  w.hold(w.acceptor, there);
  const auto flow = direct_pair::all<event::incoming_flow>(w.acceptor).at(0).flow;
  w.acceptor.ep.accept_flow(w.now, flow);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(*w.acceptor.ep.write(w.now, flow, as_bytes("word")), 4u);
    w.settle();
  }
  expect_it_does_not_open(w, 0, w.seen_back.records(there, wire::guard::sealed).back(),
                          w.seen.records(w.first(), wire::guard::sealed).back());
}

TEST(EngineSeal, ARecordOfAnotherPathEndsItsPathAlone) {
  sealed_pair w;
  w.connect(2);
  w.advance(200ms);
  for (const auto* word : {"one", "two", "three"}) {
    w.talk(word);
    w.advance(200ms);
  }
  const auto a = w.first();
  const auto b = w.dialer.ep.status(w.now, w.link)->paths.at(1).carrier;
  const auto earlier = w.seen.records(a, wire::guard::sealed).size();
  w.talk("four");
  expect_it_does_not_open(w, 1, w.seen.records(a, wire::guard::sealed).at(earlier),
                          w.seen.records(b, wire::guard::sealed).back());
}

TEST(EngineSeal, FramesUnderAChecksumAreNotTakenOnASealedPath) {
  survives([](sealed_pair&, auto& data) {
    const bytes payload{std::byte{0x20}, std::byte{0}};  // BYE
    std::array<std::byte, wire::max_record_head> head{};
    const auto size =
        wire::write_record_head(wire::record_kind::frames, false, 1000, payload.size(), head);
    const std::array<bytes_view, 2> pieces{bytes_view(head).first(size), payload};
    const auto crc = wire::record_crc(pieces);
    data.assign(pieces[0].begin(), pieces[0].end());
    data.insert(data.end(), payload.begin(), payload.end());
    data.insert(data.end(), crc.begin(), crc.end());
  });
}

TEST(EngineSeal, KeysTurnWhileAFlowRuns) {
  auto here = direct_pair::config(1, false);
  auto there = direct_pair::config(2, true);
  here.records_per_key = there.records_per_key = 8;
  sealed_pair w(here, there);
  w.connect(1);
  w.advance(100ms);
  const auto flow = w.talk("0");
  std::string sent = "0";
  std::string got = w.heard();
  for (int i = 1; i < 200; ++i) {
    const auto text = std::to_string(i);
    ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes(text)), text.size());
    w.advance(20ms);
    sent += text;
    got += w.heard();
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(w.path_there().deaths, 0u);
  int turns = 0;
  bool phase = false;
  for (const auto& record : w.seen.records(w.first(), wire::guard::sealed)) {
    const auto r = *wire::split_record(record, wire::guard::sealed);
    turns += r->key_phase != phase ? 1 : 0;
    phase = r->key_phase;
  }
  EXPECT_GE(turns, 10);
}

TEST(EngineSeal, APeerThatAcknowledgesNothingWearsOutTheKeyAndLosesThePath) {
  auto here = direct_pair::config(1, false);
  here.records_per_key = 8;
  sealed_pair w(here, direct_pair::config(2, true));
  w.connect(1);
  w.advance(100ms);
  const auto flow = w.talk("x");
  w.hold(w.acceptor, w.dialer.peer.at(w.first()));
  for (int i = 0; i < 40 && w.dialer.ep.status(w.now, w.link)->paths.at(0).deaths == 0; ++i) {
    ASSERT_EQ(*w.dialer.ep.write(w.now, flow, as_bytes("y")), 1u);
    w.settle();
  }
  const auto path = w.dialer.ep.status(w.now, w.link)->paths.at(0);
  ASSERT_EQ(path.deaths, 1u);
  EXPECT_NE(path.history.back().detail.find("worn out"), std::string::npos);
}

/// Somebody on the way changes the first record of a hello.
bool link_comes_up(const std::function<void(wire::hello&)>& change) {
  sealed_pair w;
  bool first = true;
  w.dialer.tamper = [&](carrier_id, std::deque<std::byte>& data) {
    if (!std::exchange(first, false)) return;
    const bytes whole(data.begin(), data.end());
    const auto record = *wire::read_record(bytes_view(whole).subspan(wire::prologue_size));
    auto message = *wire::decode_handshake(record->payload);
    change(std::get<wire::hello>(message));
    bytes out(whole.begin(), whole.begin() + wire::prologue_size);
    append_handshake(out, record->number, wire::encode(message), nullptr);
    data.assign(out.begin(), out.end());
  };
  w.connect(1);
  w.advance(300ms);
  return !first && !w.acceptor.ep.status(w.now).links.empty();
}

TEST(EngineSeal, NobodyOnTheWayTalksAPathOutOfItsSeal) {
  EXPECT_TRUE(link_comes_up([](wire::hello&) {}));
  EXPECT_FALSE(link_comes_up([](wire::hello& h) { h.guarded = wire::guard::checksum; }));
}

}  // namespace
}  // namespace rendr::engine::test
