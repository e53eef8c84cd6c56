// SPDX-License-Identifier: Apache-2.0
#include "wire/frames.hpp"

#include <algorithm>

#include "wire/cursor.hpp"

namespace rendr::wire {

namespace {

constexpr std::uint64_t most_further_ranges = max_ack_ranges - 1;

bool same(bytes_view a, bytes_view b) noexcept { return std::ranges::equal(a, b); }

bool is_name(std::string_view text) noexcept {
  constexpr auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  return text.size() <= max_name && std::ranges::all_of(text, allowed);
}

bool in_stream(std::uint64_t offset, std::uint64_t size) noexcept {
  return offset <= max_varint && size <= max_varint - offset;
}

bool in_packets(std::uint64_t sequence, std::uint64_t size) noexcept {
  return size <= max_packet && in_stream(sequence, size + packet_extra);
}

std::uint64_t delay_on_wire(duration delay) noexcept {
  const auto bounded = std::clamp(delay, duration::zero(), max_ack_delay);
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(bounded).count());
}

// Encoders. `Sink` is a writer or a size_counter.

template <class Sink>
void put_type(Sink& s, frame_type type) noexcept {
  s.varint(static_cast<std::uint64_t>(type));
}

template <class Sink>
void put_name(Sink& s, std::string_view name) noexcept {
  if (!is_name(name)) return s.fail();
  s.counted(as_bytes(name), max_name);
}

template <class Sink>
void put(Sink& s, const padding& f) noexcept {
  s.zeros(f.size);
}
template <class Sink>
void put(Sink& s, const ping& f) noexcept {
  put_type(s, frame_type::ping);
  s.varint(f.id);
}
template <class Sink>
void put(Sink& s, const pong& f) noexcept {
  put_type(s, frame_type::pong);
  s.varint(f.id);
}
template <class Sink>
void put(Sink& s, const path_ack& f) noexcept {
  if (f.count == 0 || f.count > max_ack_ranges || f.ranges[0].empty()) return s.fail();
  put_type(s, frame_type::path_ack);
  s.varint(f.path);
  s.varint(delay_on_wire(f.delay));
  s.varint(f.largest());
  s.varint(f.count - 1);
  s.varint(f.ranges[0].size() - 1);
  for (std::size_t i = 1; i < f.count; ++i) {
    const auto& newer = f.ranges[i - 1];
    const auto& r = f.ranges[i];
    if (r.empty() || r.end >= newer.begin) return s.fail();
    s.varint(newer.begin - r.end - 1);
    s.varint(r.size() - 1);
  }
}
template <class Sink>
void put(Sink& s, const path_state& f) noexcept {
  if (f.direction > path_direction::to_dialer || f.state > path_report::dead) return s.fail();
  put_type(s, frame_type::path_state);
  s.varint(f.path);
  s.varint(f.epoch);
  s.u8(static_cast<std::uint8_t>(f.direction));
  s.u8(static_cast<std::uint8_t>(f.state));
  s.varint(f.leaf);
}
constexpr std::uint64_t slot_size = 1 + 16;

template <class Sink>
void put_body(Sink& s, const path_quality& f) noexcept {
  s.varint(delay_on_wire(f.latency));
  s.varint(delay_on_wire(f.jitter));
  s.varint(f.rate);
  s.u8(f.filled ? 1 : 0);
}
template <class Sink>
void put(Sink& s, const path_quality& f) noexcept {
  size_counter body;
  put_body(body, f);
  if (!body.ok()) return s.fail();
  put_type(s, frame_type::path_quality);
  s.varint(body.used());
  put_body(s, f);
}
template <class Sink>
void put(Sink& s, const open& f) noexcept {
  if (f.kind > flow_kind::packet) return s.fail();
  put_type(s, frame_type::open);
  s.varint(f.flow);
  s.put(f.id);
  s.u8(static_cast<std::uint8_t>(f.kind));
  put_name(s, f.root);
  s.counted(f.metadata, max_metadata);
}
template <class Sink>
void put(Sink& s, const accept& f) noexcept {
  put_type(s, frame_type::accept);
  s.varint(f.flow);
}
template <class Sink>
void put(Sink& s, const reject& f) noexcept {
  put_type(s, frame_type::reject);
  s.varint(f.flow);
  s.varint(f.code);
  s.counted(as_bytes(f.reason), max_reason);
}
template <class Sink>
void put_data_head(Sink& s, std::uint64_t flow, std::uint64_t offset, std::size_t size) noexcept {
  if (!in_stream(offset, size)) return s.fail();
  put_type(s, frame_type::data);
  s.varint(flow);
  s.varint(offset);
  s.varint(size);
}
template <class Sink>
void put(Sink& s, const data& f) noexcept {
  put_data_head(s, f.flow, f.offset, f.payload.size());
  s.put(f.payload);
}
template <class Sink>
void put(Sink& s, const fin& f) noexcept {
  put_type(s, frame_type::fin);
  s.varint(f.flow);
  s.varint(f.final_size);
}
template <class Sink>
void put(Sink& s, const reset& f) noexcept {
  put_type(s, frame_type::reset);
  s.varint(f.flow);
  s.varint(f.code);
  s.varint(f.final_size);
}
template <class Sink>
void put(Sink& s, const stop& f) noexcept {
  put_type(s, frame_type::stop);
  s.varint(f.flow);
  s.varint(f.code);
}
template <class Sink>
void put(Sink& s, const max_data& f) noexcept {
  put_type(s, frame_type::max_data);
  s.varint(f.flow);
  s.varint(f.limit);
}
template <class Sink>
void put_packet_head(Sink& s, std::uint64_t flow, std::uint64_t sequence,
                     std::size_t size) noexcept {
  if (!in_packets(sequence, size)) return s.fail();
  put_type(s, frame_type::packet);
  s.varint(flow);
  s.varint(sequence);
  s.varint(size);
}
template <class Sink>
void put(Sink& s, const packet& f) noexcept {
  put_packet_head(s, f.flow, f.sequence, f.payload.size());
  s.put(f.payload);
}
template <class Sink>
void put(Sink& s, const skip& f) noexcept {
  put_type(s, frame_type::skip);
  s.varint(f.flow);
  s.varint(f.sequence);
}
template <class Sink>
void put(Sink& s, const graph& f) noexcept {
  put_type(s, frame_type::graph);
  s.varint(f.version);
  put_name(s, f.name);
  s.counted(as_bytes(f.text), max_graph_text);
}
template <class Sink>
void put(Sink& s, const select& f) noexcept {
  put_type(s, frame_type::select);
  s.varint(f.version);
  put_name(s, f.root);
  put_name(s, f.node);
  put_name(s, f.child);
}
template <class Sink>
void put(Sink& s, const goaway& f) noexcept {
  put_type(s, frame_type::goaway);
  s.varint(f.version);
  s.varint(f.code);
  s.counted(as_bytes(f.reason), max_reason);
}
template <class Sink>
void put(Sink& s, const bye& f) noexcept {
  put_type(s, frame_type::bye);
  s.varint(f.code);
}
template <class Sink>
void put(Sink& s, const new_token& f) noexcept {
  put_type(s, frame_type::new_token);
  s.varint(f.number);
  s.put(f.token);
  s.put(f.reset);
}
template <class Sink>
void put(Sink& s, const link_slot& f) noexcept {
  put_type(s, frame_type::link_slot);
  s.varint(slot_size);
  s.u8(static_cast<std::uint8_t>(f.owner));
  s.put(f.id);
}
template <class Sink>
void put(Sink& s, const retire_token& f) noexcept {
  put_type(s, frame_type::retire_token);
  s.varint(f.number);
}
template <class Sink>
void put(Sink& s, const ignored& f) noexcept {
  if (f.type % 2 == 0) return s.fail();
  s.varint(f.type);
  s.varint(f.body.size());
  s.put(f.body);
}

// Decoders. Braced initialisers evaluate in order, which is the order on the wire.

std::string_view take_name(reader& r) noexcept {
  const auto name = as_text(r.counted(max_name));
  if (!is_name(name)) r.fail();
  return name;
}

template <class Enum>
Enum take_enum(reader& r, Enum last) noexcept {
  const auto value = r.u8();
  if (value > static_cast<std::uint8_t>(last)) {
    r.fail();
    return Enum{};
  }
  return static_cast<Enum>(value);
}

path_ack take_path_ack(reader& r) noexcept {
  path_ack f;
  f.path = r.varint();
  const auto delay = r.varint();
  std::uint64_t largest = r.varint();
  const auto further = r.varint();
  if (further > most_further_ranges || delay > delay_on_wire(max_ack_delay)) r.fail();
  if (!r.ok()) return f;
  f.delay = std::chrono::microseconds(delay);
  for (;;) {
    const auto more = r.varint();  // numbers of this range besides its largest
    if (!r.ok() || more > largest) break;
    f.ranges[f.count++] = {largest - more, largest + 1};
    if (f.count == further + 1) return f;
    const auto gap = r.varint();  // numbers missing below this range, less one
    if (largest - more < gap + 2) break;
    largest -= more + gap + 2;
  }
  r.fail();
  return f;
}

data take_data(reader& r) noexcept {
  data f{r.varint(), r.varint(), {}};
  const auto size = r.varint();
  if (!in_stream(f.offset, size)) r.fail();
  f.payload = r.take(size);
  return f;
}

packet take_packet(reader& r) noexcept {
  packet f{r.varint(), r.varint(), {}};
  const auto size = r.varint();
  if (!in_packets(f.sequence, size)) r.fail();
  f.payload = r.take(size);
  return f;
}

path_state take_path_state(reader& r) noexcept {
  return {r.varint(), r.varint(), take_enum(r, path_direction::to_dialer),
          take_enum(r, path_report::dead), r.varint()};
}

duration take_delay(reader& r) noexcept {
  const auto us = r.varint();
  if (us > delay_on_wire(max_ack_delay)) r.fail();
  return r.ok() ? duration(std::chrono::microseconds(us)) : duration(0);
}

// The length is there for those that do not know the frame; it must be what its fields take.
path_quality take_path_quality(reader& r) noexcept {
  reader body(r.take(r.varint()));
  path_quality f{take_delay(body), take_delay(body), body.varint()};
  const auto filled = body.u8();
  if (!body.ok() || filled > 1 || !body.rest().empty()) r.fail();
  f.filled = filled == 1;
  return f;
}

link_slot take_link_slot(reader& r) noexcept {
  if (r.varint() != slot_size) r.fail();
  return {take_enum(r, slot_owner::pre_shared_key), r.array<16>()};
}

open take_open(reader& r) noexcept {
  return {r.varint(), r.array<16>(), take_enum(r, flow_kind::packet), take_name(r),
          r.counted(max_metadata)};
}

/// The type byte of PADDING is taken; takes the zeros behind it.
padding take_padding(reader& r) noexcept {
  const auto rest = r.rest();
  const auto end = std::ranges::find_if(rest, [](std::byte b) { return b != std::byte{0}; });
  const auto more = static_cast<std::size_t>(end - rest.begin());
  r.take(more);
  return {more + 1};
}

ignored take_ignored(reader& r, std::uint64_t type) noexcept {
  if (type % 2 == 0) r.fail();
  const auto size = r.varint();
  return {type, r.take(size)};
}

frame take_frame(reader& r) noexcept {
  const auto type = r.varint();
  switch (static_cast<frame_type>(type)) {
    case frame_type::data:
      return take_data(r);
    case frame_type::path_ack:
      return take_path_ack(r);
    case frame_type::padding:
      return r.ok() ? take_padding(r) : padding{};
    case frame_type::ping:
      return ping{r.varint()};
    case frame_type::pong:
      return pong{r.varint()};
    case frame_type::path_state:
      return take_path_state(r);
    case frame_type::path_quality:
      return take_path_quality(r);
    case frame_type::open:
      return take_open(r);
    case frame_type::accept:
      return accept{r.varint()};
    case frame_type::reject:
      return reject{r.varint(), r.varint(), as_text(r.counted(max_reason))};
    case frame_type::fin:
      return fin{r.varint(), r.varint()};
    case frame_type::reset:
      return reset{r.varint(), r.varint(), r.varint()};
    case frame_type::stop:
      return stop{r.varint(), r.varint()};
    case frame_type::max_data:
      return max_data{r.varint(), r.varint()};
    case frame_type::packet:
      return take_packet(r);
    case frame_type::skip:
      return skip{r.varint(), r.varint()};
    case frame_type::graph:
      return graph{r.varint(), take_name(r), as_text(r.counted(max_graph_text))};
    case frame_type::select:
      return select{r.varint(), take_name(r), take_name(r), take_name(r)};
    case frame_type::goaway:
      return goaway{r.varint(), r.varint(), as_text(r.counted(max_reason))};
    case frame_type::bye:
      return bye{r.varint()};
    case frame_type::new_token:
      return new_token{r.varint(), r.array<16>(), r.array<32>()};
    case frame_type::link_slot:
      return take_link_slot(r);
    case frame_type::retire_token:
      return retire_token{r.varint()};
    default:
      return take_ignored(r, type);
  }
}

}  // namespace

bool path_ack::operator==(const path_ack& other) const noexcept {
  return path == other.path && delay == other.delay && count == other.count &&
         std::equal(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(count),
                    other.ranges.begin());
}

bool open::operator==(const open& other) const noexcept {
  return flow == other.flow && id == other.id && kind == other.kind && root == other.root &&
         same(metadata, other.metadata);
}

bool data::operator==(const data& other) const noexcept {
  return flow == other.flow && offset == other.offset && same(payload, other.payload);
}

bool packet::operator==(const packet& other) const noexcept {
  return flow == other.flow && sequence == other.sequence && same(payload, other.payload);
}

bool ignored::operator==(const ignored& other) const noexcept {
  return type == other.type && same(body, other.body);
}

result<std::optional<frame>> frame_reader::next() {
  if (failed_) return errc::protocol_violation;
  if (rest_.empty()) return std::optional<frame>();
  reader r(rest_);
  std::optional<frame> f(take_frame(r));
  if (!r.ok()) {
    failed_ = true;
    return errc::protocol_violation;
  }
  rest_ = r.rest();
  return f;
}

std::size_t encoded_size(const frame& f) noexcept {
  size_counter counter;
  std::visit([&](const auto& known) { put(counter, known); }, f);
  return counter.ok() ? counter.used() : 0;
}

bool append(const frame& f, bytes_span out, std::size_t& used) noexcept {
  writer w(out, used);
  std::visit([&](const auto& known) { put(w, known); }, f);
  if (w.ok()) used = w.used();
  return w.ok();
}

bool append_data_head(std::uint64_t flow, std::uint64_t offset, std::size_t payload_size,
                      bytes_span out, std::size_t& used) noexcept {
  writer w(out, used);
  put_data_head(w, flow, offset, payload_size);
  if (w.ok()) used = w.used();
  return w.ok();
}

std::size_t data_head_size(std::uint64_t flow, std::uint64_t offset,
                           std::size_t payload_size) noexcept {
  size_counter counter;
  put_data_head(counter, flow, offset, payload_size);
  return counter.ok() ? counter.used() : 0;
}

bool append_packet_head(std::uint64_t flow, std::uint64_t sequence, std::size_t payload_size,
                        bytes_span out, std::size_t& used) noexcept {
  writer w(out, used);
  put_packet_head(w, flow, sequence, payload_size);
  if (w.ok()) used = w.used();
  return w.ok();
}

std::size_t packet_head_size(std::uint64_t flow, std::uint64_t sequence,
                             std::size_t payload_size) noexcept {
  size_counter counter;
  put_packet_head(counter, flow, sequence, payload_size);
  return counter.ok() ? counter.used() : 0;
}

bool ack_eliciting(const frame& f) noexcept {
  return !std::holds_alternative<padding>(f) && !std::holds_alternative<path_ack>(f) &&
         !std::holds_alternative<path_quality>(f);
}

}  // namespace rendr::wire
