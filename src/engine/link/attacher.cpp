// SPDX-License-Identifier: Apache-2.0
#include "engine/link/attacher.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/link/waker.hpp"
#include "engine/record/record_writer.hpp"

namespace rendr::engine {

namespace {

using kind = attach_effect::kind;

attach_effect violation(std::string sentence) {
  return {kind::refused, cause::protocol, errc::protocol_violation, std::move(sentence)};
}

attach_effect refused(const attach_refusal& refusal) {
  return {kind::refused, refusal.why, refusal.code, refusal.sentence};
}

}  // namespace

void attacher::send(path& p, const wire::handshake_message& message, wire::form form,
                    const routing_token& token) {
  const wire::prologue first{form, wire::version, token};
  const bool begin = p.handshakes_sent == 0;
  append_handshake(p.handshake_out, p.handshakes_sent++, wire::encode(message),
                   begin ? &first : nullptr);
  in_.shared.transmit.wake(p.carrier);
}

std::string attacher::named(const path& p, const std::string& sentence) const {
  return in_.slots[p.leaf].config.name + ": " + sentence;
}

// While a path lives that may carry them, fresh tokens are on their way: an attach waits for one
// rather than show a token that was seen before.
bool attacher::may_attach(instant now, path& p) const {
  const bool on_the_way = std::any_of(in_.paths.begin(), in_.paths.end(), [](const auto& other) {
    return other->ready() && other->carries() && other->private_to_peer();
  });
  if (in_.association.held().unused() > 0 || !on_the_way) return true;
  if (p.token_until == never) p.token_until = now + defaults::token_wait;
  return now >= p.token_until;
}

void attacher::start(instant now) {
  auto newest_hello = in_.paths.newest_hello();
  bool hello_out = newest_hello != instant::min();
  for (const auto& p : in_.paths) {
    if (!p->life.at(path_stage::waiting)) continue;
    if (in_.up() && in_.association.asks(in_.paths.any_alive())) {
      say_ask(now, *p);
    } else if (in_.up()) {
      if (may_attach(now, *p)) say_attach(now, *p);
    } else if (!hello_out || now - newest_hello >= defaults::hello_race) {
      say_hello(now, *p);
      hello_out = true;
      newest_hello = now;
    }
  }
}

instant attacher::next() const noexcept {
  instant waits = never;
  for (const auto& p : in_.paths) {
    if (p->life.at(path_stage::waiting))
      waits = std::min(waits, in_.up() ? p->token_until : p->last_heard);
  }
  const auto newest = in_.paths.newest_hello();
  if (in_.up() || waits == never || newest == instant::min()) return waits;
  return newest + defaults::hello_race;
}

void attacher::say_hello(instant now, path& p) {
  p.life.on(path_event::say_hello);
  p.attached_at = now;
  send(p, in_.association.hello(p.terms()), wire::form::hello, {});
}

void attacher::say_attach(instant now, path& p) {
  p.life.on(path_event::say_attach);
  p.attached_at = now;
  auto attempt = in_.association.begin_attach(p.terms(), in_.shared.secrets);
  p.id = attempt.path;
  p.attaching.emplace(std::move(attempt.attach));
  p.reset = attempt.token.reset;
  send(p, p.attaching->message(), wire::form::attach, attempt.token.routing);
  waker(in_).in_private();  // a token was used: the peer is told
}

void attacher::say_ask(instant now, path& p) {
  p.life.on(path_event::say_ask);
  p.attached_at = now;
  auto inquiry = in_.association.begin_ask(in_.shared.secrets);
  p.reset = inquiry.token.reset;
  p.question = std::move(inquiry.question);
  send(p, p.question->message(), wire::form::attach, inquiry.token.routing);
  waker(in_).in_private();  // a token was used: the peer is told
}

attach_effect attacher::take(instant now, path& p, bytes_view payload) {
  const auto message = wire::decode_handshake(payload);
  if (!message) return violation("a handshake message is malformed");
  if (const auto* ack = std::get_if<wire::hello_ack>(&*message);
      ack != nullptr && p.life.at(path_stage::hello)) {
    return take(now, p, *ack);
  }
  if (const auto* challenge = std::get_if<wire::challenge>(&*message);
      challenge != nullptr && p.life.at(path_stage::attach)) {
    return take(now, p, *challenge);
  }
  if (const auto* answer = std::get_if<wire::answer>(&*message);
      answer != nullptr && p.life.at(path_stage::asking)) {
    return take(now, p, *answer);
  }
  if (const auto* refusal = std::get_if<wire::refuse>(&*message);
      refusal != nullptr && p.life.attaching()) {
    return take(now, p, *refusal);
  }
  return violation("a handshake message that nobody asked for");
}

// Frames may go right behind the proof.
void attacher::protect(path& p, const attach_outcome& outcome, wire::form form) {
  p.protect(outcome.keys, in_.side, in_.agreement().cipher(), in_.shared.config.records_per_key);
  send(p, outcome.ack, form, {});
}

attach_effect attacher::take(instant now, path& p, const wire::hello_ack& ack) {
  if (!in_.association.greets())
    return {kind::refused, cause::replaced, errc{}, "the link is up by another path"};
  const auto agreed = in_.association.take_hello_ack(ack, p.terms());
  if (!agreed) {
    in_.redial.heard(agreed.error().code, named(p, agreed.error().sentence));
    return refused(agreed.error());
  }
  p.id = first_path;
  protect(p, *agreed, wire::form::hello);
  come_up(now, p.traits.remote);
  return {kind::came_up};
}

void attacher::come_up(instant now, const std::string& remote) {
  const auto& agreement = in_.agreement();
  in_.standing.come_up(now, grace_of_wire(agreement.grace_ms));
  if (in_.side == role::dialer) {
    in_.router.owe_graphs();
    if (in_.association.make_claim()) in_.ledger.owe_slot();
  }
  in_.router.owe_selections();
  in_.shared.events.order(event::link_up{in_.ref, agreement.peer, remote, agreement.peer_key});
}

std::vector<path*> attacher::losers(const path& winner) const {
  std::vector<path*> out;
  for (const auto& other : in_.paths) {
    if (other.get() != &winner && other->life.at(path_stage::hello)) out.push_back(other.get());
  }
  return out;
}

attach_effect attacher::take(instant, path& p, const wire::challenge& challenge) {
  const auto outcome = in_.association.take_challenge(*p.attaching, challenge);
  if (!outcome) return refused(outcome.error());
  p.attaching.reset();
  protect(p, *outcome, wire::form::attach);
  return {kind::attached};
}

attach_effect attacher::take(instant now, path& p, const wire::answer& answer) {
  const auto said = in_.association.take_answer(now, *p.question, answer, in_.paths.any_alive(),
                                                in_.paths.any_attached());
  in_.redial.heard(named(p, said.refusal.sentence));
  if (said.lost) return {kind::lost, cause::none, errc::peer_lost, said.reason};
  return {kind::refused, said.refusal.why, said.refusal.code, in_.redial.last_error(), true};
}

attach_effect attacher::take(instant, path& p, const wire::refuse& refusal) {
  const bool alone = std::none_of(in_.paths.begin(), in_.paths.end(), [&](const auto& other) {
    return other.get() != &p && !other->life.ended() && !other->life.at(path_stage::waiting);
  });
  const auto [what, why] = in_.association.take_refusal(refusal, p.reset, in_.up(), alone);
  switch (what) {
    case association::refusal_kind::start_over:
      in_.redial.heard(named(p, why.sentence));
      return {kind::start_over, why.why, why.code, why.sentence};
    case association::refusal_kind::forgotten:
      return {kind::lost, cause::none, why.code, why.sentence};
    case association::refusal_kind::refused:
      break;
  }
  in_.redial.heard(why.code, named(p, "the peer refused: " + why.sentence));
  auto out = refused(why);
  out.refused_at = p.life.stage();
  return out;
}

bool attacher::tries_again(const attach_effect& refused) {
  if (!refused.refused_at || !in_.up() || in_.down() || in_.paths.any_alive())
    return refused.dial_soon;
  return in_.association.consider(*refused.refused_at, refused.code);
}

}  // namespace rendr::engine
