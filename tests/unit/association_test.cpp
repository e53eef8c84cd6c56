// SPDX-License-Identifier: Apache-2.0
// What the peers of a link share and outlives its carriers.
#include "engine/link/association.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "support/hex.hpp"
#include "support/server_of_a_link.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;
using test::filled;
using test::one_key;
using test::server;

const instant t0 = instant(1h);
const path_terms first_terms{0, wire::guard::sealed};
const path_terms second_terms{1, wire::guard::sealed};

endpoint_config dialer_end(std::optional<byte_array<16>> slot = std::nullopt) {
  endpoint_config out;
  out.instance = filled<16>(0xd1);
  out.slot = slot;
  return out;
}

/// A dialer whose link is up, at a server.
struct linked {
  explicit linked(const credentials& keys = one_key(), const endpoint_config& self = dialer_end())
      : at(keys), end(role::dialer, self, 90s) {
    end.begin(keys, random);
    const auto hello = end.hello(first_terms);
    const auto agreed = end.take_hello_ack(at.take(hello), first_terms);
    EXPECT_TRUE(agreed);
  }
  association::refused refuse(const wire::refuse& refusal, bool alone = true) {
    return end.take_refusal(refusal, end.agreement().reset_token, true, alone);
  }
  /// A server with the same key that does not know the link answers the question.
  association::answered ask_a_stranger(instant now, bool alive = false, bool open = false) {
    const auto asked = end.begin_ask(random);
    const auto noise = answer_question(hello_keys(at.held), asked.token.routing,
                                       asked.question->message(), at.random);
    EXPECT_TRUE(noise);
    return end.take_answer(now, *asked.question, wire::answer{*noise}, alive, open);
  }

  drbg random{secret<32>(filled<32>(1))};
  server at;
  association end;
};

TEST(association, a_hello_that_is_answered_makes_path_zero_and_its_proof_verifies) {
  drbg random{secret<32>(filled<32>(1))};
  server at(one_key());
  association end(role::dialer, dialer_end(), 90s);
  end.begin(one_key(), random);
  ASSERT_TRUE(end.greets());
  const auto agreed = end.take_hello_ack(at.take(end.hello(first_terms)), first_terms);
  ASSERT_TRUE(agreed);
  EXPECT_FALSE(end.greets());
  EXPECT_EQ(end.agreement().peer, at.instance);
  EXPECT_EQ(end.agreement().grace_ms, 60'000u) << "the lower of both";
  EXPECT_FALSE(end.paths().free(first_path));
  EXPECT_TRUE(verify_confirm(at.agreement().keys, at.ends(), first_terms, agreed->ack, {}));
}

TEST(association, a_wrong_answer_to_a_hello_ends_its_carrier_and_spoils_no_other) {
  drbg random{secret<32>(filled<32>(1))};
  server at(one_key());
  association end(role::dialer, dialer_end(), 90s);
  end.begin(one_key(), random);
  const auto right = at.take(end.hello(first_terms));
  auto wrong = right;
  wrong.link_nonce[0] ^= std::byte{1};
  const auto refused = end.take_hello_ack(wrong, first_terms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, cause::auth);
  EXPECT_FALSE(refused.error().sentence.empty());
  EXPECT_TRUE(end.greets());
  EXPECT_TRUE(end.take_hello_ack(right, first_terms));
}

TEST(association, every_attach_takes_a_path_id_of_its_own_and_shows_its_token) {
  linked l;
  const auto one = l.end.begin_attach(second_terms, l.random);
  const auto two = l.end.begin_attach(second_terms, l.random);
  EXPECT_EQ(one.path, 1u);
  EXPECT_EQ(two.path, 2u);
  EXPECT_EQ(one.token.routing, l.at.agreement().token);
  const auto outcome = l.end.take_challenge(two.attach, l.at.challenge(two.attach.message()));
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(l.at.challenged->finish(l.at.agreement().keys, outcome->ack));
}

TEST(association, a_challenge_of_another_instance_ends_the_carrier_and_is_told_once) {
  linked l;
  const auto attempt = l.end.begin_attach(second_terms, l.random);
  auto challenge = l.at.challenge(attempt.attach.message());
  challenge.instance = filled<16>(0xee);
  const auto refused = l.end.take_challenge(attempt.attach, challenge);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, cause::instance_mismatch);
  EXPECT_EQ(l.end.restarted(), filled<16>(0xee));
  EXPECT_EQ(l.end.restarted(), std::nullopt);
}

TEST(association, a_path_that_came_up_answers_the_doubt_about_the_instance) {
  linked l;
  auto elsewhere = l.at.refusal(errc::refused, "");
  elsewhere.instance = filled<16>(0xee);
  l.end.confirm();
  l.refuse(elsewhere);
  l.end.settle();
  EXPECT_EQ(l.end.restarted(), std::nullopt);
}

TEST(association, a_refusal_without_a_proof_ends_one_carrier_and_its_words_are_made_harmless) {
  linked l;
  l.end.confirm();
  const auto said = l.refuse(l.at.refusal(errc::limit_reached, "full\n"));
  EXPECT_EQ(said.kind, association::refusal_kind::refused);
  EXPECT_EQ(said.refusal.code, errc::limit_reached);
  EXPECT_EQ(said.refusal.sentence.find('\n'), std::string::npos);
}

TEST(association, a_code_that_is_none_counts_as_refused) {
  linked l;
  l.end.confirm();
  auto odd = l.at.refusal(errc::refused, "");
  odd.code = 1'000'000;
  EXPECT_EQ(l.refuse(odd).refusal.code, errc::refused);
}

TEST(association, a_peer_that_proves_that_it_forgot_a_confirmed_link_ends_it) {
  linked l;
  l.end.confirm();
  const auto said = l.refuse(l.at.forgets(l.at.agreement().token));
  EXPECT_EQ(said.kind, association::refusal_kind::forgotten);
  EXPECT_EQ(said.refusal.code, errc::peer_lost);
}

TEST(association, a_hello_that_the_peer_forgot_may_be_said_again_with_other_keys) {
  linked l;
  const auto before = l.end.agreement().keys.link;
  ASSERT_EQ(l.refuse(l.at.forgets(l.at.agreement().token)).kind,
            association::refusal_kind::start_over);
  l.end.start_over(l.random);
  EXPECT_TRUE(l.end.greets());
  EXPECT_TRUE(l.end.paths().free(first_path));
  ASSERT_TRUE(l.end.take_hello_ack(l.at.take(l.end.hello(first_terms)), first_terms));
  EXPECT_NE(l.end.agreement().keys.link, before);
  EXPECT_EQ(l.end.begin_attach(second_terms, l.random).path, 1u);
}

TEST(association, without_a_proof_a_hello_is_said_again_by_the_last_carrier_alone) {
  linked l;
  const auto plain = l.at.refusal(errc::refused, "this link is not known here");
  EXPECT_EQ(l.refuse(plain, false).kind, association::refusal_kind::refused);
  EXPECT_EQ(l.refuse(plain, true).kind, association::refusal_kind::start_over);
  l.end.tell_of_flow();
  EXPECT_EQ(l.refuse(plain, true).kind, association::refusal_kind::refused)
      << "its flow could come to the peer twice";
}

TEST(association, a_flow_is_brought_again_to_the_same_instance_alone) {
  linked l;
  l.end.tell_of_flow();
  auto proven = l.at.forgets(l.at.agreement().token);
  EXPECT_EQ(l.refuse(proven).kind, association::refusal_kind::start_over);
  proven.instance = filled<16>(0xee);
  EXPECT_EQ(l.refuse(proven).kind, association::refusal_kind::forgotten);
}

TEST(association, an_attach_that_is_refused_in_the_dark_is_followed_by_a_question) {
  linked l;
  EXPECT_FALSE(l.end.asks(false));
  EXPECT_TRUE(l.end.consider(path_stage::attach, errc::refused));
  EXPECT_TRUE(l.end.asks(false));
  EXPECT_FALSE(l.end.asks(true)) << "a path lives";
  static_cast<void>(l.end.begin_ask(l.random));
  EXPECT_FALSE(l.end.asks(false)) << "one question for each refusal";
}

TEST(association, a_server_that_knows_the_link_is_attached_to_twice_before_it_is_asked_again) {
  linked l;
  EXPECT_FALSE(l.end.consider(path_stage::asking, errc::unavailable));
  EXPECT_TRUE(l.end.consider(path_stage::attach, errc::refused));
  EXPECT_FALSE(l.end.asks(false));
  EXPECT_TRUE(l.end.consider(path_stage::attach, errc::refused));
  EXPECT_TRUE(l.end.asks(false));
}

TEST(association, of_a_peer_that_proves_nothing_nothing_is_asked) {
  linked l{credentials{}};
  EXPECT_FALSE(l.end.consider(path_stage::attach, errc::refused));
  EXPECT_FALSE(l.end.asks(false));
}

TEST(association, a_server_is_taken_for_gone_after_several_answers_over_a_while) {
  linked l;
  instant now = t0;
  for (unsigned n = 1; n < defaults::foreign_proofs; ++n) {
    const auto said = l.ask_a_stranger(now);
    EXPECT_EQ(said.refusal.why, cause::refused);
    EXPECT_FALSE(said.lost);
  }
  EXPECT_FALSE(l.ask_a_stranger(t0 + defaults::foreign_wait - 1ms).lost) << "too soon";
  EXPECT_FALSE(l.ask_a_stranger(t0 + defaults::foreign_wait, false, true).lost)
      << "a path is open that may lead to it";
  EXPECT_FALSE(l.ask_a_stranger(t0 + defaults::foreign_wait, true).lost) << "a path lives";
  const auto said = l.ask_a_stranger(t0 + defaults::foreign_wait);
  EXPECT_TRUE(said.lost);
  EXPECT_FALSE(said.reason.empty());
}

TEST(association, a_server_that_knows_the_link_takes_back_what_others_answered) {
  linked l;
  for (unsigned n = 0; n < defaults::foreign_proofs; ++n) l.ask_a_stranger(t0);
  l.end.consider(path_stage::asking, errc::unavailable);
  EXPECT_FALSE(l.ask_a_stranger(t0 + defaults::foreign_wait).lost);
}

TEST(association, an_answer_that_proves_nothing_counts_for_nothing) {
  linked l;
  const auto asked = l.end.begin_ask(l.random);
  const auto other = l.end.begin_ask(l.random);
  const auto noise = answer_question(hello_keys(l.at.held), other.token.routing,
                                     other.question->message(), l.at.random);
  ASSERT_TRUE(noise);
  const auto said = l.end.take_answer(t0, *asked.question, wire::answer{*noise}, false, false);
  EXPECT_EQ(said.refusal.why, cause::auth);
  EXPECT_FALSE(said.lost);
}

TEST(association, a_slot_is_claimed_only_of_a_peer_that_proves_itself) {
  linked none(one_key());
  EXPECT_FALSE(none.end.make_claim()) << "this process has no slot";
  linked stranger({}, dialer_end(filled<16>(0x51)));
  EXPECT_FALSE(stranger.end.make_claim());
  linked known(one_key(), dialer_end(filled<16>(0x51)));
  EXPECT_TRUE(known.end.make_claim());
  ASSERT_TRUE(known.end.claim());
  EXPECT_EQ(known.end.claim()->slot.owner, wire::slot_owner::pre_shared_key);
}

/// An acceptor's side of a link.
struct accepted {
  explicit accepted(const credentials& keys = one_key()) : from(keys) {
    end.adopt(from.at.agreement(), tokens, link_ref{1}, from.random, from.at.mint);
  }
  linked from;
  token_directory tokens;
  association end{role::acceptor, endpoint_config{}, 90s};
};

TEST(association, a_slot_is_taken_in_private_from_its_owner_once) {
  accepted a;
  const wire::link_slot slot{wire::slot_owner::pre_shared_key, filled<16>(0x51)};
  EXPECT_EQ(a.end.take_claim(slot, false), errc{});
  EXPECT_FALSE(a.end.claim()) << "somebody could have changed it";
  EXPECT_EQ(a.end.take_claim(slot, true), errc{});
  EXPECT_TRUE(a.end.claim_is_fresh());
  EXPECT_EQ(a.end.take_claim(slot, true), errc{}) << "it may be said again";
  EXPECT_FALSE(a.end.claim_is_fresh());
  const wire::link_slot other{wire::slot_owner::pre_shared_key, filled<16>(0x52)};
  EXPECT_EQ(a.end.take_claim(other, true), errc::protocol_violation);
}

TEST(association, a_slot_of_an_owner_that_was_not_proven_is_a_violation) {
  accepted a;
  const wire::link_slot slot{wire::slot_owner::static_key, filled<16>(0x51)};
  EXPECT_EQ(a.end.take_claim(slot, true), errc::protocol_violation);
}

TEST(association, the_tokens_of_a_link_find_it_until_it_ends) {
  accepted a;
  EXPECT_TRUE(a.tokens.contains(a.end.agreement().token));
  EXPECT_EQ(a.tokens.size(), spare_tokens);
  EXPECT_EQ(a.end.take_retired(0, a.from.random, a.from.at.mint), errc{});
  EXPECT_EQ(a.tokens.size(), spare_tokens + 1) << "one more is made";
  a.end.end();
  EXPECT_TRUE(a.tokens.empty());
}

TEST(association, tokens_go_from_the_acceptor_to_the_dialer_alone) {
  accepted a;
  EXPECT_EQ(a.end.take_token({1, filled<16>(1), {}}), errc::protocol_violation);
  EXPECT_EQ(a.from.end.take_token({1, filled<16>(1), {}}), errc{});
  EXPECT_EQ(a.from.end.take_retired(0, a.from.random, a.from.at.mint), errc::protocol_violation);
}

TEST(path_ids, the_oldest_gaps_of_a_dialer_that_leaves_out_very_many_are_spent) {
  path_ids ids;
  for (std::uint64_t n = 0; n <= defaults::path_id_ranges; ++n) ids.consume(2 * n);
  EXPECT_FALSE(ids.free(1));
  EXPECT_TRUE(ids.free(3));
  EXPECT_FALSE(ids.free(4));
}

}  // namespace
}  // namespace rendr::engine
