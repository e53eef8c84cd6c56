// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "engine/types.hpp"
#include "rendr/carrier.hpp"

namespace rendr::detail {

class loop;

/// One connection that the engine knows, and the orderly end of it: what is left is written, then
/// half-close, then what still arrives is read and thrown away until EOF (a close with unread input
/// would reset the connection and destroy the last message on its way), then close.
class carrier final : public carrier_sink, public std::enable_shared_from_this<carrier> {
 public:
  enum class state : std::uint8_t { open, flushing, draining, closed };

  carrier(loop& owner, engine::carrier_id id, std::shared_ptr<stream_face> io);
  carrier(const carrier&) = delete;
  carrier& operator=(const carrier&) = delete;
  ~carrier();

  engine::carrier_id id() const noexcept { return id_; }
  stream_face& io() noexcept { return *io_; }
  state phase() const noexcept { return state_; }
  bool open() const noexcept { return state_ == state::open; }

  /// The orderly end, first step: the loop goes on to write until the engine offers no more, then
  /// calls `half_close`. Both steps together are bounded in time.
  void begin_flush();
  void half_close();
  /// At once.
  void close();

  void readable() override;
  void writable() override;
  void addresses_changed() override { moved = io_->addresses(); }

  bool blocked = false;                    ///< the socket takes no more; `writable` will tell
  bool unfinished = false;                 ///< in the loop's list of carriers with more to write
  bool stranger = false;                   ///< it ends without having proved anything
  std::function<void()> proven;            ///< to be called when the peer has proven itself over it
  std::optional<carrier_addresses> moved;  ///< its addresses, when they changed since it began

 private:
  void arm(std::chrono::steady_clock::duration limit);
  void discard_input();

  loop& loop_;
  const engine::carrier_id id_;
  std::shared_ptr<stream_face> io_;
  state state_ = state::open;
  std::optional<asio::steady_timer> limit_;
};

}  // namespace rendr::detail
