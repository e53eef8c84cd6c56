// SPDX-License-Identifier: Apache-2.0
// What a flow takes in, hands to its application and grants to its peer.
#include <algorithm>

#include "engine/flow/flow.hpp"

namespace rendr::engine {

result<flow_effects> flow::take(const wire::data& f, receive_memory& memory, const slab_ref& slab) {
  if (packets_) return errc::protocol_violation;
  flow_effects then;
  if (refused()) return then;
  if (f.offset + f.payload.size() > window_.limit()) return errc::protocol_violation;
  const auto arrival = recv_.insert(memory, f.offset, f.payload, slab);
  if (!arrival) return arrival.error();
  duplicates_ += arrival->duplicate;
  then.duplicate = arrival->duplicate;
  then.repeated = arrival->duplicate > 0;
  if (discards()) {
    recv_.discard();  // what is discarded counts as consumed
    then.consumed = then.settles = true;
  } else {
    then.ready = arrival->readable;
  }
  return then;
}

result<flow_effects> flow::take(const wire::packet& f, receive_memory& memory,
                                const slab_ref& slab) {
  if (!packets_) return errc::protocol_violation;
  flow_effects then;
  if (refused()) return then;
  const auto end = f.sequence + send_packets::weight_of(f.payload.size());
  if (end > window_.limit()) return errc::protocol_violation;
  const auto fresh = packets_->in.insert(memory, f.sequence, f.payload, slab);
  if (!fresh) return fresh.error();
  if (!*fresh) {
    duplicates_ += f.payload.size();
    then.duplicate = f.payload.size();
    then.repeated = true;
  } else if (discards()) {
    packets_->in.discard();
    then.consumed = true;
  } else {
    then.ready = true;
  }
  return then;
}

result<flow_effects> flow::take(const wire::fin& f) {
  if (f.final_size > window_.limit()) return errc::protocol_violation;
  flow_effects then;
  if (peer_reset_) return then;
  const bool before = recv_complete();
  const auto bad =
      packets_ ? packets_->in.set_final(f.final_size) : recv_.set_final_size(f.final_size);
  if (bad != errc{}) return bad;
  if (discards()) discard_received();
  then.ready = !before && recv_complete();
  then.settles = true;
  return then;
}

result<flow_effects> flow::take(const wire::reset& f) {
  flow_effects then;
  if (peer_reset_ || recv_complete()) return then;
  if (final_size() && *final_size() != f.final_size) return errc::protocol_violation;
  if (f.final_size < highest() && !app_closed_) return errc::protocol_violation;
  peer_reset_ = f.code;
  cut_received();
  if (!app_closed_ && failed_ == errc{}) {
    app_code_ = f.code;
    detail_ = "the peer reset the flow";
  }
  then.ready = then.settles = true;
  return then;
}

result<flow_effects> flow::take(const wire::stop& f) {
  flow_effects then;
  if (reset_code_ || send_done()) return then;
  then.owes = reset_sending(reset_after_.value_or(f.code));
  if (app_closed_ || failed_ != errc{}) return then;
  write_stopped_ = true;
  if (!peer_reset_) {
    app_code_ = f.code;
    detail_ = "the peer reads no more";
  }
  then.ready = true;
  return then;
}

result<flow_effects> flow::take(const wire::skip& f) {
  if (!packets_ || f.sequence > window_.limit()) return errc::protocol_violation;
  const auto bad = packets_->in.skip(f.sequence);
  if (bad != errc{}) return bad;
  flow_effects then;
  then.consumed = true;
  return then;
}

// Credit follows what the application consumed, until nothing more comes.
bool flow::grow_window(const receive_window::facts& at, budget& memory) noexcept {
  if (!window_moves() || !window_.grow(consumed(), at, memory)) return false;
  duties_ |= duty_max_data;
  return true;
}

result<flow::read_result> flow::read(bytes_span out) {
  if (packets_) return errc::mode_mismatch;
  if (app_closed_) return errc::closed;
  if (recv_.readable() > 0 && !out.empty()) {
    const auto n = recv_.read(out);
    return read_result{n, true, recv_.at_end()};
  }
  if (recv_.at_end()) return read_result{0, false, true};
  if (read_error() != errc{}) return read_error();
  return read_result{};
}

result<flow::read_result> flow::receive_packet(bytes_span out) {
  if (!packets_) return errc::mode_mismatch;
  if (app_closed_) return errc::closed;
  auto& arrived = packets_->in;
  if (arrived.readable()) {
    const auto packet = arrived.front();
    const auto size = packet.size();
    if (size > out.size()) return errc::message_too_large;
    std::copy(packet.begin(), packet.end(), out.begin());
    arrived.pop();
    return read_result{size, true, false};
  }
  if (arrived.at_end()) return read_result{0, false, true};
  if (read_error() != errc{}) return read_error();
  return read_result{};
}

result<std::size_t> flow::peek(std::span<bytes_view> out) const {
  if (packets_) return errc::mode_mismatch;
  if (recv_.readable() == 0 && !recv_.at_end() && read_error() != errc{}) return read_error();
  return recv_.peek(out);
}

result<std::optional<std::size_t>> flow::next_packet() const {
  if (!packets_) return errc::mode_mismatch;
  if (!packets_->in.readable()) return std::optional<std::size_t>();
  return std::optional(packets_->in.front().size());
}

bool flow::consume(std::size_t n) {
  if (packets_) return false;
  recv_.consume(std::min(n, recv_.readable()));
  return true;
}

}  // namespace rendr::engine
