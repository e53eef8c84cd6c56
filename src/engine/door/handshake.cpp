// SPDX-License-Identifier: Apache-2.0
#include "engine/door/handshake.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "wire/record.hpp"

namespace rendr::engine {

namespace {

void append(bytes& out, bytes_view field) { out.insert(out.end(), field.begin(), field.end()); }
void append(bytes& out, std::uint64_t value) { append(out, bytes_view(crypto::integer(value))); }

using wire::hello_pattern;

/// nullptr: unknown here.
const noise::pattern* shape_of(hello_pattern pattern) noexcept {
  switch (pattern) {
    case hello_pattern::nn:
      return &noise::nn;
    case hello_pattern::nn_psk0:
      return &noise::nn_psk0;
    case hello_pattern::ik_psk2:
      return &noise::ik_psk2;
  }
  return nullptr;
}

/// What a dialer with these credentials says.
hello_pattern pattern_of(const hello_keys& keys) noexcept {
  if (keys.peer) return hello_pattern::ik_psk2;
  return keys.psk ? hello_pattern::nn_psk0 : hello_pattern::nn;
}

/// All of a HELLO but the terms of its path and its Noise message: the Noise prologue.
bytes prologue_of(const wire::hello& hello) {
  bytes out;
  append(out, as_bytes("rendr hello"));
  out.push_back(std::byte{wire::version});
  append(out, hello.link_nonce);
  append(out, hello.instance);
  append(out, hello.required);
  append(out, hello.optional);
  append(out, hello.grace_ms);
  out.push_back(static_cast<std::byte>(hello.pattern));
  return out;
}

/// Likewise of an ASK behind this token.
bytes prologue_of(const routing_token& token, hello_pattern pattern) {
  bytes out;
  append(out, as_bytes("rendr ask"));
  out.push_back(std::byte{wire::version});
  append(out, token);
  out.push_back(static_cast<std::byte>(pattern));
  return out;
}

wire::hello clear_hello(const hello_offer& self, const byte_array<16>& link_nonce,
                        hello_pattern pattern) noexcept {
  wire::hello out;
  out.link_nonce = link_nonce;
  out.instance = self.instance;
  out.required = self.required;
  out.optional = self.optional;
  out.grace_ms = self.grace_ms;
  out.pattern = pattern;
  return out;
}

/// The features in use between two offers; version_mismatch when one requires what the other lacks.
result<std::uint64_t> agree(const hello_offer& a, const hello_offer& b) noexcept {
  const auto both = (a.required | a.optional) & (b.required | b.optional);
  if (((a.required | b.required) & ~both) != 0) return errc::version_mismatch;
  return both;
}

/// The plain text of the second Noise message.
struct ack_payload {
  static constexpr std::size_t size = 32 + 16 + 16 + 3 * 8;

  secret<32> reset_token;
  routing_token token{};
  hello_offer acceptor;

  bytes encode() const {
    bytes out;
    out.reserve(size);
    append(out, reset_token.view());
    append(out, token);
    append(out, acceptor.instance);
    append(out, acceptor.required);
    append(out, acceptor.optional);
    append(out, acceptor.grace_ms);
    return out;
  }

  static ack_payload decode(std::span<const std::byte, size> in) noexcept {
    ack_payload out;
    out.reset_token = secret<32>(in.first<32>());
    std::copy_n(in.begin() + 32, out.token.size(), out.token.begin());
    std::copy_n(in.begin() + 48, out.acceptor.instance.size(), out.acceptor.instance.begin());
    const auto integer_at = [&](std::size_t offset) {
      std::uint64_t value = 0;
      for (const auto b : in.subspan(offset, 8)) {
        value = value << 8 | std::to_integer<std::uint64_t>(b);
      }
      return value;
    };
    out.acceptor.required = integer_at(64);
    out.acceptor.optional = integer_at(72);
    out.acceptor.grace_ms = integer_at(80);
    return out;
  }
};

secret<32> fresh_secret(drbg& random) noexcept {
  secret<32> out;
  random.fill(out.span());
  return out;
}

/// An absent pre-shared key is 32 zeros. A dialer without a key of its own shows a fresh one.
noise::handshake_keys dialer_keys(const hello_keys& keys, drbg& random) noexcept {
  noise::handshake_keys out;
  out.ephemeral = fresh_secret(random);
  if (keys.psk) out.psk = *keys.psk;
  if (!keys.peer) return out;
  out.own = keys.own ? *keys.own : noise::key_pair(fresh_secret(random));
  out.peer = *keys.peer;
  return out;
}

/// Whether a hello of this pattern can prove what is demanded here.
std::optional<hello_refusal> demand(hello_pattern pattern, const hello_keys& keys) {
  const auto refuse = [](std::string reason) {
    return hello_refusal{errc::auth_failed, std::move(reason), {}};
  };
  switch (pattern) {
    case hello_pattern::nn:
      if (keys.allowed) return refuse("this server takes clients with an allowed key alone");
      if (keys.psk) return refuse("this server takes clients with its pre-shared key alone");
      if (keys.own) return refuse("this server takes clients that know its public key alone");
      return std::nullopt;
    case hello_pattern::nn_psk0:
      if (keys.allowed) {
        return refuse("a pre-shared key is not enough: this server wants an allowed key too");
      }
      if (!keys.psk) return refuse("this server has no pre-shared key");
      return std::nullopt;
    case hello_pattern::ik_psk2:
      if (!keys.own) return refuse("this server has no key that a client could know it by");
      return std::nullopt;
  }
  return hello_refusal{
      errc::version_mismatch,
      "handshake pattern " + std::to_string(static_cast<unsigned>(pattern)) + " is not known here",
      {}};
}

/// Why the first Noise message was not taken.
hello_refusal unread(errc code, hello_pattern pattern) {
  if (code != errc::auth_failed) return {code, make_error_code(code).message(), {}};
  return {code,
          pattern == hello_pattern::nn_psk0 ? "the pre-shared key is not that of this server"
                                            : "the pinned public key is not that of this server",
          {}};
}

/// Why a client of this key is turned away; nullopt: it is not.
std::optional<hello_refusal> unlisted(const hello_keys& keys, const crypto::public_key& client) {
  if (keys.allowed && !std::binary_search(keys.allowed->begin(), keys.allowed->end(), client)) {
    // The answer goes in clear: who is on the way must not know a client by it.
    return hello_refusal{
        errc::auth_failed, "the client's key is not on the list of allowed keys",
        "the client's key " + to_text(client) + " is not on the list of allowed keys"};
  }
  return std::nullopt;
}

attach_facts facts_of(const link_keys& keys, const link_ends& ends, std::uint64_t path,
                      const path_terms& terms, bytes_view channel_binding) noexcept {
  attach_facts out;
  out.link = keys.link;
  out.incarnation = ends.incarnation;
  out.path = path;
  out.leaf = terms.leaf;
  out.guarded = terms.guarded;
  out.dialer = ends.dialer;
  out.acceptor = ends.acceptor;
  out.channel_binding = channel_binding;
  return out;
}

attach_facts facts_of(const link_keys& keys, const link_ends& ends, const wire::attach& attach,
                      bytes_view channel_binding) noexcept {
  auto out = facts_of(keys, ends, attach.path, {attach.leaf, attach.guarded}, channel_binding);
  out.dialer_fresh = attach.fresh;
  return out;
}

path_keys keys_of(const link_keys& keys, proof_kind kind, const attach_facts& facts) noexcept {
  return derive_path_keys(keys, facts.path, attach_transcript(kind, facts));
}

}  // namespace

std::uint64_t grace_on_wire(duration grace) noexcept {
  if (grace == duration::max()) return wire::grace_forever_ms;
  return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::milliseconds>(grace).count());
}

duration grace_of_wire(std::uint64_t ms) noexcept {
  constexpr std::uint64_t longest = 1'000'000'000'000;  // beyond 31 years it is for ever
  return ms >= longest ? duration::max() : duration(std::chrono::milliseconds(ms));
}

hello_keys::hello_keys(const credentials& from) : peer(from.peer_key), allowed(from.allowed_keys) {
  if (from.psk) psk = secret<32>(from.psk->view());
  if (from.own_key) own.emplace(secret<32>(from.own_key->view()));
  if (allowed) std::sort(allowed->begin(), allowed->end());
}

dialer_hello::dialer_hello(const hello_offer& self, const hello_keys& keys, drbg& random)
    : self_(self),
      link_nonce_(random.array<16>()),
      pattern_(pattern_of(keys)),
      state_(*shape_of(pattern_), noise::role::initiator,
             prologue_of(clear_hello(self, link_nonce_, pattern_)), dialer_keys(keys, random)) {
  auto first = state_.write_message({});
  assert(first.has_value());  // nothing of the peer is in it
  noise_ = std::move(*first);
}

wire::hello dialer_hello::message(const path_terms& terms) const noexcept {
  auto out = clear_hello(self_, link_nonce_, pattern_);
  out.leaf = terms.leaf;
  out.guarded = terms.guarded;
  out.noise = noise_;
  return out;
}

result<link_agreement> dialer_hello::accept(const wire::hello_ack& ack) {
  if (ack.link_nonce != link_nonce_) return errc::auth_failed;
  if (ack.token != routing_token{}) return errc::protocol_violation;
  auto state = state_;
  auto plain = state.read_message(ack.noise);
  if (!plain) return plain.error();
  if (plain->size() != ack_payload::size) return errc::protocol_violation;
  const auto payload = ack_payload::decode(std::span<const std::byte, ack_payload::size>(*plain));
  crypto::wipe(*plain);

  const auto features = agree(self_, payload.acceptor);
  if (!features) return features.error();
  const auto link = derive_link_id(link_nonce_, state.local_ephemeral(), state.remote_ephemeral());
  const auto grace_ms = std::min(self_.grace_ms, payload.acceptor.grace_ms);
  if (ack.instance != payload.acceptor.instance || ack.link != link || ack.features != *features ||
      ack.grace_ms != grace_ms) {
    return errc::auth_failed;
  }
  if (peer_ && *peer_ != ack.instance) return errc::instance_mismatch;
  if (peer_ && link_ != link) return errc::refused;
  peer_ = ack.instance;
  link_ = link;

  link_agreement out;
  out.keys = derive_link_keys(link, state.chaining_key(), state.handshake_hash());
  out.peer = ack.instance;
  out.features = *features;
  out.grace_ms = grace_ms;
  out.reset_token = payload.reset_token;
  out.token = payload.token;
  if (pattern_ == hello_pattern::ik_psk2) out.peer_key = state.remote_static();
  return out;
}

std::string dialer_hello::explain(errc error) const {
  if (error == errc::auth_failed && pattern_ != hello_pattern::nn) {
    return "the server's answer does not verify: its pre-shared key is another one, or somebody on "
           "the way answered";
  }
  return make_error_code(error).message();
}

crypto::hash hello_key(const wire::hello& hello) {
  return crypto::sha256({as_bytes("rendr 1 hello key"), prologue_of(hello), hello.noise});
}

result<acceptor_hello, hello_refusal> acceptor_hello::make(const hello_offer& self,
                                                           const hello_keys& keys,
                                                           const secret<32>& reset_token,
                                                           const routing_token& token,
                                                           const wire::hello& hello, drbg& random) {
  const auto plain = [](errc code) {
    return hello_refusal{code, make_error_code(code).message(), {}};
  };
  const auto features =
      agree(self, {hello.instance, hello.required, hello.optional, hello.grace_ms});
  if (!features) return plain(features.error());
  if (auto bad = demand(hello.pattern, keys)) return std::move(*bad);
  noise::handshake_keys mine;
  mine.ephemeral = fresh_secret(random);
  if (keys.psk) mine.psk = *keys.psk;
  if (keys.own) mine.own = *keys.own;
  noise::handshake_state state(*shape_of(hello.pattern), noise::role::responder, prologue_of(hello),
                               mine);
  const auto first = state.read_message(hello.noise);
  if (!first) return unread(first.error(), hello.pattern);
  if (!first->empty()) return plain(errc::protocol_violation);
  if (auto bad = unlisted(keys, state.remote_static())) return std::move(*bad);

  acceptor_hello out;
  out.self_ = self.instance;
  out.link_nonce_ = hello.link_nonce;
  auto& agreed = out.agreement_;
  const auto link =
      derive_link_id(hello.link_nonce, state.remote_ephemeral(), state.local_ephemeral());
  agreed.peer = hello.instance;
  agreed.features = *features;
  agreed.grace_ms = std::min(self.grace_ms, hello.grace_ms);
  agreed.reset_token = reset_token;
  agreed.token = token;

  auto payload = ack_payload{agreed.reset_token, token, self}.encode();
  auto second = state.write_message(payload);
  crypto::wipe(payload);
  if (!second) return plain(second.error());
  out.noise_ = std::move(*second);
  agreed.keys = derive_link_keys(link, state.chaining_key(), state.handshake_hash());
  if (hello.pattern == hello_pattern::ik_psk2) agreed.peer_key = state.remote_static();
  agreed.pre_shared = keys.psk && hello.pattern != hello_pattern::nn;
  return out;
}

wire::hello_ack acceptor_hello::answer() const noexcept {
  wire::hello_ack out;
  out.link_nonce = link_nonce_;
  out.instance = self_;
  out.link = agreement_.keys.link;
  out.features = agreement_.features;
  out.grace_ms = agreement_.grace_ms;
  out.noise = noise_;
  return out;
}

link_question::link_question(const hello_keys& keys, const routing_token& token, drbg& random)
    : pattern_(pattern_of(keys)),
      state_(*shape_of(pattern_), noise::role::initiator, prologue_of(token, pattern_),
             dialer_keys(keys, random)) {
  auto first = state_.write_message({});
  assert(first.has_value());  // nothing of the peer is in it
  noise_ = std::move(*first);
}

bool link_question::proven_by(const wire::answer& answer) const {
  if (pattern_ == hello_pattern::nn) return false;
  auto state = state_;
  const auto plain = state.read_message(answer.noise);
  return plain && plain->empty();
}

result<bytes, hello_refusal> answer_question(const hello_keys& keys, const routing_token& token,
                                             const wire::ask& ask, drbg& random) {
  if (ask.pattern == hello_pattern::nn)
    return hello_refusal{errc::auth_failed, "who demands no key learns nothing of a link"};
  if (auto bad = demand(ask.pattern, keys)) return std::move(*bad);
  noise::handshake_keys mine;
  mine.ephemeral = fresh_secret(random);
  if (keys.psk) mine.psk = *keys.psk;
  if (keys.own) mine.own = *keys.own;
  noise::handshake_state state(*shape_of(ask.pattern), noise::role::responder,
                               prologue_of(token, ask.pattern), mine);
  const auto first = state.read_message(ask.noise);
  if (!first) return unread(first.error(), ask.pattern);
  if (auto bad = unlisted(keys, state.remote_static())) return std::move(*bad);
  auto second = state.write_message({});
  if (!second) return hello_refusal{second.error(), make_error_code(second.error()).message()};
  return std::move(*second);
}

attach_outcome make_confirm(const link_keys& keys, const link_ends& ends, const path_terms& terms,
                            bytes_view channel_binding) noexcept {
  const auto facts = facts_of(keys, ends, first_path, terms, channel_binding);
  return {{first_path, make_proof(keys.attach_auth, proof_kind::confirm, facts)},
          keys_of(keys, proof_kind::confirm, facts)};
}

result<path_keys> verify_confirm(const link_keys& keys, const link_ends& ends,
                                 const path_terms& terms, const wire::attach_ack& ack,
                                 bytes_view channel_binding) noexcept {
  if (ack.path != first_path) return errc::protocol_violation;
  const auto facts = facts_of(keys, ends, first_path, terms, channel_binding);
  if (!verify_proof(keys.attach_auth, proof_kind::confirm, facts, ack.mac)) {
    return errc::auth_failed;
  }
  return keys_of(keys, proof_kind::confirm, facts);
}

dialer_attach::dialer_attach(const link_keys& keys, const link_ends& ends, std::uint64_t path,
                             const path_terms& terms, bytes_view channel_binding, drbg& random)
    : ends_(ends), channel_binding_(channel_binding.begin(), channel_binding.end()) {
  message_.incarnation = ends.incarnation;
  message_.path = path;
  message_.leaf = terms.leaf;
  message_.guarded = terms.guarded;
  message_.fresh = random.array<16>();
  message_.mac = make_proof(keys.attach_auth, proof_kind::attach,
                            facts_of(keys, ends, message_, channel_binding_));
}

result<attach_outcome> dialer_attach::answer(const link_keys& keys,
                                             const wire::challenge& challenge) const {
  if (challenge.path != message_.path) return errc::protocol_violation;
  if (challenge.instance != ends_.acceptor) return errc::instance_mismatch;
  auto facts = facts_of(keys, ends_, message_, channel_binding_);
  facts.acceptor_fresh = challenge.fresh;
  if (!verify_proof(keys.attach_auth, proof_kind::challenge, facts, challenge.mac)) {
    return errc::auth_failed;
  }
  return attach_outcome{
      {message_.path, make_proof(keys.attach_auth, proof_kind::attach_ack, facts)},
      keys_of(keys, proof_kind::attach_ack, facts)};
}

result<acceptor_attach> acceptor_attach::make(const link_keys& keys, const link_ends& ends,
                                              const wire::attach& attach,
                                              bytes_view channel_binding, drbg& random) {
  auto facts = facts_of(keys, ends, attach, channel_binding);
  if (attach.incarnation != ends.incarnation ||
      !verify_proof(keys.attach_auth, proof_kind::attach, facts, attach.mac)) {
    return errc::auth_failed;
  }
  acceptor_attach out;
  out.ends_ = ends;
  out.attach_ = attach;
  out.channel_binding_.assign(channel_binding.begin(), channel_binding.end());
  facts.acceptor_fresh = random.array<16>();
  out.challenge_ = {attach.path, facts.acceptor_fresh, ends.acceptor,
                    make_proof(keys.attach_auth, proof_kind::challenge, facts)};
  return out;
}

result<path_keys> acceptor_attach::finish(const link_keys& keys, const wire::attach_ack& ack) {
  if (std::exchange(answered_, true) || ack.path != attach_.path) return errc::protocol_violation;
  auto facts = facts_of(keys, ends_, attach_, channel_binding_);
  facts.acceptor_fresh = challenge_.fresh;
  if (!verify_proof(keys.attach_auth, proof_kind::attach_ack, facts, ack.mac)) {
    return errc::auth_failed;
  }
  return keys_of(keys, proof_kind::attach_ack, facts);
}

}  // namespace rendr::engine
