// SPDX-License-Identifier: Apache-2.0
#include "relay/bridge.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <utility>

namespace rendr::relay {

namespace {

bool would_block(const std::error_code& code) { return code == std::errc::operation_would_block; }

}  // namespace

bridge::bridge(std::unique_ptr<byte_end> end, stream flow, finished done)
    : end_(std::move(end)), flow_(std::move(flow)), done_(std::move(done)) {}

void bridge::start(std::optional<duration> acceptance) {
  if (acceptance) await_acceptance(*acceptance);
  watch();
  end_->wait_readable([self = shared_from_this()](std::error_code code) {
    if (self->finished_) return;
    if (code) return self->end_failed(code);
    self->read_end();
  });
  wait_flow();
}

void bridge::hang_up() {
  if (finished_) return;
  end_->close();
  finish({});
}

void bridge::abort(failure why) {
  if (finished_) return;
  flow_.abort(static_cast<std::uint64_t>(code::reset));
  end_->reset();
  finish({std::move(why), false, code::none, 0, 0});
}

void bridge::await_acceptance(duration limit) {
  timer_ = std::make_unique<asio::steady_timer>(flow_.get_executor(), limit);
  timer_->async_wait([self = shared_from_this()](std::error_code code) {
    if (code || self->finished_) return;
    self->flow_.abort(static_cast<std::uint64_t>(code::timed_out));
    self->end_->reset();
    self->finish({{make_error_code(errc::timed_out), "the far side did not answer in time"},
                  true,
                  code::timed_out,
                  0,
                  0});
  });
  flow_.async_wait(stream::wait_type::accepted, [self = shared_from_this()](std::error_code code) {
    if (self->timer_) self->timer_->cancel();
    if (code && !self->finished_) self->flow_failed(code);
  });
}

void bridge::watch() {
  end_->wait_aborted([self = shared_from_this()](std::error_code code) {
    if (!self->finished_ && code) self->end_failed(code);
  });
  flow_.async_wait(stream::wait_type::done, [self = shared_from_this()](std::error_code code) {
    if (!self->finished_ && code) self->flow_failed(code);
  });
}

void bridge::read_end() {
  if (!up_) up_ = buffer::take(flow_.get_executor());
  std::error_code code;
  const auto n = end_->read(up_.span(), code);
  if (would_block(code)) {
    up_ = buffer();
    end_->wait_readable([self = shared_from_this()](std::error_code failed) {
      if (self->finished_) return;
      if (failed) return self->end_failed(failed);
      self->read_end();
    });
    return;
  }
  if (code) return end_failed(code);
  if (n == 0) return end_done();
  write_flow(0, n);
}

void bridge::write_flow(std::size_t offset, std::size_t size) {
  const auto rest = up_.span().subspan(offset, size - offset);
  flow_.async_write_some(
      asio::const_buffer(rest.data(), rest.size()),
      [self = shared_from_this(), offset, size](std::error_code code, std::size_t n) {
        if (self->finished_) return;
        if (code) return self->flow_failed(code);
        self->to_flow_ += n;
        if (offset + n < size) return self->write_flow(offset + n, size);
        self->read_end();
      });
}

void bridge::wait_flow() {
  flow_.async_wait(stream::wait_type::readable, [self = shared_from_this()](std::error_code code) {
    if (self->finished_) return;
    if (code) return self->flow_failed(code);
    self->read_flow();
  });
}

void bridge::read_flow() {
  down_ = buffer::take(flow_.get_executor());
  const auto space = down_.span();
  flow_.async_read_some(asio::mutable_buffer(space.data(), space.size()),
                        [self = shared_from_this()](std::error_code code, std::size_t n) {
                          if (self->finished_) return;
                          if (code == asio::error::eof) return self->flow_done();
                          if (code) return self->flow_failed(code);
                          self->from_flow_ += n;
                          self->write_end(0, n);
                        });
}

void bridge::write_end(std::size_t offset, std::size_t size) {
  while (offset < size) {
    std::error_code code;
    offset += end_->write(down_.span().subspan(offset, size - offset), code);
    if (would_block(code)) {
      end_->wait_writable([self = shared_from_this(), offset, size](std::error_code failed) {
        if (self->finished_) return;
        if (failed) return self->end_failed(failed);
        self->write_end(offset, size);
      });
      return;
    }
    if (code) return end_failed(code);
  }
  down_ = buffer();
  wait_flow();
}

void bridge::end_done() {
  up_ = buffer();
  up_ended_ = true;
  flow_.shutdown_send();
  finish_if_done();
}

void bridge::flow_done() {
  down_ = buffer();
  down_ended_ = true;
  end_->finish_writing();
  finish_if_done();
}

void bridge::end_failed(std::error_code code) {
  flow_.abort(static_cast<std::uint64_t>(code::reset));
  end_->reset();
  finish({{code, code.message()}, false, code::none, 0, 0});
}

void bridge::flow_failed(std::error_code code) {
  // Cancellation is the program's own end; it finds no one to tell but the other side.
  auto why = flow_.error();
  if (!why.code) why = {code, code.message()};
  const auto reason = static_cast<relay::code>(flow_.app_code());
  end_->reset();
  finish({std::move(why), true, reason, 0, 0});
}

void bridge::finish_if_done() {
  if (!up_ended_ || !down_ended_ || finished_) return;
  end_->close();
  finish({});
}

void bridge::finish(bridge_result result) {
  finished_ = true;
  if (timer_) timer_->cancel();
  flow_.close();
  up_ = buffer();
  down_ = buffer();
  result.to_flow = to_flow_;
  result.from_flow = from_flow_;
  if (auto done = std::exchange(done_, nullptr)) done(result);
}

}  // namespace rendr::relay
