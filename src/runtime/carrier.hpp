// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <optional>

#include "engine/types.hpp"
#include "transport/stream_io.hpp"

namespace rendr::detail {

class loop;

/// One connection that the engine knows, and the orderly end of it: what is left is written, then
/// half-close, then what still arrives is read and thrown away until EOF (a close with unread input
/// would reset the connection and destroy the last message on its way), then close.
class carrier final : public transport::io_sink, public std::enable_shared_from_this<carrier> {
 public:
  enum class state : std::uint8_t { open, flushing, draining, closed };

  carrier(loop& owner, engine::carrier_id id, std::shared_ptr<transport::stream_io> io);
  carrier(const carrier&) = delete;
  carrier& operator=(const carrier&) = delete;
  ~carrier();

  engine::carrier_id id() const noexcept { return id_; }
  transport::stream_io& io() noexcept { return *io_; }
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

  bool blocked = false;     ///< the socket takes no more; `writable` will tell
  bool unfinished = false;  ///< in the loop's list of carriers with more to write
  bool stranger = false;    ///< it ends without having proved anything
  std::optional<asio::ip::tcp::endpoint> dialled;  ///< the address of a name that it was dialled at

 private:
  void arm(std::chrono::steady_clock::duration limit);
  void discard_input();

  loop& loop_;
  const engine::carrier_id id_;
  std::shared_ptr<transport::stream_io> io_;
  state state_ = state::open;
  std::optional<asio::steady_timer> limit_;
};

}  // namespace rendr::detail
