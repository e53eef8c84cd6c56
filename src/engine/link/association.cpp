// SPDX-License-Identifier: Apache-2.0
#include "engine/link/association.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace rendr::engine {

association::association(role side, const endpoint_config& self, duration no_path_grace)
    : side_(side),
      instance_(self.instance),
      features_(self.features),
      slot_(self.slot),
      no_path_grace_(no_path_grace) {}

void association::begin(const credentials& keys, drbg& random) {
  keys_.emplace(keys);
  prepare_hello(random);
}

void association::prepare_hello(drbg& random) {
  hello_ = std::make_unique<dialer_hello>(
      hello_offer{instance_, 0, features_, grace_on_wire(no_path_grace_)}, *keys_, random);
}

void association::confirm() noexcept {
  confirmed_ = true;
  if (keys_ && !keys_->prove_peer()) keys_.reset();
}

void association::end() noexcept {
  keys_.reset();
  issued_.revoke();
}

void association::start_over(drbg& random) {
  agreement_ = {};
  paths_ = {};
  held_ = {};
  flows_told_ = false;
  other_instance_.reset();
  claim_.reset();
  prepare_hello(random);
}

void association::adopt(const link_agreement& agreement, token_directory& directory, link_ref link,
                        drbg& random, const token_mint& mint) {
  agreement_ = agreement;
  issued_.begin(directory, link, agreement_.token);
  issued_.refill(random, mint);
}

result<attach_outcome, attach_refusal> association::take_hello_ack(const wire::hello_ack& ack,
                                                                   const path_terms& terms) {
  auto agreed = hello_->accept(ack);
  if (!agreed) {
    const auto why =
        agreed.error() == errc::instance_mismatch ? cause::instance_mismatch : cause::auth;
    return attach_refusal{why, agreed.error(), hello_->explain(agreed.error())};
  }
  agreement_ = std::move(*agreed);
  held_.begin({agreement_.token, agreement_.reset_token});
  hello_.reset();
  paths_.consume(first_path);
  return make_confirm(agreement_.keys, ends(), terms, {});
}

association::attempt association::begin_attach(const path_terms& terms, drbg& random) {
  const auto path = paths_.take();
  dialer_attach attach(agreement_.keys, ends(), path, terms, bytes_view{}, random);
  return {path, std::move(attach), held_.take()};
}

result<attach_outcome, attach_refusal> association::take_challenge(
    const dialer_attach& attach, const wire::challenge& challenge) {
  auto outcome = attach.answer(agreement_.keys, challenge);
  if (outcome) return std::move(*outcome);
  const bool other = outcome.error() == errc::instance_mismatch;
  if (other) other_instance_ = challenge.instance;
  return attach_refusal{other ? cause::instance_mismatch : cause::auth, outcome.error(),
                        std::string(name(outcome.error()))};
}

void association::settle() noexcept {
  other_instance_.reset();
  ask_next_ = false;
  attach_twice_ = false;
  foreign_since_ = never;
  foreign_answers_ = 0;
}

// Only in the dark, and of a peer that can prove something: else no answer would mean anything.
association::inquiry association::begin_ask(drbg& random) {
  ask_next_ = false;
  const auto& token = held_.take();
  return {std::make_unique<const link_question>(*keys_, token.routing, random), token};
}

// Servers that share a key may share an address: this one's own server may be met next. Its attach
// is tried in between, so only after several such answers it is taken for gone; later still when
// a path is open that may lead to it.
association::answered association::take_answer(instant now, const link_question& question,
                                               const wire::answer& answer, bool alive, bool open) {
  if (!question.proven_by(answer)) {
    return {
        {cause::auth, errc::auth_failed, "the answer to the question for the link does not verify"},
        false,
        {}};
  }
  answered out{{cause::refused, errc::refused, "a server with the same key does not know the link"},
               false,
               {}};
  if (alive) return out;
  if (foreign_since_ == never) foreign_since_ = now;
  ++foreign_answers_;
  const auto wait = open ? 4 * defaults::foreign_wait : defaults::foreign_wait;
  if (foreign_answers_ < defaults::foreign_proofs || now - foreign_since_ < wait) return out;
  out.lost = true;
  out.reason = "the server that answers proved its key, and does not know the link";
  return out;
}

// Of a link that the peer never took part in, the hello may be said again, unless that could bring
// a flow to the peer twice: another instance may be one that took it and was restarted. Who proves
// nothing ends no path but this one.
bool association::may_start_over(const wire::refuse& refusal, bool proven,
                                 bool alone) const noexcept {
  if (confirmed_ || !keys_) return false;
  if (proven) return !flows_told_ || refusal.instance == agreement_.peer;
  return alone && !flows_told_ && refusal.code == static_cast<std::uint64_t>(errc::refused);
}

association::refused association::take_refusal(const wire::refuse& refusal, const secret<32>& reset,
                                               bool up, bool alone) {
  const bool proven = up && verify_reset_token(reset, refusal.reset_token);
  if (up && may_start_over(refusal, proven, alone)) {
    return {refusal_kind::start_over, {cause::refused, errc::refused, "the peer forgot the hello"}};
  }
  if (proven) {
    return {refusal_kind::forgotten,
            {cause::refused, errc::peer_lost, "the peer proved that it forgot the link"}};
  }
  if (up && refusal.instance != agreement_.peer) other_instance_ = refusal.instance;
  const auto code =
      refusal.code > 0 && refusal.code <= static_cast<std::uint64_t>(errc::invalid_argument)
          ? static_cast<errc>(refusal.code)
          : errc::refused;
  const auto why = code == errc::auth_failed ? cause::auth : cause::refused;
  return {refusal_kind::refused, {why, code, escaped(refusal.reason)}};
}

bool association::consider(path_stage stage, errc code) noexcept {
  if (stage == path_stage::asking) {
    foreign_since_ = never;
    foreign_answers_ = 0;
    attach_twice_ = true;
    return false;
  }
  if (stage != path_stage::attach || code != errc::refused || !may_ask(false)) return false;
  ask_next_ = !std::exchange(attach_twice_, false);
  return true;
}

std::optional<instance_id> association::restarted() noexcept {
  if (!other_instance_ || restart_told_) return std::nullopt;
  restart_told_ = true;
  return other_instance_;
}

errc association::take_token(const wire::new_token& token) {
  if (side_ == role::acceptor) return errc::protocol_violation;
  return held_.add(token.number, {token.token, secret<32>(token.reset)});
}

errc association::take_retired(std::uint64_t number, drbg& random, const token_mint& mint) {
  if (side_ == role::dialer) return errc::protocol_violation;
  if (const auto bad = issued_.retire(number); bad != errc{}) return bad;
  issued_.refill(random, mint);
  return errc{};
}

// What stands for the slot at this peer stands for nothing at another one.
bool association::make_claim() {
  if (!slot_ || !keys_) return false;
  const bool own = keys_->peer && keys_->own;
  if (!own && !keys_->psk) return false;
  const auto digest = crypto::sha256({as_bytes("rendr 1 slot"), *slot_, agreement_.peer});
  claim_.emplace();
  claim_->slot.owner = own ? wire::slot_owner::static_key : wire::slot_owner::pre_shared_key;
  std::copy_n(digest.begin(), claim_->slot.id.size(), claim_->slot.id.begin());
  return true;
}

// Where others could read or change it, it is not taken, as it is not sent.
errc association::take_claim(const wire::link_slot& slot, bool in_private) {
  const bool owned = slot.owner == wire::slot_owner::pre_shared_key
                         ? agreement_.pre_shared
                         : agreement_.peer_key.has_value();
  if (side_ == role::dialer || !owned) return errc::protocol_violation;
  if (!in_private) return errc{};
  if (claim_) return claim_->slot == slot ? errc{} : errc::protocol_violation;
  claim_.emplace();
  claim_->slot = slot;
  if (slot.owner == wire::slot_owner::static_key) claim_->key = *agreement_.peer_key;
  claim_fresh_ = true;
  return errc{};
}

}  // namespace rendr::engine
