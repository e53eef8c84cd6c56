// SPDX-License-Identifier: Apache-2.0
#include "hostile/peer.hpp"

#include <algorithm>

namespace rendr::hostile {

namespace {

instance_id instance_of(std::uint8_t seed) {
  instance_id out{};
  out.fill(std::byte{seed});
  return out;
}

secret<32> seed_of(std::uint8_t seed) {
  byte_array<32> out{};
  out.fill(std::byte{seed});
  return secret<32>(out);
}

// The proof was sent: whether the server answers frames.
bool taken(talk& t, const engine::path_keys& keys) {
  t.out.keys(keys);
  t.in.keys(keys);
  t.say({wire::ping{t.out.next()}});
  return t.heard<wire::pong>([](const auto&) { return true; });
}

}  // namespace

bytes encoded(std::initializer_list<wire::frame> frames) {
  std::size_t size = 0;
  for (const auto& f : frames) size += wire::encoded_size(f);
  bytes out(size);
  std::size_t used = 0;
  for (const auto& f : frames) wire::append(f, out, used);
  return out;
}

bytes record_maker::make(wire::record_kind kind, bytes_view payload) {
  return make(kind, payload, next_++);
}

bytes record_maker::make(wire::record_kind kind, bytes_view payload, std::uint64_t number) const {
  const bool sealed = key_ && kind == wire::record_kind::frames;
  std::array<std::byte, wire::max_record_head> head{};
  const auto n = wire::write_record_head(kind, false, number, payload.size(), head,
                                         sealed ? wire::guard::sealed : wire::guard::checksum);
  bytes out(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
  out.insert(out.end(), payload.begin(), payload.end());
  if (sealed) {
    out.resize(out.size() + wire::seal_size);
    const auto whole = bytes_span(out);
    key_->cipher().seal(key_->nonce(number), whole.first(n), whole.subspan(n));
  } else {
    const auto trailer = wire::record_crc(std::array{bytes_view(out)});
    out.insert(out.end(), trailer.begin(), trailer.end());
  }
  return out;
}

void record_reader::read(const bytes& heard) {
  const auto rest = [&] { return bytes_view(heard).subspan(used_); };
  if (!prologue_) {
    const auto first = wire::read_prologue(rest());
    broken_ = !first;
    if (broken_ || !first->has_value()) return;
    prologue_ = true;
    used_ += wire::prologue_size;
  }
  while (!broken_) {
    const auto one = wire::split_record(rest(), key_ ? wire::guard::sealed : wire::guard::checksum);
    broken_ = !one;
    if (broken_ || !one->has_value()) return;
    const auto& r = **one;
    bytes payload(r.payload.begin(), r.payload.end());
    if (key_ && r.kind == wire::record_kind::frames) {
      const auto head = r.size - r.payload.size() - wire::seal_size;
      payload.assign(rest().begin() + static_cast<std::ptrdiff_t>(head),
                     rest().begin() + static_cast<std::ptrdiff_t>(r.size));
      broken_ = !key_->cipher().open(key_->nonce(r.number), rest().first(head), payload);
      payload.resize(r.payload.size());
    } else {
      broken_ = !wire::checksum_matches(rest(), r);
    }
    if (broken_) return;
    records_.push_back({r.kind, r.number, std::move(payload)});
    used_ += r.size;
  }
}

std::vector<bytes> cut(bytes_view recorded) {
  std::vector<bytes> out;
  const auto take = [&](std::size_t n) {
    out.emplace_back(recorded.begin(), recorded.begin() + static_cast<std::ptrdiff_t>(n));
    recorded = recorded.subspan(n);
  };
  if (recorded.size() < wire::prologue_size) return out;
  take(wire::prologue_size);
  while (true) {
    const auto size = wire::record_size(recorded);
    if (!size || !size->has_value() || **size > recorded.size()) return out;
    take(**size);
  }
}

void talk::prologue(wire::form form, const routing_token& token) {
  std::array<std::byte, wire::prologue_size> first{};
  wire::write_prologue({form, wire::version, token}, first);
  raw(first);
}

void talk::say(const wire::handshake_message& message) {
  raw(out.make(wire::record_kind::handshake, wire::encode(message)));
}

void talk::say(bytes_view payload) { raw(out.make(wire::record_kind::frames, payload)); }

rogue::rogue(stage& at, std::string_view from)
    : where(at),
      source(from),
      instance_(instance_of(++at.rogues)),
      random_(seed_of(at.rogues)),
      hello_({instance_, 0, 0, wire::grace_forever_ms}, {}, random_) {}

std::unique_ptr<talk> rogue::dial(wire::form form) {
  auto over = where.dial(source);
  if (!over) return nullptr;
  auto out = std::make_unique<talk>(where, std::move(over));
  out->prologue(form, form == wire::form::attach ? agreement.token : routing_token{});
  return out;
}

std::unique_ptr<talk> rogue::greet() {
  auto t = dial(wire::form::hello);
  if (!t) return nullptr;
  t->say(hello());
  const auto ack = t->answer<wire::hello_ack>();
  if (!ack) return nullptr;
  auto agreed = hello_.accept(*ack);
  if (!agreed) return nullptr;
  agreement = std::move(*agreed);
  ends = {instance_, agreement.peer, 0};
  return t;
}

bool rogue::confirm(talk& greeted) const {
  const auto outcome = engine::make_confirm(agreement.keys, ends, {0}, {});
  greeted.say(outcome.ack);
  if (!taken(greeted, outcome.keys)) return false;
  greeted.say({wire::graph{1, {}, "s:selector(p1#0,p2#1)"}});
  return true;
}

std::unique_ptr<talk> rogue::join() {
  auto t = greet();
  return t && confirm(*t) ? std::move(t) : nullptr;
}

std::unique_ptr<talk> rogue::half_attach(std::uint64_t path, std::uint64_t leaf) {
  auto t = dial(wire::form::attach);
  if (!t) return nullptr;
  attaching_.emplace(agreement.keys, ends, path, engine::path_terms{leaf}, bytes_view{}, random_);
  t->say(attaching_->message());
  return t->answer<wire::challenge>() ? std::move(t) : nullptr;
}

std::optional<engine::attach_outcome> rogue::outcome(talk& challenged) const {
  const auto challenge = challenged.answer<wire::challenge>();
  if (!challenge) return std::nullopt;
  auto made = attaching_->answer(agreement.keys, *challenge);
  return made ? std::optional(std::move(*made)) : std::nullopt;
}

bool rogue::finish(talk& challenged) const {
  const auto made = outcome(challenged);
  if (!made) return false;
  challenged.say(made->ack);
  return taken(challenged, made->keys);
}

std::unique_ptr<talk> rogue::attach(std::uint64_t path, std::uint64_t leaf) {
  auto t = half_attach(path, leaf);
  return t && finish(*t) ? std::move(t) : nullptr;
}

}  // namespace rendr::hostile
