// SPDX-License-Identifier: Apache-2.0
#include "runtime/stream_core.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <cstring>
#include <utility>

#include "runtime/link_core.hpp"
#include "runtime/loop.hpp"

namespace rendr::detail {

namespace {

std::error_code busy() { return std::make_error_code(std::errc::operation_in_progress); }

template <class Completion>
void fail(Completion& done, std::error_code code) {
  if constexpr (std::is_same_v<Completion, size_completion>)
    done(code, 0);
  else
    done(code);
}

}  // namespace

failure stream_core::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

std::uint64_t stream_core::app_code() const {
  const std::lock_guard lock(mutex_);
  return app_code_;
}

std::error_code stream_core::final_code() const {
  const auto why = error();
  return why.code ? why.code : make_error_code(errc::closed);
}

void stream_core::read(std::uint64_t operation, const read_buffers& buffers, size_completion done) {
  if (released_) return done(errc::closed, 0);
  if (read_) return done(busy(), 0);
  if (buffers.count == 0 && kind == flow_kind::stream) return done({}, 0);
  if (expired_) return done(errc::timed_out, 0);
  read_.emplace(transfer<read_buffers, size_completion>{operation, buffers, std::move(done)});
  if (try_read()) home->touch();
}

std::size_t stream_core::read_now(std::span<std::byte> out, std::error_code& code) {
  std::size_t total = 0;
  code = make_error_code(std::errc::operation_would_block);
  const bool other = read_.has_value();  // it fails
  read(0, read_buffers::from(asio::mutable_buffer(out.data(), out.size())),
       size_completion::in_place([&](std::error_code failed, std::size_t n) {
         code = failed;
         total = n;
       }));
  if (!other) read_.reset();
  return total;
}

result<engine::endpoint::read_result> stream_core::take(std::span<std::byte> out) {
  if (!gone_) return home->endpoint().read(home->now(), ref, out);
  const auto n = std::min(out.size(), leftover_.size() - leftover_read_);
  if (n > 0) std::memcpy(out.data(), leftover_.data() + leftover_read_, n);
  leftover_read_ += n;
  if (leftover_read_ == leftover_.size()) {
    leftover_.clear();
    leftover_read_ = 0;
  }
  if (n == 0 && !leftover_eof_) return leftover_error_;
  return engine::endpoint::read_result{n, leftover_.empty() && leftover_eof_};
}

bool stream_core::try_read() {
  if (!read_) return false;
  if (kind == flow_kind::packet) return try_receive();
  std::size_t total = 0;
  std::error_code code;
  for (std::size_t i = 0; i < read_->buffers.count; ++i) {
    const auto& buffer = read_->buffers.items[i];
    const auto got = take(std::span(static_cast<std::byte*>(buffer.data()), buffer.size()));
    if (!got) {
      if (total == 0) code = failed(got.error());
      break;
    }
    total += got->size;
    if (got->size == 0 && got->eof) code = asio::error::eof;
    if (got->size < buffer.size()) break;
  }
  if (total == 0 && !code) return false;
  auto done = std::move(read_->done);
  read_.reset();
  done(total > 0 ? std::error_code() : code, total);
  return true;
}

void stream_core::write(std::uint64_t operation, const write_buffers& buffers,
                        size_completion done) {
  if (released_) return done(errc::closed, 0);
  if (write_) return done(busy(), 0);
  if (buffers.count == 0 && kind == flow_kind::stream) return done({}, 0);
  if (expired_) return done(errc::timed_out, 0);
  write_.emplace(transfer<write_buffers, size_completion>{operation, buffers, std::move(done)});
  if (try_write()) home->touch();
}

bool stream_core::try_write() {
  if (!write_) return false;
  if (kind == flow_kind::packet) return try_send();
  std::size_t total = 0;
  std::error_code code;
  if (gone_) code = final_code();
  for (std::size_t i = 0; i < write_->buffers.count && !code; ++i) {
    const auto& buffer = write_->buffers.items[i];
    const auto taken = home->endpoint().write(
        home->now(), ref, {static_cast<const std::byte*>(buffer.data()), buffer.size()});
    if (!taken) {
      if (total == 0) code = failed(taken.error());
      break;
    }
    total += *taken;
    if (*taken < buffer.size()) {
      writable_ = false;
      break;
    }
  }
  if (total == 0 && !code) return false;
  auto done = std::move(write_->done);
  write_.reset();
  done(total > 0 ? std::error_code() : code, total);
  return true;
}

void stream_core::wait(std::uint64_t operation, stream::wait_type what, void_completion done) {
  if (released_) return done(errc::closed);
  if (expired_) return done(errc::timed_out);
  if (const auto code = answer(what)) return done(*code);
  waiters_.push_back({operation, what, std::move(done)});
  if (what == stream::wait_type::delivered) home->watch_delivery(shared_from_this());
}

std::optional<std::error_code> stream_core::answer(stream::wait_type what) {
  const auto why = error();
  switch (what) {
    case stream::wait_type::readable:
      if (readable()) return std::error_code();
      break;
    case stream::wait_type::writable:
      if (writable_ && known()) return std::error_code();
      break;
    case stream::wait_type::accepted:
      if (accepted_) return std::error_code();
      break;
    case stream::wait_type::delivered:
      return delivery();
    case stream::wait_type::done:
      break;
  }
  if (done_ || gone_) return why.code;
  return std::nullopt;
}

// Whether the peer has all that was written: never said of bytes that were discarded.
std::optional<std::error_code> stream_core::delivery() {
  if (gone_) return undelivered_ == errc{} ? std::error_code() : make_error_code(undelivered_);
  const auto snapshot = home->endpoint().status(ref);
  if (!snapshot) return make_error_code(errc::closed);
  if (snapshot->discarded > 0) return failed(snapshot->write_error);
  if (snapshot->acknowledged == snapshot->written) return std::error_code();
  return std::nullopt;
}

void stream_core::note_failure(errc code) {
  const auto snapshot = home->endpoint().status(ref);
  if (!snapshot || (code != snapshot->read_error && code != snapshot->write_error)) return;
  const std::lock_guard lock(mutex_);
  if (!error_.code) error_ = {code, snapshot->detail};
  app_code_ = snapshot->app_code;
}

std::error_code stream_core::failed(errc code) {
  if (gone_) return code == errc::closed ? final_code() : make_error_code(code);
  note_failure(code);
  return code;
}

bool stream_core::readable() {
  if (kind == flow_kind::packet) return packet_readable();
  if (gone_) return can_be_read();
  bytes_view piece;
  const auto count = home->endpoint().peek(ref, std::span(&piece, 1));
  if (!count || *count > 0) return true;
  const auto end = home->endpoint().read(home->now(), ref, {});
  return !end || end->eof;
}

bool stream_core::check_delivery() {
  check_waiters();
  return std::none_of(waiters_.begin(), waiters_.end(),
                      [](const waiter& one) { return one.what == stream::wait_type::delivered; });
}

void stream_core::check_waiters() {
  for (std::size_t i = 0; i < waiters_.size();) {
    if (const auto code = answer(waiters_[i].what)) {
      auto done = std::move(waiters_[i].done);
      waiters_.erase(waiters_.begin() + static_cast<std::ptrdiff_t>(i));
      done(*code);
    } else {
      ++i;
    }
  }
}

void stream_core::ready(const engine::event::flow_ready& event) {
  if (event.writable) writable_ = true;
  if (event.accepted) accepted_ = true;
  if (event.readable) try_read();
  if (event.writable) try_write();
  check_waiters();
}

void stream_core::done(errc code, std::uint64_t app_code, std::string detail) {
  if (done_) return;
  done_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (code != errc{}) error_ = {code, std::move(detail)};
    app_code_ = app_code;
  }
  try_read();
  try_write();
  check_waiters();
}

void stream_core::keep_leftover() {
  if (kind == flow_kind::packet) return keep_packets();
  constexpr std::size_t step = 64 * 1024;
  for (;;) {
    const auto at = leftover_.size();
    leftover_.resize(at + step);
    const auto got = home->endpoint().read(home->now(), ref, std::span(leftover_).subspan(at));
    leftover_.resize(at + (got ? got->size : 0));
    if (!got || got->size == 0) {
      leftover_eof_ = got && got->eof;
      if (!got) leftover_error_ = got.error();
      return leftover_.shrink_to_fit();
    }
  }
}

void stream_core::gone(failure why) {
  if (gone_) return;
  if (!released_) {
    keep_leftover();
    if (const auto snapshot = home->endpoint().status(ref); snapshot && snapshot->discarded > 0)
      undelivered_ = snapshot->write_error;
    home->endpoint().close(home->now(), ref);
  }
  end(std::move(why));
}

void stream_core::cut_off(failure why) {
  if (gone_) return;
  if (!released_) {
    const auto snapshot = home->endpoint().status(ref);
    if (snapshot && snapshot->acknowledged < snapshot->written) undelivered_ = errc::aborted;
    home->endpoint().abort(home->now(), ref, static_cast<std::uint64_t>(errc::aborted));
  }
  end(std::move(why));
}

void stream_core::end(failure why) {
  gone_ = true;
  if (!done_) {
    const std::lock_guard lock(mutex_);
    if (!error_.code) error_ = std::move(why);
  }
  done_ = true;
  try_read();
  try_write();
  check_waiters();
  timer_.reset();
}

void stream_core::cancel(std::uint64_t operation) {
  if (read_ && read_->operation == operation) {
    auto done = std::move(read_->done);
    read_.reset();
    return done(asio::error::operation_aborted, 0);
  }
  if (write_ && write_->operation == operation) {
    auto done = std::move(write_->done);
    write_.reset();
    return done(asio::error::operation_aborted, 0);
  }
  const auto found = std::find_if(waiters_.begin(), waiters_.end(),
                                  [&](const waiter& one) { return one.operation == operation; });
  if (found == waiters_.end()) return;
  auto done = std::move(found->done);
  waiters_.erase(found);
  done(asio::error::operation_aborted);
}

void stream_core::cancel_all(std::error_code code) {
  auto read = std::exchange(read_, std::nullopt);
  auto write = std::exchange(write_, std::nullopt);
  auto waiters = std::exchange(waiters_, {});
  if (read) fail(read->done, code);
  if (write) fail(write->done, code);
  for (auto& one : waiters) fail(one.done, code);
}

void stream_core::expire_at(std::optional<std::chrono::steady_clock::time_point> when) {
  expired_ = false;
  if (!when || released_ || home->ended()) return timer_.reset();
  if (!timer_) timer_.emplace(home->executor());
  timer_->expires_at(*when);
  timer_->async_wait([weak = weak_from_this(), deadline = *when](const std::error_code& code) {
    const auto self = weak.lock();
    if (code || !self || !self->timer_ || self->timer_->expiry() != deadline) return;
    self->expired_ = true;
    self->cancel_all(errc::timed_out);
  });
}

void stream_core::accept() {
  if (!known() || home->ended()) return;
  static_cast<void>(home->endpoint().accept_flow(home->now(), ref));
  accepted_ = true;
  home->touch();
}

void stream_core::reject(std::uint64_t code, const std::string& reason) {
  if (!known() || home->ended()) return;
  static_cast<void>(home->endpoint().reject_flow(home->now(), ref, code, reason));
  release();
}

void stream_core::shutdown_send() {
  if (!known() || home->ended()) return;
  static_cast<void>(home->endpoint().shutdown(home->now(), ref));
  home->touch();
}

void stream_core::close() {
  if (known() && !home->ended()) home->endpoint().close(home->now(), ref);
  release();
}

void stream_core::abort(std::uint64_t code) {
  if (known() && !home->ended()) home->endpoint().abort(home->now(), ref, code);
  release();
}

void stream_core::abort_after_delivery(std::uint64_t code) {
  if (known() && !home->ended()) home->endpoint().abort_after_delivery(home->now(), ref, code);
  release();
}

void stream_core::release() {
  if (std::exchange(released_, true)) return;
  cancel_all(asio::error::operation_aborted);
  timer_.reset();
  home->forget_flow(ref);
  home->touch();
}

}  // namespace rendr::detail
