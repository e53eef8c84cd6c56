// layer: relay
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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

/// Pumps bytes both ways between a flow and another end until both directions ended, or one side
/// failed. End of stream travels as end of stream, an abort as an abort, never one as the other.
/// Backpressure goes both ways; buffers are held only while bytes move.
///
/// Lives by itself on the flow's loop from `start` to `done`, which is called once, there.
class bridge : public std::enable_shared_from_this<bridge> {
 public:
  using finished = std::function<void(const bridge_result&)>;

  bridge(std::unique_ptr<byte_end> end, stream flow, finished done);

  /// Begins to pump; on the flow's loop. With `acceptance`, the flow must be accepted by the far
  /// application within that time, or everything is reset (bytes travel meanwhile).
  void start(std::optional<duration> acceptance = std::nullopt);
  /// Ends both sides in order now; on the flow's loop. What the flow has taken is delivered in the
  /// background, for its linger.
  void hang_up();
  /// Resets both sides now; on the flow's loop.
  void abort(failure why);

 private:
  void await_acceptance(duration limit);
  void watch();
  void read_end();
  void write_flow(std::size_t offset, std::size_t size);
  void wait_flow();
  void read_flow();
  void write_end(std::size_t offset, std::size_t size);
  void end_done();
  void flow_done();
  void end_failed(std::error_code code);
  void flow_failed(std::error_code code);
  void finish_if_done();
  void finish(bridge_result result);

  std::unique_ptr<byte_end> end_;
  stream flow_;
  finished done_;
  std::unique_ptr<asio::steady_timer> timer_;
  buffer up_;    ///< from the end to the flow
  buffer down_;  ///< from the flow to the end
  std::uint64_t to_flow_ = 0;
  std::uint64_t from_flow_ = 0;
  bool up_ended_ = false;
  bool down_ended_ = false;
  bool finished_ = false;
};

}  // namespace rendr::relay
