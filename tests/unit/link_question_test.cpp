// SPDX-License-Identifier: Apache-2.0
// A server that proves its key and does not know the link ends it in seconds; nobody else does.
#include <gtest/gtest.h>

#include "engine/door/handshake.hpp"
#include "support/hex.hpp"
#include "support/servers_and_clients.hpp"
#include "wire/handshake.hpp"

namespace rendr::engine::test {
namespace {

constexpr std::uint8_t first = 200;
constexpr std::uint8_t second = 201;

credentials pinned(credentials& server) {
  server = {};
  server.own_key.emplace(filled<32>(0x22));
  credentials keys;
  keys.peer_key = public_key_of(*server.own_key);
  return keys;
}

/// A client whose link is up at server 0.
struct stage : servers_and_clients {
  explicit stage(const endpoint_config& config = server_config(first),
                 credentials keys = shared_key()) {
    serve(config);
    of = &start(client_config(1), std::move(keys));
    advance(2s);
    EXPECT_EQ(living(), 1u);
  }
  /// Server 0 is killed, and this one is there in its place.
  void replace_by(const endpoint_config& config) {
    kill(std::size_t{0});
    serve(config);
    route = [] { return std::size_t{1}; };
  }
  std::vector<event::link_down> downs() const { return all<event::link_down>(of->events); }

  client* of = nullptr;
};

TEST(LinkQuestion, AServerMadeAnewWithTheSameKeyEndsTheLinkInSeconds) {
  for (const bool psk : {true, false}) {
    SCOPED_TRACE(psk);
    auto old = stage::server_config(first);
    const auto keys = psk ? shared_key() : pinned(old.accept_credentials);
    stage s(old, keys);
    auto anew = stage::server_config(second);
    anew.accept_credentials = old.accept_credentials;
    s.replace_by(anew);
    s.advance(2s);
    EXPECT_TRUE(s.downs().empty()) << "another server of this key may be met in turn";
    s.advance(5s);
    ASSERT_EQ(s.downs().size(), 1u);
    EXPECT_EQ(s.downs()[0].code, errc::peer_lost);
    EXPECT_NE(s.downs()[0].detail.find("proved its key"), std::string::npos);
  }
}

TEST(LinkQuestion, WithoutAKeyNothingIsProven) {
  auto open = stage::server_config(first);
  open.accept_credentials = {};
  stage s(open, {});
  auto anew = stage::server_config(second);
  anew.accept_credentials = {};
  s.replace_by(anew);
  s.advance(4min);
  EXPECT_TRUE(s.downs().empty());
  s.advance(2min);
  ASSERT_EQ(s.downs().size(), 1u) << "every path was closed";
  EXPECT_EQ(s.downs()[0].code, errc::no_path);
}

TEST(LinkQuestion, AServerWithAnotherKeyProvesNothing) {
  stage s;
  auto stranger = stage::server_config(second);
  stranger.accept_credentials = shared_key(9);
  s.replace_by(stranger);
  s.advance(4min);
  EXPECT_TRUE(s.downs().empty());
}

// Two processes on one state directory: the second one has an id of its own.
TEST(LinkQuestion, AServerOfTheSameStateDoesNotAnswerForAnother) {
  stage s;
  auto beside = stage::server_config(first);
  beside.instance[0] = beside.server[0] = std::byte{second};
  s.serve(beside);
  s.route = [] { return std::size_t{1}; };
  s.cut(0);
  s.advance(4min);
  EXPECT_TRUE(s.downs().empty());
  s.route = [] { return std::size_t{0}; };
  s.advance(2s);
  EXPECT_TRUE(s.downs().empty());
  EXPECT_EQ(s.living(0), 1u);
  EXPECT_EQ(s.of->ep->status(s.now, s.of->link)->paths.at(0).phase, path_phase::active);
}

TEST(LinkQuestion, AServerThatWasStartedAgainWithItsStateProvesItAtOnce) {
  stage s;
  auto again = stage::server_config(first);
  again.instance[1] = std::byte{1};
  s.replace_by(again);
  s.advance(1s);
  ASSERT_EQ(s.downs().size(), 1u);
  EXPECT_EQ(s.downs()[0].code, errc::peer_lost);
}

TEST(LinkQuestion, AServerOfFewerLoopsProvesItForThoseThatAreGone) {
  auto loops = stage::server_config(first);
  loops.loops = 4;
  loops.loop = 3;
  stage s(loops);
  auto again = stage::server_config(first);
  again.instance[1] = std::byte{1};
  s.replace_by(again);
  s.advance(1s);
  EXPECT_EQ(s.downs().size(), 1u);
}

// A balancer without a memory: every third dial meets the server that has the link.
TEST(LinkQuestion, AServerThatIsMetInTurnKeepsItsLink) {
  stage s;
  s.serve(stage::server_config(second));
  std::size_t dials = 0;
  s.route = [&] { return std::size_t{dials++ % 3 == 2 ? 0u : 1u}; };
  for (int round = 0; round < 20; ++round) {
    s.cut(0);
    s.advance(5s);
    ASSERT_TRUE(s.downs().empty()) << round;
    ASSERT_EQ(s.of->ep->status(s.now, s.of->link)->paths.at(0).phase, path_phase::active) << round;
  }
}

// In strict turns the questions would meet the one server, and the attaches the other.
TEST(LinkQuestion, ServersThatTakeStrictTurnsLeadBackToTheLink) {
  for (const std::size_t begin : {0u, 1u}) {
    stage s;
    s.serve(stage::server_config(second));
    std::size_t dials = begin;
    s.route = [&] { return dials++ % 2; };
    for (int round = 0; round < 10; ++round) {
      s.cut(0);
      s.advance(5s);
      ASSERT_TRUE(s.downs().empty()) << round;
      ASSERT_EQ(s.of->ep->status(s.now, s.of->link)->paths.at(0).phase, path_phase::active)
          << round;
    }
  }
}

TEST(LinkQuestion, AForgedAnswerEndsOneDial) {
  stage s;
  std::size_t forged = 0;
  s.tamper = [&](bytes& data) {
    // Behind the prologue (18) and the head of the record (5): an ANSWER of 48 bytes of Noise.
    constexpr std::size_t at = 18 + 5;
    if (data.size() < at + 2 || data[at] != std::byte{8}) return;
    data.at(at + 2 + 40) ^= std::byte{1};
    const std::size_t end = data.size() - 4;
    const std::array<bytes_view, 1> pieces{bytes_view(data).subspan(18, end - 18)};
    const auto crc = wire::record_crc(pieces);
    std::copy(crc.begin(), crc.end(), data.begin() + static_cast<std::ptrdiff_t>(end));
    ++forged;
  };
  s.replace_by(stage::server_config(second));
  s.advance(60s);
  EXPECT_GE(forged, 3u);
  EXPECT_TRUE(s.downs().empty());
}

TEST(LinkQuestion, AnAnswerToAnotherQuestionIsNone) {
  drbg dialer{secret<32>(filled<32>(1))};
  drbg acceptor{secret<32>(filled<32>(2))};
  const hello_keys keys(shared_key());
  const auto token = filled<16>(0x55);
  const link_question asked(keys, token, dialer);
  const link_question again(keys, token, dialer);
  const link_question other(keys, filled<16>(0x56), dialer);
  const auto answer = answer_question(keys, token, asked.message(), acceptor);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(asked.proven_by({*answer}));
  EXPECT_FALSE(again.proven_by({*answer})) << "replayed";
  EXPECT_FALSE(other.proven_by({*answer}));
  EXPECT_FALSE(answer_question(keys, filled<16>(0x56), asked.message(), acceptor));
}

TEST(LinkQuestion, WhoProvesNothingLearnsNothing) {
  drbg random{secret<32>(filled<32>(1))};
  const auto token = filled<16>(0x55);
  EXPECT_FALSE(answer_question(hello_keys(shared_key()), token, {}, random));
  const link_question wrong(hello_keys(shared_key(9)), token, random);
  EXPECT_FALSE(answer_question(hello_keys(shared_key()), token, wrong.message(), random));
}

}  // namespace
}  // namespace rendr::engine::test
