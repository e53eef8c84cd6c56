// SPDX-License-Identifier: Apache-2.0
// What the carriers of a link say before they are paths, and what the answers mean.
#include "engine/link/attacher.hpp"

#include <gtest/gtest.h>

#include <variant>

#include "support/rooms_of_a_link.hpp"
#include "support/server_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using test::filled;
using kind = attach_effect::kind;

const instant t0 = instant(1h);

link_config two_keyed_leaves() {
  auto out = test::two_leaves();
  out.credentials = test::one_key();
  return out;
}
endpoint_config dialer_end() {
  endpoint_config out;
  out.instance = filled<16>(0xd1);
  return out;
}

/// A dialer and the server that it means.
struct stage : test::rooms_of_a_link {
  stage() : rooms_of_a_link(role::dialer, dialer_end(), two_keyed_leaves()) {
    in.association.begin(in.config.credentials, secrets);
  }
  /// The newest handshake message that `p` is to send.
  static wire::handshake_message said(path& p) {
    bytes_view rest = p.handshake_out;
    bytes payload;
    const auto first = wire::read_prologue(rest);
    if (first && first->has_value()) rest = rest.subspan(wire::prologue_size);
    while (!rest.empty()) {
      const auto record = wire::read_record(rest);
      if (!record || !record->has_value()) break;
      payload.assign((*record)->payload.begin(), (*record)->payload.end());
      rest = rest.subspan((*record)->size);
    }
    return *wire::decode_handshake(payload);
  }
  attach_effect hear(instant now, path& p, const wire::handshake_message& message) {
    return attacher(in).take(now, p, wire::encode(message));
  }
  /// The link is up by path 0.
  path& come_up() {
    auto& p = connect(t0);
    attacher(in).start(t0);
    const auto e = hear(t0, p, at.take(in.association.hello(p.terms())));
    EXPECT_EQ(e.what, kind::came_up);
    return p;
  }

  test::server at{test::one_key()};
};

TEST(attacher, the_first_carrier_says_hello_and_the_next_joins_the_race_later) {
  stage s;
  auto& first = s.connect(t0);
  auto& second = s.connect(t0, 1);
  EXPECT_EQ(attacher(s.in).next(), t0) << "at once, when none is under way";
  attacher(s.in).start(t0);
  EXPECT_TRUE(first.life.at(path_stage::hello));
  EXPECT_TRUE(second.life.at(path_stage::waiting));
  EXPECT_EQ(attacher(s.in).next(), t0 + defaults::hello_race);
  attacher(s.in).start(t0 + defaults::hello_race);
  EXPECT_TRUE(second.life.at(path_stage::hello));
  EXPECT_EQ(attacher(s.in).next(), never);
}

TEST(attacher, the_first_answer_makes_the_link_and_names_the_losers_of_the_race) {
  stage s;
  auto& first = s.connect(t0);
  auto& second = s.connect(t0, 1);
  attacher(s.in).start(t0);
  attacher(s.in).start(t0 + defaults::hello_race);
  const auto answer = s.at.take(s.in.association.hello(second.terms()));
  EXPECT_EQ(s.hear(t0, second, answer).what, kind::came_up);
  EXPECT_TRUE(s.in.up());
  EXPECT_EQ(second.id, first_path);
  EXPECT_TRUE(second.sealer) << "frames may go right behind the proof";
  EXPECT_EQ(attacher(s.in).losers(second), (std::vector<path*>{&first}));
  const auto ups = s.all<event::link_up>();
  ASSERT_EQ(ups.size(), 1u);
  EXPECT_EQ(ups[0].peer, s.at.instance);
  const auto late = s.hear(t0, first, answer);
  EXPECT_EQ(late.what, kind::refused);
  EXPECT_EQ(late.why, cause::replaced);
}

TEST(attacher, a_wrong_answer_is_what_the_last_dial_said) {
  stage s;
  auto& p = s.connect(t0);
  attacher(s.in).start(t0);
  auto answer = s.at.take(s.in.association.hello(p.terms()));
  answer.link_nonce[0] ^= std::byte{1};
  const auto e = s.hear(t0, p, answer);
  EXPECT_EQ(e.what, kind::refused);
  EXPECT_EQ(e.why, cause::auth);
  EXPECT_EQ(s.in.redial.last_error(), "wifi: " + e.sentence);
  EXPECT_FALSE(s.in.up());
}

TEST(attacher, once_the_link_is_up_a_carrier_attaches_and_proves_itself) {
  stage s;
  s.come_up();
  auto& p = s.connect(t0, 1);
  attacher(s.in).start(t0);
  ASSERT_TRUE(p.life.at(path_stage::attach));
  EXPECT_EQ(p.id, 1u);
  const auto attach = std::get<wire::attach>(stage::said(p));
  const auto e = s.hear(t0, p, s.at.challenge(attach));
  EXPECT_EQ(e.what, kind::attached);
  const auto proof = std::get<wire::attach_ack>(stage::said(p));
  EXPECT_TRUE(s.at.challenged->finish(s.at.agreement().keys, proof));
}

TEST(attacher, a_message_that_nobody_asked_for_is_a_violation) {
  stage s;
  auto& p = s.connect(t0);
  attacher(s.in).start(t0);
  const auto unasked = s.hear(t0, p, wire::challenge{});
  EXPECT_EQ(unasked.what, kind::refused);
  EXPECT_EQ(unasked.why, cause::protocol);
  const auto malformed = attacher(s.in).take(t0, p, as_bytes("?"));
  EXPECT_EQ(malformed.why, cause::protocol);
}

TEST(attacher, an_attach_that_is_refused_in_the_dark_is_tried_again_with_a_question) {
  stage s;
  s.come_up();
  s.in.association.confirm();
  auto& p = s.connect(t0, 1);
  attacher(s.in).start(t0);
  const auto e = s.hear(t0, p, s.at.refusal(errc::refused, "this link is not known here"));
  EXPECT_EQ(e.what, kind::refused);
  EXPECT_TRUE(attacher(s.in).tries_again(e));
  EXPECT_EQ(s.in.redial.last_error(), "mobile: the peer refused: this link is not known here");
  auto& next = s.connect(t0, 1);
  attacher(s.in).start(t0);
  EXPECT_TRUE(next.life.at(path_stage::asking));
}

TEST(attacher, a_server_that_proves_that_it_forgot_the_link_ends_it_or_hears_the_hello_again) {
  for (const bool confirmed : {false, true}) {
    stage s;
    s.come_up();
    if (confirmed) s.in.association.confirm();
    auto& p = s.connect(t0, 1);
    attacher(s.in).start(t0);
    const auto e = s.hear(t0, p, s.at.forgets(s.at.agreement().token));
    EXPECT_EQ(e.what, confirmed ? kind::lost : kind::start_over);
    EXPECT_EQ(e.code, confirmed ? errc::peer_lost : errc::refused);
  }
}

}  // namespace
}  // namespace rendr::engine
