// SPDX-License-Identifier: Apache-2.0
#include "wire/handshake.hpp"

#include <array>

#include "wire/cursor.hpp"

namespace rendr::wire {

namespace {

enum class message_type : std::uint8_t {
  hello = 0x01,
  hello_ack = 0x02,
  attach = 0x03,
  challenge = 0x04,
  attach_ack = 0x05,
  refuse = 0x06,
  ask = 0x07,
  answer = 0x08,
};

constexpr byte_array<16> attach_pad{};

/// Every message fits: fixed fields below 200 bytes, and one counted field.
constexpr std::size_t message_bound = 256 + max_noise_message;
static_assert(max_refuse_reason <= max_noise_message);

void put_type(writer& w, message_type type) noexcept { w.u8(static_cast<std::uint8_t>(type)); }

void put(writer& w, const hello& m) noexcept {
  put_type(w, message_type::hello);
  w.put(m.link_nonce);
  w.put(m.instance);
  w.u64(m.required);
  w.u64(m.optional);
  w.varint(m.leaf);
  w.u8(static_cast<std::uint8_t>(m.guarded));
  w.varint(m.grace_ms);
  w.u8(static_cast<std::uint8_t>(m.pattern));
  w.counted(m.noise, max_noise_message);
}
void put(writer& w, const hello_ack& m) noexcept {
  put_type(w, message_type::hello_ack);
  w.put(m.link_nonce);
  w.put(m.instance);
  w.put(m.link);
  w.u64(m.features);
  w.varint(m.grace_ms);
  w.put(m.token);
  w.counted(m.noise, max_noise_message);
}
void put(writer& w, const attach& m) noexcept {
  put_type(w, message_type::attach);
  w.varint(m.incarnation);
  w.varint(m.path);
  w.varint(m.leaf);
  w.u8(static_cast<std::uint8_t>(m.guarded));
  w.put(m.fresh);
  w.put(m.mac);
  w.put(attach_pad);
}
void put(writer& w, const challenge& m) noexcept {
  put_type(w, message_type::challenge);
  w.varint(m.path);
  w.put(m.fresh);
  w.put(m.instance);
  w.put(m.mac);
}
void put(writer& w, const attach_ack& m) noexcept {
  put_type(w, message_type::attach_ack);
  w.varint(m.path);
  w.put(m.mac);
}
void put(writer& w, const refuse& m) noexcept {
  put_type(w, message_type::refuse);
  w.varint(m.code);
  w.u64(m.versions);
  w.put(m.instance);
  w.put(m.reset_token);
  w.counted(as_bytes(m.reason), max_refuse_reason);
}
void put(writer& w, const ask& m) noexcept {
  put_type(w, message_type::ask);
  w.u8(static_cast<std::uint8_t>(m.pattern));
  w.counted(m.noise, max_noise_message);
}
void put(writer& w, const answer& m) noexcept {
  put_type(w, message_type::answer);
  w.counted(m.noise, max_noise_message);
}

guard take_guard(reader& r) noexcept {
  const auto value = r.u8();
  if (value > static_cast<std::uint8_t>(guard::sealed)) r.fail();
  return static_cast<guard>(value);
}

// Braced initialisers evaluate in order, which is the order on the wire.
hello take_hello(reader& r) noexcept {
  return {r.array<16>(),
          r.array<16>(),
          r.u64(),
          r.u64(),
          r.varint(),
          take_guard(r),
          r.varint(),
          static_cast<hello_pattern>(r.u8()),
          r.counted(max_noise_message)};
}
hello_ack take_hello_ack(reader& r) noexcept {
  return {r.array<16>(),
          r.array<16>(),
          r.array<16>(),
          r.u64(),
          r.varint(),
          r.array<16>(),
          r.counted(max_noise_message)};
}
attach take_attach(reader& r) noexcept {
  const attach m{r.varint(), r.varint(), r.varint(), take_guard(r), r.array<16>(), r.array<32>()};
  if (r.array<16>() != attach_pad) r.fail();
  return m;
}
challenge take_challenge(reader& r) noexcept {
  return {r.varint(), r.array<16>(), r.array<16>(), r.array<32>()};
}
attach_ack take_attach_ack(reader& r) noexcept { return {r.varint(), r.array<32>()}; }
refuse take_refuse(reader& r) noexcept {
  return {r.varint(), r.u64(), r.array<16>(), r.array<32>(), as_text(r.counted(max_refuse_reason))};
}
ask take_ask(reader& r) noexcept {
  return {static_cast<hello_pattern>(r.u8()), r.counted(max_noise_message)};
}

handshake_message take_message(reader& r) noexcept {
  switch (static_cast<message_type>(r.u8())) {
    case message_type::hello:
      return take_hello(r);
    case message_type::hello_ack:
      return take_hello_ack(r);
    case message_type::attach:
      return take_attach(r);
    case message_type::challenge:
      return take_challenge(r);
    case message_type::attach_ack:
      return take_attach_ack(r);
    case message_type::refuse:
      return take_refuse(r);
    case message_type::ask:
      return take_ask(r);
    case message_type::answer:
      return answer{r.counted(max_noise_message)};
  }
  r.fail();
  return {};
}

}  // namespace

bytes encode(const handshake_message& message) {
  std::array<std::byte, message_bound> buffer;
  writer w(buffer, 0);
  std::visit([&](const auto& known) { put(w, known); }, message);
  if (!w.ok()) return {};
  return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(w.used())};
}

result<handshake_message> decode_handshake(bytes_view payload) {
  reader r(payload);
  auto message = take_message(r);
  if (!r.ok() || !r.rest().empty()) return errc::protocol_violation;
  return message;
}

}  // namespace rendr::wire
