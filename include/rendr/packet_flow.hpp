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
#include <system_error>
#include <utility>

#include "rendr/detail/completion.hpp"
#include "rendr/error.hpp"
#include "rendr/status.hpp"
#include "rendr/stream.hpp"
#include "rendr/time.hpp"
#include "rendr/types.hpp"

namespace rendr {

/// A packet flow: packets both ways, as a connected UDP socket, over whatever paths its link has.
///
/// Boundaries are kept; each packet arrives at most once; packets that went by different paths may
/// overtake each other. None is lost by a migration. When a path dies, what it had not acknowledged
/// goes again by another one while it is one of the 256 packets sent last or younger than 250 ms;
/// the rest is given up and counted (`flow_status::packets_given_up`). Nothing else is dropped:
/// where the receiver does not read, or no path takes more, a send waits. Packets of one flow queue
/// for about 100 ms of its paths' rate, 256 KiB at least.
///
/// Errors, threading and lifetime are those of `stream`; besides, `message_too_large`: a packet to
/// be sent has more than `max_size` bytes, or the next one to be received does not fit the buffers
/// and stays. A packet may be empty. A buffer sequence has at most 16 buffers that are not empty
/// (`std::errc::invalid_argument`).
class packet_flow {
 public:
  using executor_type = asio::any_io_executor;
  using wait_type = stream::wait_type;
  /// Bytes of the largest packet.
  static constexpr std::size_t max_size = 60'000;

  /// No flow: every call fails with `errc::closed`.
  packet_flow() noexcept = default;

  executor_type get_executor() const { return flow_.get_executor(); }
  bool is_open() const noexcept { return flow_.is_open(); }
  flow_id id() const { return flow_.id(); }
  std::span<const std::byte> metadata() const { return flow_.metadata(); }
  flow_address local_endpoint() const { return flow_.local_endpoint(); }
  flow_address remote_endpoint() const { return flow_.remote_endpoint(); }

  /// Receives one packet and tells its size, or completes with an error and 0; `asio::error::eof`:
  /// the peer sends no more and every packet was received. `void(std::error_code, size_t)`.
  /// Cancelling it loses nothing.
  template <class MutableBufferSequence, class Token>
  auto async_receive(const MutableBufferSequence& buffers, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        [](auto handler, std::shared_ptr<detail::stream_core> core,
           std::pair<detail::read_buffers, bool> list) {
          const auto operation = detail::next_operation();
          if (core) detail::connect_cancellation(core, operation, handler);
          detail::size_completion done(std::move(handler), detail::executor_of(core));
          if (!list.second) return done(std::make_error_code(std::errc::invalid_argument), 0);
          detail::start_read(core, operation, list.first, std::move(done));
        },
        token, flow_.core_, whole<detail::read_buffers>(buffers));
  }

  /// Hands over one packet, whole, or completes with an error and 0. Done means taken into the
  /// queue. `void(std::error_code, size_t)`. Cancelling one that has not completed takes nothing.
  template <class ConstBufferSequence, class Token>
  auto async_send(const ConstBufferSequence& buffers, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        [](auto handler, std::shared_ptr<detail::stream_core> core,
           std::pair<detail::write_buffers, bool> list) {
          const auto operation = detail::next_operation();
          if (core) detail::connect_cancellation(core, operation, handler);
          detail::size_completion done(std::move(handler), detail::executor_of(core));
          if (!list.second) return done(std::make_error_code(std::errc::invalid_argument), 0);
          detail::start_write(core, operation, list.first, std::move(done));
        },
        token, flow_.core_, whole<detail::write_buffers>(buffers));
  }

  /// As `stream::async_wait`; `delivered`: every packet sent so far was acknowledged or given up.
  template <class Token>
  auto async_wait(wait_type what, Token&& token) {
    return flow_.async_wait(what, std::forward<Token>(token));
  }

  /// Blocking forms. The ones without `code` throw `std::system_error`.
  template <class MutableBufferSequence>
  std::size_t receive(const MutableBufferSequence& buffers, std::error_code& code) {
    const auto list = whole<detail::read_buffers>(buffers);
    if (list.second) return detail::blocking_read(flow_.core_, list.first, code);
    code = std::make_error_code(std::errc::invalid_argument);
    return 0;
  }
  template <class MutableBufferSequence>
  std::size_t receive(const MutableBufferSequence& buffers) {
    std::error_code code;
    const auto n = receive(buffers, code);
    if (code) throw std::system_error(code, "receive");
    return n;
  }
  template <class ConstBufferSequence>
  std::size_t send(const ConstBufferSequence& buffers, std::error_code& code) {
    const auto list = whole<detail::write_buffers>(buffers);
    if (list.second) return detail::blocking_write(flow_.core_, list.first, code);
    code = std::make_error_code(std::errc::invalid_argument);
    return 0;
  }
  template <class ConstBufferSequence>
  std::size_t send(const ConstBufferSequence& buffers) {
    std::error_code code;
    const auto n = send(buffers, code);
    if (code) throw std::system_error(code, "send");
    return n;
  }
  void wait(wait_type what, std::error_code& code) { flow_.wait(what, code); }

  void expires_after(duration after) { flow_.expires_after(after); }
  void expires_at(std::chrono::steady_clock::time_point when) { flow_.expires_at(when); }
  void expires_never() { flow_.expires_never(); }
  void cancel() { flow_.cancel(); }

  /// The peer gets EOF once every packet before it was acknowledged or given up. Receiving goes on.
  std::error_code shutdown_send() { return flow_.shutdown_send(); }
  /// Lets go: returns at once; what was sent is delivered in the background while the link lives.
  void close() { flow_.close(); }
  void abort(std::uint64_t code = 0) { flow_.abort(code); }
  void abort_after_delivery(std::uint64_t code = 0) { flow_.abort_after_delivery(code); }

  failure error() const { return flow_.error(); }
  std::uint64_t app_code() const { return flow_.app_code(); }
  flow_status status() const { return flow_.status(); }

 private:
  friend struct detail::stream_access;
  explicit packet_flow(stream flow) noexcept : flow_(std::move(flow)) {}

  /// The buffers, and whether the list holds all of them.
  template <class List, class Sequence>
  static std::pair<List, bool> whole(const Sequence& buffers) {
    const auto list = List::from(buffers);
    std::size_t size = 0;
    for (std::size_t i = 0; i < list.count; ++i) size += list.items[i].size();
    return {list, size == asio::buffer_size(buffers)};
  }

  stream flow_;
};

}  // namespace rendr
