// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "relay/bridge_table.hpp"
#include "relay/buffer.hpp"
#include "relay/byte_end.hpp"
#include "relay/codes.hpp"
#include "rendr/error.hpp"
#include "rendr/stream.hpp"
#include "rendr/time.hpp"

namespace rendr::relay {

/// How a bridge ended.
struct bridge_result {
  failure why;               ///< no code: both directions ended in order
  bool flow_failed = false;  ///< the failure is the flow's, not the other end's
  code reason = code::none;  ///< what the far side gave with its refusal or reset
  std::uint64_t to_flow = 0;
  std::uint64_t from_flow = 0;
};

/// Pumps bytes both ways between a flow and another end, as good as a direct TCP connection: what
/// one side wrote before its end of stream or its reset reaches the other before that end is shown,
/// and each direction ends by itself. What happens when is `next_step` (bridge_table.hpp); this
/// class reads, writes and waits. Backpressure goes both ways; buffers are held only while bytes
/// move.
///
/// Lives by itself on the flow's loop from `start` to `done`, which is called once, there. `Flow`
/// is `rendr::stream` with its `read_now`, or what a test puts in its place.
template <class Flow>
class basic_bridge : public std::enable_shared_from_this<basic_bridge<Flow>> {
 public:
  using finished = std::function<void(const bridge_result&)>;

  basic_bridge(std::unique_ptr<byte_end> end, Flow flow, finished done)
      : end_(std::move(end)), flow_(std::move(flow)), done_(std::move(done)) {}

  /// Call before `start`: an end in order is told only when the peer has acknowledged every byte,
  /// and as a failure when it never will.
  void await_delivery() { await_delivery_ = true; }
  /// Call before `start`: the end is read then, and not only once it is readable. Not for a
  /// terminal: a read from the background stops the whole job.
  void read_at_once() { read_at_once_ = true; }
  /// Begins to pump; on the flow's loop. With `acceptance`, the flow must be accepted by the far
  /// application within that time, or everything is reset (bytes travel meanwhile).
  void start(std::optional<duration> acceptance = std::nullopt);
  /// Ends both sides in order now; on the flow's loop. What the flow has taken is delivered in the
  /// background, for its linger.
  void hang_up() { apply(bridge_event::hang_up); }
  /// Resets both sides, behind what they have taken; on the flow's loop.
  void abort(const failure& why);

 private:
  /// Who gave less had no more: it is waited for.
  static constexpr std::size_t surely_all = 4096;
  using self_ptr = std::shared_ptr<basic_bridge>;
  enum class phase : std::uint8_t { pumping, delivering, finished };
  struct failures {
    failure end;   ///< its first
    failure flow;  ///< its first
    failure wish;  ///< why the owner ended it
  };

  failures& failed() {
    if (!failed_) failed_ = std::make_unique<failures>();
    return *failed_;
  }
  self_ptr self() { return this->shared_from_this(); }
  bool pumping() const noexcept { return phase_ == phase::pumping; }
  void await_acceptance(duration limit);
  void watch_end();
  void watch_flow();
  void wait_end();
  void read_end();
  void write_flow(std::size_t offset, std::size_t size);
  void wait_flow();
  void read_flow();
  void write_end(std::size_t offset, std::size_t size);
  void watch_stall(bool gone_before, std::uint64_t written_before);
  void end_event(bridge_event event, std::error_code code);
  void flow_event(bridge_event event, std::error_code code);
  void apply(bridge_event event);
  void deliver();
  bridge_result result_of(blame whose) const;
  void finish(bridge_result result);

  std::unique_ptr<byte_end> end_;
  Flow flow_;
  finished done_;
  std::unique_ptr<asio::steady_timer> timer_;
  std::unique_ptr<asio::steady_timer> stall_;  ///< runs while the end blocks
  bool stall_runs_ = false;
  bool blocked_ = false;       ///< the end takes nothing now
  std::uint64_t written_ = 0;  ///< to the end
  buffer up_;                  ///< from the end to the flow
  buffer down_;                ///< from the flow to the end
  std::uint64_t to_flow_ = 0;
  std::uint64_t from_flow_ = 0;
  std::unique_ptr<failures> failed_;  ///< most connections have none
  way up_way_ = way::open;
  way down_way_ = way::open;
  phase phase_ = phase::pumping;
  bool await_delivery_ = false;
  bool read_at_once_ = false;
};

template <class Flow>
void basic_bridge<Flow>::start(std::optional<duration> acceptance) {
  if (acceptance) await_acceptance(*acceptance);
  wait_flow();
  if (read_at_once_) return read_end();
  wait_end();
}

template <class Flow>
void basic_bridge<Flow>::abort(const failure& why) {
  if (phase_ == phase::finished) return;
  failed().wish = why;
  if (phase_ != phase::delivering) return apply(bridge_event::abort);
  auto result = result_of(blame::owner);
  flow_.abort_after_delivery(static_cast<std::uint64_t>(code::reset));
  finish(std::move(result));
}

template <class Flow>
void basic_bridge<Flow>::await_acceptance(duration limit) {
  timer_ = std::make_unique<asio::steady_timer>(flow_.get_executor(), limit);
  timer_->async_wait([self = self()](std::error_code error) {
    if (error || self->phase_ == phase::finished) return;
    self->flow_.abort(static_cast<std::uint64_t>(code::timed_out));
    self->end_->reset();
    bridge_result result;
    result.why = {make_error_code(errc::timed_out), "the far side did not answer in time"};
    result.flow_failed = true;
    result.reason = code::timed_out;
    self->finish(std::move(result));
  });
  // Also when the flow fails: its reader tells that, behind what there is to read.
  flow_.async_wait(stream::wait_type::accepted,
                   [self = self()](std::error_code) { self->timer_.reset(); });
}

// While the end is read, its reader hears that it takes no more.
template <class Flow>
void basic_bridge<Flow>::watch_end() {
  end_->wait_aborted([self = self()](std::error_code error) {
    if (error) self->end_event(bridge_event::end_takes_no_more, error);
  });
}

// The same of the flow.
template <class Flow>
void basic_bridge<Flow>::watch_flow() {
  flow_.async_wait(stream::wait_type::done, [self = self()](std::error_code error) {
    self->flow_event(bridge_event::flow_over, error);
  });
}

template <class Flow>
void basic_bridge<Flow>::wait_end() {
  end_->wait_readable([self = self()](std::error_code error) {
    if (error) return self->end_event(bridge_event::end_failed, error);
    self->read_end();
  });
}

template <class Flow>
void basic_bridge<Flow>::read_end() {
  if (!pumping()) return;
  if (!up_) up_ = buffer::take(flow_.get_executor());
  std::error_code error;
  const auto n = end_->read(up_.span(), error);
  if (!error && n > 0 && up_way_ == way::open) return write_flow(0, n);
  up_ = buffer();
  if (error == std::errc::operation_would_block || (!error && n > 0)) return wait_end();
  if (error) return end_event(bridge_event::end_failed, error);
  apply(bridge_event::end_finished);
}

template <class Flow>
void basic_bridge<Flow>::write_flow(std::size_t offset, std::size_t size) {
  const auto rest = up_.span().subspan(offset, size - offset);
  flow_.async_write_some(asio::const_buffer(rest.data(), rest.size()),
                         [self = self(), offset, size](std::error_code error, std::size_t n) {
                           if (!self->pumping()) return;
                           if (error) {
                             self->up_ = buffer();
                             self->flow_event(bridge_event::flow_takes_no_more, error);
                             if (self->pumping()) self->wait_end();
                             return;
                           }
                           self->to_flow_ += n;
                           if (offset + n < size) return self->write_flow(offset + n, size);
                           if (size >= surely_all) return self->read_end();
                           self->up_ = buffer();
                           self->wait_end();
                         });
}

template <class Flow>
void basic_bridge<Flow>::wait_flow() {
  flow_.async_wait(stream::wait_type::readable, [self = self()](std::error_code error) {
    if (error) return self->flow_event(bridge_event::flow_failed, error);
    self->read_flow();
  });
}

template <class Flow>
void basic_bridge<Flow>::read_flow() {
  if (!pumping()) return;
  down_ = buffer::take(flow_.get_executor());
  std::error_code error;
  const auto n = read_now(flow_, down_.span(), error);
  from_flow_ += n;
  if (!error && down_way_ == way::open) return write_end(0, n);
  down_ = buffer();
  if (!error || error == std::errc::operation_would_block) return wait_flow();
  if (error == asio::error::eof) return apply(bridge_event::flow_finished);
  flow_event(bridge_event::flow_failed, error);
}

template <class Flow>
void basic_bridge<Flow>::write_end(std::size_t offset, std::size_t size) {
  std::error_code error;
  while (offset < size && !error) {
    const auto n = end_->write(down_.span().subspan(offset, size - offset), error);
    offset += n;
    written_ += n;
  }
  blocked_ = error == std::errc::operation_would_block;
  if (blocked_) {
    if (!stall_runs_) watch_stall(false, written_);
    end_->wait_writable([self = self(), offset, size](std::error_code failed) {
      if (!self->pumping()) return;
      if (!failed) return self->write_end(offset, size);
      self->down_ = buffer();
      self->end_event(bridge_event::end_takes_no_more, failed);
      if (self->pumping()) self->wait_flow();
    });
    return;
  }
  down_ = buffer();
  if (error) end_event(bridge_event::end_takes_no_more, error);
  if (pumping()) wait_flow();
}

// While the link lives, a reader may pause for as long as he likes. When it is gone nobody waits
// for him to read, and what he does not take goes with it.
template <class Flow>
void basic_bridge<Flow>::watch_stall(bool gone_before, std::uint64_t written_before) {
  stall_runs_ = true;
  if (!stall_) stall_ = std::make_unique<asio::steady_timer>(flow_.get_executor());
  stall_->expires_after(std::chrono::seconds(4));
  stall_->async_wait([self = self(), gone_before, written_before](std::error_code error) {
    self->stall_runs_ = false;
    if (error || !self->pumping() || !self->blocked_) return;
    const auto why = self->flow_.error();
    const bool gone =
        why.code == errc::no_path || why.code == errc::peer_lost || why.code == errc::limit_reached;
    if (!gone || !gone_before || self->written_ != written_before)
      return self->watch_stall(gone, self->written_);
    self->failed().flow = why;
    self->end_->drop();
    self->finish(self->result_of(blame::flow));
  });
}

template <class Flow>
void basic_bridge<Flow>::end_event(bridge_event event, std::error_code error) {
  if (!pumping()) return;
  if (!failed().end.code) failed().end = {error, error.message()};
  apply(event);
}

template <class Flow>
void basic_bridge<Flow>::flow_event(bridge_event event, std::error_code error) {
  if (!pumping()) return;
  auto& first = failed().flow;
  if (!first.code) first = flow_.error();
  if (!first.code && error) first = {error, error.message()};
  apply(event);
}

template <class Flow>
void basic_bridge<Flow>::apply(bridge_event event) {
  if (phase_ == phase::finished) return;
  if (!pumping()) {  // the bytes are under way; who hangs up does not wait for their arrival
    if (event == bridge_event::hang_up) finish({});
    return;
  }
  const auto step = next_step(event, up_way_, down_way_);
  if (!step.legal) return;
  const bool end_was_read = is_read(up_way_);
  const bool flow_was_read = is_read(down_way_);
  up_way_ = step.up;
  down_way_ = step.down;
  if (step.finish_flow) flow_.shutdown_send();
  if (step.finish_end) end_->finish_writing();
  if (step.close_end) end_->close();
  if (step.reset_end) end_->reset();
  if (!step.over) {
    if (end_was_read && !is_read(up_way_)) watch_end();
    if (flow_was_read && !is_read(down_way_)) watch_flow();
    return;
  }
  if (step.whose == blame::nobody && await_delivery_ && event != bridge_event::hang_up) {
    return deliver();
  }
  auto result = result_of(step.whose);  // while the flow can still be asked
  if (step.reset_flow) flow_.abort_after_delivery(static_cast<std::uint64_t>(code::reset));
  finish(std::move(result));
}

// Nothing more is read. The flow is over when the peer has the end of stream too; what it
// acknowledged, and what it threw away, is told by the delivery.
template <class Flow>
void basic_bridge<Flow>::deliver() {
  phase_ = phase::delivering;
  flow_.async_wait(stream::wait_type::done, [self = self()](std::error_code) {
    if (self->phase_ != phase::delivering) return;
    self->flow_.async_wait(stream::wait_type::delivered, [self](std::error_code error) {
      if (self->phase_ != phase::delivering) return;
      if (error) {
        auto& why = self->failed().flow;
        why = self->flow_.error();
        if (!why.code) why = {error, error.message()};
      }
      self->finish(error ? self->result_of(blame::flow) : bridge_result());
    });
  });
}

template <class Flow>
bridge_result basic_bridge<Flow>::result_of(blame whose) const {
  bridge_result result;
  switch (whose) {
    case blame::nobody:
      break;
    case blame::end:
      if (failed_) result.why = failed_->end;
      break;
    case blame::flow:
      if (failed_) result.why = failed_->flow;
      if (!result.why.code) result.why = {errc::aborted, "the far side takes no more"};
      result.flow_failed = true;
      result.reason = static_cast<relay::code>(flow_.app_code());
      break;
    case blame::owner:
      if (failed_) result.why = failed_->wish;
      break;
  }
  return result;
}

template <class Flow>
void basic_bridge<Flow>::finish(bridge_result result) {
  phase_ = phase::finished;
  timer_.reset();
  if (stall_) stall_->cancel();
  flow_.close();
  up_ = buffer();
  down_ = buffer();
  result.to_flow = to_flow_;
  result.from_flow = from_flow_;
  if (auto done = std::exchange(done_, nullptr)) done(result);
}

}  // namespace rendr::relay
