// SPDX-License-Identifier: Apache-2.0
// A flow from its opening to its end, as its application sees it.
#include "engine/flow/flow.hpp"

#include <utility>

#include "base/text.hpp"
#include "engine/config.hpp"

namespace rendr::engine {

flow::flow(std::uint64_t number, const flow_id& id, wire::flow_kind kind, bool incoming,
           std::uint64_t credit)
    : number_(number),
      id_(id),
      kind_(kind),
      incoming_(incoming),
      open_acknowledged_(incoming),
      packets_(kind == wire::flow_kind::packet ? std::make_unique<packet_state>() : nullptr),
      send_limit_(credit) {}

void flow::set_root(std::string_view name, named_root* known) {
  root_ = name;
  target_ = known;
}

void flow::learn_root(named_root& root) noexcept {
  if (target_ == nullptr && root_ == root.name) target_ = &root;
}

void flow::begin(bytes_view metadata) {
  metadata_.assign(metadata.begin(), metadata.end());
  duties_ |= duty_open;
}

errc flow::accept() {
  if (!incoming_ || answer_ != answer::none) return errc::invalid_argument;
  if (failed_ != errc{}) return failed_;
  answer_ = answer::accepted;
  duties_ |= duty_accept;
  return errc{};
}

errc flow::reject(std::uint64_t code, std::string_view reason) {
  if (!incoming_ || answer_ != answer::none) return errc::invalid_argument;
  answer_ = answer::rejected;
  reject_code_ = code;
  reject_reason_ = reason.substr(0, wire::max_reason);
  app_closed_ = true;
  duties_ |= duty_reject;
  discard();
  return errc{};
}

result<flow_effects> flow::take(const wire::accept&) {
  if (incoming_) return errc::protocol_violation;
  flow_effects then;
  if (answer_ == answer::none) {
    answer_ = answer::accepted;
    then.ready = true;
  }
  return then;
}

result<flow_effects> flow::take(const wire::reject& f) {
  if (incoming_ || answer_ == answer::accepted) return errc::protocol_violation;
  answer_ = answer::rejected;
  open_acknowledged_ = true;
  auto then = fail(errc::rejected, f.code, escaped(f.reason));
  then.settles = true;
  return then;
}

errc flow::shutdown() {
  if (failed_ != errc{}) return failed_;
  if (app_closed_) return errc::closed;
  if (reset_code_) return errc::aborted;
  send_.finish();
  return errc{};
}

bool flow::finish() noexcept {
  if (reset_code_ || send_.finished()) return false;
  send_.finish();
  return true;
}

flow_effects flow::abort(std::uint64_t code) {
  flow_effects then;
  then.owes = reset_sending(code);
  return then;
}

flow_effects flow::abort_after_delivery(std::uint64_t code) {
  if (!reset_code_ && !send_.finished()) reset_after_ = code;
  flow_effects then;
  then.owes = reset_if_delivered();
  return then;
}

// A reader that is slow or paused is not an error: what was written waits for him as long as the
// link lives.
flow_effects flow::let_go(std::uint64_t code) {
  flow_effects then;
  app_closed_ = true;
  if (incoming_ && answer_ == answer::none && !reset_code_) {
    answer_ = answer::accepted;
    duties_ |= duty_accept;
    then.owes = true;
  }
  if (!recv_done()) {
    stop_code_ = code;
    duties_ |= duty_stop;
    then.owes = true;
  }
  discard_received();
  then.settles = true;
  return then;
}

// The peer has all of it: what it reads next is the reset.
bool flow::reset_if_delivered() {
  return reset_after_ && send_.all_acknowledged() && reset_sending(*reset_after_);
}

// Our direction ends here: what was not delivered will not be. True: a RESET is owed.
bool flow::reset_sending(std::uint64_t code) {
  if (reset_code_ || send_done()) return false;
  reset_code_ = code;
  discard_sent();
  duties_ |= duty_reset;
  return true;
}

flow_effects flow::fail(errc code, std::uint64_t app_code, std::string detail) {
  if (failed_ == errc{}) {
    failed_ = code;
    if (!peer_reset_ && !write_stopped_) app_code_ = app_code;
    detail_ = std::move(detail);
  }
  discard_sent();
  flow_effects then;
  then.ready = true;
  return then;
}

bool flow::send_done() const noexcept {
  if (reset_code_) return reset_acknowledged_;
  return send_.finished() && send_.all_acknowledged();
}

bool flow::settled() const noexcept {
  if (answer_ == answer::rejected)
    return incoming_ ? (duties_ & duty_reject) == 0 && reset_acknowledged_ : true;
  return send_done() && recv_done() && open_acknowledged_ &&
         (duties_ & (duty_reset | duty_stop)) == 0;
}

bool flow::tell_done() noexcept { return !app_closed_ && !std::exchange(done_told_, true); }

errc flow::outcome() const noexcept {
  if (failed_ != errc{}) return failed_;
  return peer_reset_ || (reset_code_ && send_.discarded() > 0) ? errc::aborted : errc{};
}

bool flow::read_ready() const noexcept {
  return readable() || at_end() || peer_reset_ || failed_ != errc{};
}

errc flow::write_error() const noexcept {
  if (failed_ != errc{}) return failed_;
  return write_stopped_ || reset_code_ ? errc::aborted : errc{};
}

std::optional<std::uint64_t> flow::final_size() const noexcept {
  return packets_ ? packets_->in.final() : recv_.final_size();
}

void flow::compact(receive_memory& memory) {
  recv_.compact(memory);
  if (packets_) packets_->in.compact(memory);
}

// What is held for the application goes; what arrives later is counted and dropped.
void flow::discard_received() noexcept {
  recv_.discard();
  if (packets_) packets_->in.discard();
}

// Nothing more comes for the application; what it can read already stays.
void flow::cut_received() noexcept {
  recv_.cut();
  if (packets_) packets_->in.cut();
}

// What the application gave goes; nothing of it is placed any more.
void flow::discard_sent() noexcept {
  send_.discard();
  if (packets_) packets_->out.discard();
  place_.reset();
}

void flow::discard() noexcept {
  discard_sent();
  discard_received();
}

flow_status flow::status(link_ref link) const {
  flow_status out;
  out.flow = {link, number_};
  out.id = id_;
  out.kind = kind_;
  out.incoming = incoming_;
  out.accepted = accepted();
  out.root = root_;
  out.written = send_.written();
  out.discarded = send_.discarded();
  out.acknowledged = std::min(send_.acknowledged(), send_.written()) - out.discarded;
  out.received = recv_.contiguous();
  out.read = recv_.consumed();
  out.send_credit = send_limit_;
  out.duplicates = duplicates_;
  if (packets_) {
    out.received = packets_->in.arrived();
    out.read = packets_->in.consumed();
    out.packets_sent = packets_->out.added();
    out.packets_given_up = packets_->packets_given_up;
    out.packets_received = packets_->in.packets();
    out.packets_discarded = packets_->in.duplicates();
  }
  out.read_error = read_error();
  out.write_error = write_error();
  out.app_code = app_code_;
  out.detail = detail_;
  return out;
}

}  // namespace rendr::engine
