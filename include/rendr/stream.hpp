// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "rendr/detail/completion.hpp"
#include "rendr/error.hpp"
#include "rendr/status.hpp"
#include "rendr/time.hpp"
#include "rendr/types.hpp"

namespace rendr {

class packet_flow;

namespace detail {
struct stream_core;
struct stream_access;
void cancel_operation(const std::shared_ptr<stream_core>& core, std::uint64_t operation);
void start_read(const std::shared_ptr<stream_core>& core, std::uint64_t operation,
                const read_buffers& buffers, size_completion done);
void start_write(const std::shared_ptr<stream_core>& core, std::uint64_t operation,
                 const write_buffers& buffers, size_completion done);
void start_wait(const std::shared_ptr<stream_core>& core, std::uint64_t operation, int what,
                void_completion done);
std::size_t blocking_read(const std::shared_ptr<stream_core>& core, const read_buffers& buffers,
                          std::error_code& code);
std::size_t blocking_write(const std::shared_ptr<stream_core>& core, const write_buffers& buffers,
                           std::error_code& code);
asio::any_io_executor executor_of(const std::shared_ptr<stream_core>& core);
}  // namespace detail

/// One end of a flow: which instance, and the flow. Never changes while the flow lives, whatever
/// happens to its paths.
struct flow_address {
  instance_id instance{};
  flow_id flow{};
  /// "instance/flow" in hexadecimal.
  std::string to_string() const;
  friend bool operator==(const flow_address&, const flow_address&) = default;
};

/// A stream flow: ordered reliable bytes both ways, as a connected TCP socket, over whatever paths
/// its link has. Meets Asio's AsyncReadStream, AsyncWriteStream, SyncReadStream and
/// SyncWriteStream.
///
/// What an application sees: no fault of a path, ever. `asio::error::eof` means that the peer's
/// FIN was delivered and everything before it was read. While no path lives, writes fill the send
/// buffer and then wait, reads wait. Errors: `no_path` (the grace ran out), `peer_lost` (the peer
/// proved that it forgot the link), `rejected` (its application refused the flow; see `app_code`),
/// `aborted` (ended by the other side), `closed` (written after `shutdown_send`), `timed_out` (the
/// deadline of `expires_after`; nothing is lost, call again), `asio::error::operation_aborted`
/// (cancelled; nothing is lost).
///
/// The two directions end apart. Reading: everything that arrived in order can be read, then comes
/// EOF (the peer's FIN) or `aborted` (its `abort` or `abort_after_delivery`); writing goes on.
/// Writing: it fails with `aborted` from the moment that the peer closed or aborted its end, for
/// nobody reads there any more; what the peer sent can still be read to its end.
///
/// Movable, not copyable. Threading: as an Asio socket, one stream must not be used by two threads
/// at once; different streams may. One read and one write may be under way together; a second of
/// the same kind fails with `std::errc::operation_in_progress`. Handlers run on their associated
/// executor, by default the loop of the link. Buffers must live until the handler is called.
///
/// The blocking calls work from any thread but a loop's (`resource_deadlock_would_occur` there).
class stream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = stream;

  /// No flow: every call fails with `errc::closed`.
  stream() noexcept;
  stream(stream&& other) noexcept;
  stream& operator=(stream&& other) noexcept;
  /// As `close()`.
  ~stream();

  executor_type get_executor() const { return detail::executor_of(core_); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  const lowest_layer_type& lowest_layer() const noexcept { return *this; }
  /// True from the open or accept until `close`, `abort` or a move away.
  bool is_open() const noexcept { return core_ != nullptr; }

  flow_id id() const;
  /// What the opener sent along with the flow, on both sides.
  std::span<const std::byte> metadata() const;
  flow_address local_endpoint() const;
  /// The peer's instance is all zero until the link is up.
  flow_address remote_endpoint() const;

  /// Reads at least one byte, or completes with an error and 0. `void(std::error_code, size_t)`.
  /// Cancelling it (slot or `cancel`) loses nothing: no byte was taken.
  template <class MutableBufferSequence, class Token>
  auto async_read_some(const MutableBufferSequence& buffers, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        [](auto handler, std::shared_ptr<detail::stream_core> core, detail::read_buffers list) {
          const auto operation = detail::next_operation();
          if (core) detail::connect_cancellation(core, operation, handler);
          auto executor = detail::executor_of(core);
          detail::start_read(core, operation, list,
                             detail::size_completion(std::move(handler), executor));
        },
        token, core_, detail::read_buffers::from(buffers));
  }

  /// Hands over at least one byte, or completes with an error and 0. Done means accepted into the
  /// send buffer: rendr delivers it as long as the link lives. Cancelling a write that has not
  /// completed loses nothing: no byte was taken. `void(std::error_code, size_t)`.
  template <class ConstBufferSequence, class Token>
  auto async_write_some(const ConstBufferSequence& buffers, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        [](auto handler, std::shared_ptr<detail::stream_core> core, detail::write_buffers list) {
          const auto operation = detail::next_operation();
          if (core) detail::connect_cancellation(core, operation, handler);
          auto executor = detail::executor_of(core);
          detail::start_write(core, operation, list,
                              detail::size_completion(std::move(handler), executor));
        },
        token, core_, detail::write_buffers::from(buffers));
  }

  enum class wait_type {
    readable,   ///< a read would not wait: bytes, EOF or an error are there
    writable,   ///< a write would not wait
    accepted,   ///< the peer's application accepted the flow (error: `rejected` and why)
    delivered,  ///< the peer has every byte written so far (error: some were discarded)
    /// Both directions are over and all was read. Error: what ended it, when the peer's direction
    /// ended by a reset, or bytes written here were discarded; none when all was delivered.
    done,
  };
  /// Completes when `what` is so, with the flow's error when it failed. `void(std::error_code)`.
  template <class Token>
  auto async_wait(wait_type what, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [](auto handler, std::shared_ptr<detail::stream_core> core, wait_type kind) {
          const auto operation = detail::next_operation();
          if (core) detail::connect_cancellation(core, operation, handler);
          auto executor = detail::executor_of(core);
          detail::start_wait(core, operation, static_cast<int>(kind),
                             detail::void_completion(std::move(handler), executor));
        },
        token, core_, what);
  }

  /// Blocking forms. The ones without `code` throw `std::system_error`.
  template <class MutableBufferSequence>
  std::size_t read_some(const MutableBufferSequence& buffers, std::error_code& code) {
    return detail::blocking_read(core_, detail::read_buffers::from(buffers), code);
  }
  template <class MutableBufferSequence>
  std::size_t read_some(const MutableBufferSequence& buffers) {
    std::error_code code;
    const auto n = read_some(buffers, code);
    if (code) throw std::system_error(code, "read_some");
    return n;
  }
  template <class ConstBufferSequence>
  std::size_t write_some(const ConstBufferSequence& buffers, std::error_code& code) {
    return detail::blocking_write(core_, detail::write_buffers::from(buffers), code);
  }
  template <class ConstBufferSequence>
  std::size_t write_some(const ConstBufferSequence& buffers) {
    std::error_code code;
    const auto n = write_some(buffers, code);
    if (code) throw std::system_error(code, "write_some");
    return n;
  }
  void wait(wait_type what, std::error_code& code);

  /// From `when` on, every read, write and wait of this stream fails with `timed_out`, those under
  /// way included, until another deadline is set. The flow lives on and nothing is lost.
  void expires_after(duration after);
  void expires_at(std::chrono::steady_clock::time_point when);
  void expires_never();
  /// Completes everything under way with `asio::error::operation_aborted`. Nothing is lost.
  void cancel();

  /// FIN after what was written: the peer reads EOF there. Reading goes on. Returns at once.
  std::error_code shutdown_send();
  /// Lets go: returns at once; what was written is delivered in the background, then FIN, however
  /// slow its reader, as long as the link lives; what still arrives is discarded. Calls under way
  /// complete with `operation_aborted`.
  void close();
  /// Resets the flow in both directions at once: the peer's calls fail with `aborted` and `code`,
  /// its reads once it has read what arrived in order. What was written may be lost.
  void abort(std::uint64_t code = 0);
  /// As `close()`, but what was written ends with a reset: the peer reads all of it, then its reads
  /// fail with `aborted` and `code` in place of EOF. After `shutdown_send` the peer reads EOF, and
  /// only its writes fail.
  void abort_after_delivery(std::uint64_t code = 0);

  /// What ended the flow, with a sentence; no code while it lives or when it ended in order. Set
  /// before a call fails with it.
  failure error() const;
  /// The code that the peer's application gave with its reset or refusal, or else, when it only
  /// let go before all that was written here had arrived, with that.
  std::uint64_t app_code() const;
  /// Counters of this flow. Waits some microseconds for the loop when not called on it.
  flow_status status() const;

 private:
  friend class packet_flow;
  friend struct detail::stream_access;
  explicit stream(std::shared_ptr<detail::stream_core> core) noexcept;

  std::shared_ptr<detail::stream_core> core_;
};

}  // namespace rendr
