// SPDX-License-Identifier: Apache-2.0
#include "runtime/carrier.hpp"

#include <array>
#include <chrono>

#include "runtime/loop.hpp"

namespace rendr::detail {

namespace {

using namespace std::chrono_literals;

constexpr auto flush_limit = 3s;  // a peer that reads nothing does not hold the descriptor longer
constexpr auto drain_limit = 1s;
constexpr int discard_turns = 64;  // reads of one turn, so that a flood does not hold the loop

}  // namespace

carrier::carrier(loop& owner, engine::carrier_id id, std::shared_ptr<stream_face> io)
    : loop_(owner), id_(id), io_(std::move(io)) {
  io_->set_sink(this);
  io_->want_read();
}

carrier::~carrier() { io_->close(); }

void carrier::begin_flush() {
  if (state_ != state::open) return;
  state_ = state::flushing;
  arm(flush_limit);
}

void carrier::half_close() {
  if (state_ == state::draining || state_ == state::closed) return;
  state_ = state::draining;
  io_->shutdown_send();
  arm(drain_limit);
  discard_input();
}

void carrier::close() {
  if (state_ == state::closed) return;
  const bool unflushed = state_ == state::flushing;
  state_ = state::closed;
  limit_.reset();
  io_->close();
  loop_.carrier_closed(*this, unflushed);
}

void carrier::arm(std::chrono::steady_clock::duration limit) {
  if (!limit_) limit_.emplace(loop_.executor());
  limit_->expires_after(limit);
  limit_->async_wait([weak = weak_from_this()](const std::error_code& code) {
    if (const auto self = weak.lock(); self && !code) self->close();
  });
}

void carrier::discard_input() {
  std::array<std::byte, 16 * 1024> waste;
  for (int i = 0; i < discard_turns; ++i) {
    const auto result = io_->read(waste);
    if (result.status == io_status::would_block) break;
    if (result.status != io_status::ok) return close();
  }
  io_->want_read();
}

void carrier::readable() {
  const auto self = shared_from_this();
  if (state_ == state::open) return loop_.carrier_readable(*this);
  if (state_ != state::closed) discard_input();
}

void carrier::writable() {
  const auto self = shared_from_this();
  blocked = false;
  if (state_ == state::open || state_ == state::flushing) loop_.carrier_writable(*this);
}

}  // namespace rendr::detail
