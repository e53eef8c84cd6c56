// SPDX-License-Identifier: Apache-2.0
// Attacks of strangers: nobody of them holds a key of the honest link.
#include "hostile/attacks.hpp"

#include <gtest/gtest.h>

#include <array>

#include "hostile/peer.hpp"

namespace rendr::hostile {

namespace {

// The ATTACH that passed on the tapped path, and the prologue before it.
struct recorded_attach {
  bytes prologue;
  bytes record;
  wire::attach message;
  routing_token token{};
};

recorded_attach attach_that_passed(stage& s) {
  recorded_attach out;
  for (const auto& one : s.tapped()) {
    const auto parts = cut(one.to_server);
    if (parts.size() < 2) continue;
    const auto record = wire::read_record(parts[1]);
    if (!record || !record->has_value()) continue;
    const auto message = wire::decode_handshake((*record)->payload);
    if (!message) continue;
    if (const auto* found = std::get_if<wire::attach>(&*message)) {
      const auto first = wire::read_prologue(parts[0]);
      out = {parts[0], parts[1], *found, (*first)->token};
    }
  }
  EXPECT_FALSE(out.record.empty()) << "no ATTACH passed on the tapped path";
  return out;
}

// The server's, which a CHALLENGE shows to everybody on the way.
instance_id instance_that_passed(stage& s) {
  for (const auto& one : s.tapped()) {
    const auto parts = cut(one.to_client);
    if (parts.size() < 2) continue;
    const auto record = wire::read_record(parts[1]);
    const auto message = wire::decode_handshake((*record)->payload);
    if (!message) continue;
    if (const auto* found = std::get_if<wire::challenge>(&*message)) return found->instance;
  }
  ADD_FAILURE() << "no CHALLENGE passed on the tapped path";
  return {};
}

void expect_refused(talk& t) {
  const auto refusal = t.answer<wire::refuse>();
  ASSERT_TRUE(refusal) << "it is told why";
  EXPECT_EQ(refusal->reset_token, (byte_array<32>{})) << "nothing that ends a link is said";
  EXPECT_TRUE(t.ended());
}

void join_by_knowing_the_id(stage& s) {
  auto forged = attach_that_passed(s);
  const auto before = s.server();
  rogue r(s, "stranger");
  r.agreement.token = forged.token;
  for (std::uint64_t path = 0; path < 8; ++path) {
    auto t = r.dial(wire::form::attach);
    ASSERT_TRUE(t);
    forged.message.path = path;
    forged.message.fresh.fill(static_cast<std::byte>(path));
    forged.message.mac.fill(std::byte{0x42});
    t->say(forged.message);
    expect_refused(*t);
  }
  const auto after = s.server();
  EXPECT_EQ(after.handshakes, before.handshakes);
  EXPECT_GE(after.failed, before.failed + 8);
  EXPECT_EQ(after.links.size(), before.links.size());
}

void attach_for_the_leaf_of_a_living_path(stage& s) {
  const auto before = s.server();
  auto forged = attach_that_passed(s);
  rogue r(s, "stranger");
  r.agreement.token = forged.token;
  auto t = r.dial(wire::form::attach);
  ASSERT_TRUE(t);
  forged.message.path = 1'000;
  forged.message.leaf = 0;
  t->say(forged.message);
  expect_refused(*t);
  const auto after = s.server();
  const auto* link = after.find(s.honest());
  ASSERT_NE(link, nullptr);
  EXPECT_EQ(link->attached, before.find(s.honest())->attached);
}

void frames_before_any_proof(stage& s) {
  const auto token = attach_that_passed(s).token;
  rogue r(s, "stranger");
  for (const auto form : {wire::form::hello, wire::form::attach}) {
    r.agreement.token = token;
    auto t = r.dial(form);
    ASSERT_TRUE(t);
    t->say({wire::goaway{1, 0, "out"}, wire::bye{0}});
    EXPECT_TRUE(t->ended());
  }
}

void replayed_attach(stage& s) {
  const auto passed = attach_that_passed(s);
  for (int i = 0; i < 20; ++i) {
    rogue r(s, "stranger");
    talk t(s, s.dial("stranger"));
    t.raw(passed.prologue);
    t.raw(passed.record);
    const auto refusal = t.answer<wire::refuse>();
    ASSERT_TRUE(refusal) << "its path id was consumed";
    EXPECT_EQ(refusal->reset_token, (byte_array<32>{}));
    EXPECT_TRUE(t.ended());
  }
}

// All that the dialer said on a connection, once more.
void replayed_connection(stage& s) {
  const auto count = s.tapped().size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto said = s.tapped()[i].to_server;
    talk t(s, s.dial("stranger"));
    t.raw(said);
    EXPECT_TRUE(t.ended());
  }
}

// What the server said, said to the server.
void reflected_connection(stage& s) {
  const auto said = s.tapped().back().to_client;
  talk whole(s, s.dial("stranger"));
  whole.raw(said);
  EXPECT_TRUE(whole.ended());

  rogue r(s, "stranger");
  auto t = r.join();
  ASSERT_TRUE(t);
  auto half = r.half_attach(5, 1);
  ASSERT_TRUE(half);
  half->say(*half->answer<wire::challenge>());
  EXPECT_TRUE(half->ended());

  // The proof of the server's message in an answer of his own.
  auto mirror = r.half_attach(6, 2);
  ASSERT_TRUE(mirror);
  mirror->say(wire::attach_ack{6, mirror->answer<wire::challenge>()->mac});
  EXPECT_TRUE(mirror->ended());
}

void replayed_hello(stage& s) {
  rogue victim(s, "victim");
  auto t = victim.join();
  ASSERT_TRUE(t);
  const auto confirmation = engine::make_confirm(victim.agreement.keys, victim.ends, {0}, {}).ack;
  const auto links = s.server().links.size();
  for (int i = 0; i < 10; ++i) {
    talk again(s, s.dial("stranger"));
    again.prologue(wire::form::hello);
    again.say(victim.hello());
    ASSERT_TRUE(again.answer<wire::hello_ack>()) << "a duplicate gets the same answer";
    again.say(confirmation);
    EXPECT_TRUE(again.ended());
  }
  // Without the confirmation nothing is made of it either.
  talk half(s, s.dial("stranger"));
  half.prologue(wire::form::hello);
  half.say(victim.hello());
  half.say({wire::ping{0}});
  EXPECT_TRUE(half.ended());
  EXPECT_EQ(s.server().links.size(), links);
  EXPECT_EQ(s.server().find(victim.agreement.keys.link)->deaths, 0u);
}

void replayed_attach_before_its_answer(stage& s) {
  rogue victim(s, "victim");
  auto first = victim.join();
  ASSERT_TRUE(first);
  auto half = victim.half_attach(4, 1);
  ASSERT_TRUE(half);
  const auto message = victim.attach_message();
  for (int i = 0; i < 20; ++i) {
    talk t(s, s.dial("stranger"));
    t.prologue(wire::form::attach, victim.agreement.token);
    t.say(message);
    const auto challenge = t.answer<wire::challenge>(1s);
    if (challenge) {
      wire::attach_ack guess{message.path, challenge->mac};
      t.say(guess);
      EXPECT_TRUE(t.ended());
    }
  }
  EXPECT_TRUE(victim.finish(*half)) << "the path id was not burned";
}

// REFUSE as a captive portal or a misrouting balancer says it, and as a liar would.
void forged_unknown_link(stage& s) {
  s.seize();
  for (int i = 0; i < 6; ++i) {
    auto over = s.seized(20s);
    ASSERT_TRUE(over) << "the dialer goes on trying";
    talk t(s, std::move(over));
    wire::refuse no;
    no.code = i % 2 == 0 ? 8 : 3;
    no.reason = "this link is not known here";
    if (i > 1) no.reset_token.fill(static_cast<std::byte>(i));
    if (i > 3) no.instance.fill(std::byte{0x77});
    t.prologue(wire::form::attach);
    t.say(no);
    EXPECT_TRUE(t.ended());
  }
  s.release();
  EXPECT_TRUE(s.until([&] { return s.client().find(s.honest())->attached == 2; }, 20s));
}

void forged_answers_to_an_attach(stage& s) {
  s.seize();
  for (int i = 0; i < 4; ++i) {
    auto over = s.seized(20s);
    ASSERT_TRUE(over);
    talk t(s, std::move(over));
    ASSERT_TRUE(s.until([&] { return t.over().heard().size() > wire::prologue_size; }, 5s));
    if (i == 0) {
      t.raw(t.over().heard());  // its own message
    } else if (i < 3) {
      const auto attach = t.answer<wire::attach>();
      ASSERT_TRUE(attach);
      wire::challenge forged;
      forged.path = attach->path;
      forged.instance = instance_that_passed(s);
      forged.mac = attach->mac;
      t.prologue(wire::form::attach);
      for (int n = 0; n < (i == 1 ? 1 : 1'000); ++n) t.say(forged);
    } else {
      t.prologue(wire::form::attach);
      t.say(wire::hello_ack{});
    }
    EXPECT_TRUE(t.ended(500ms));
  }
  s.release();
  EXPECT_TRUE(s.until([&] { return s.client().find(s.honest())->attached == 2; }, 20s));
}

// The server's answer on an earlier connection of the same link, on a later one.
void spliced_answers(stage& s) {
  const auto earlier = s.tapped().back().to_client;
  s.seize();
  auto over = s.seized(20s);
  ASSERT_TRUE(over);
  talk t(s, std::move(over));
  t.raw(earlier);
  EXPECT_TRUE(t.ended());
  s.release();
  EXPECT_TRUE(s.until([&] { return s.client().find(s.honest())->attached == 2; }, 20s));
}

}  // namespace

std::span<const attack> attacks_of_strangers() {
  static constexpr std::array all{
      attack{"JoiningByKnowingTheIdIsRefused", join_by_knowing_the_id},
      attack{"AForgedAttachForTheLeafOfALivingPathTouchesNothing",
             attach_for_the_leaf_of_a_living_path},
      attack{"FramesBeforeAnyProofEndTheirCarrier", frames_before_any_proof},
      attack{"AReplayedAttachIsRefused", replayed_attach},
      attack{"AConnectionPlayedAgainByteForByteGetsNowhere", replayed_connection},
      attack{"WhatTheServerSaidIsNoAnswerToTheServer", reflected_connection},
      attack{"AReplayedHelloMakesNoLinkAndNoPath", replayed_hello},
      attack{"AReplayedAttachCannotBurnItsPathId", replayed_attach_before_its_answer},
      attack{"AForgedUnknownLinkEndsOneDial", forged_unknown_link},
      attack{"ForgedAnswersToAnAttachEndThatDial", forged_answers_to_an_attach},
      attack{"AnswersSplicedFromAnotherConnectionEndThatDial", spliced_answers},
  };
  return all;
}

}  // namespace rendr::hostile
