// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/fifo.hpp"
#include "engine/endpoint.hpp"
#include "rendr/incoming.hpp"
#include "rendr/packet_flow.hpp"
#include "rendr/stream.hpp"

namespace rendr::detail {

class loop;
struct link_core;

/// What the runtime knows of one flow. `error_` may be read by any thread; everything else that
/// changes belongs to the loop's thread.
struct stream_core : std::enable_shared_from_this<stream_core> {
  stream_core(std::shared_ptr<loop> h, std::shared_ptr<link_core> l, engine::flow_ref r,
              const flow_id& i, std::vector<std::byte> m, flow_kind k)
      : home(std::move(h)), owner(std::move(l)), ref(r), id(i), metadata(std::move(m)), kind(k) {}

  const std::shared_ptr<loop> home;
  const std::shared_ptr<link_core> owner;
  const engine::flow_ref ref;
  const flow_id id;
  const std::vector<std::byte> metadata;
  const flow_kind kind;

  void read(std::uint64_t operation, const read_buffers& buffers, size_completion done);
  /// See read_now.hpp.
  std::size_t read_now(std::span<std::byte> out, std::error_code& code);
  void write(std::uint64_t operation, const write_buffers& buffers, size_completion done);
  void wait(std::uint64_t operation, stream::wait_type what, void_completion done);
  void cancel(std::uint64_t operation);
  void cancel_all(std::error_code code);
  /// nullopt: no deadline.
  void expire_at(std::optional<std::chrono::steady_clock::time_point> when);

  void accept();
  void reject(std::uint64_t code, const std::string& reason);
  void shutdown_send();
  void close();
  void abort(std::uint64_t code);
  void abort_after_delivery(std::uint64_t code);

  void ready(const engine::event::flow_ready& event);
  /// The engine says that the flow is over; it may still be read.
  void done(errc code, std::uint64_t app_code, std::string detail);
  /// The link is over: the engine does not know the flow any more.
  void gone(failure why);
  /// The flow is ended, both ways, though its owner holds it.
  void cut_off(failure why);
  /// After `gone`: there are bytes or an end to be read.
  bool can_be_read() const noexcept {
    return leftover_read_ < leftover_.size() || !left_packets_.empty() || leftover_eof_;
  }
  /// True once every byte written so far is acknowledged (or never will be).
  bool check_delivery();

  failure error() const;
  std::uint64_t app_code() const;

 private:
  template <class Buffers, class Completion>
  struct transfer {
    std::uint64_t operation = 0;
    Buffers buffers;
    Completion done;
  };
  struct waiter {
    std::uint64_t operation = 0;
    stream::wait_type what{};
    void_completion done;
  };

  void end(failure why);
  /// True when `read_` or `write_` was completed.
  bool try_read();
  void keep_leftover();
  /// One piece; from the engine, or from the leftover.
  result<engine::endpoint::read_result> take(std::span<std::byte> out);
  bool try_write();
  // The same for packets (packet_core.cpp).
  bool try_receive();
  bool try_send();
  result<engine::endpoint::packet_result> take_packet(std::span<std::byte> out);
  void keep_packets();
  bool packet_readable();
  template <class Transfer>
  static void complete(std::optional<Transfer>& which, std::error_code code, std::size_t n);
  void check_waiters();
  /// nullopt: not yet.
  std::optional<std::error_code> answer(stream::wait_type what);
  std::optional<std::error_code> delivery();
  bool readable();
  /// A call is about to fail: `error` and `app_code` say why before the flow is done.
  void note_failure(errc code);
  std::error_code failed(errc code);
  /// The engine's ref may be used.
  bool known() const noexcept { return !released_ && !gone_; }
  std::error_code final_code() const;
  void release();

  std::optional<transfer<read_buffers, size_completion>> read_;
  std::optional<transfer<write_buffers, size_completion>> write_;
  std::vector<waiter> waiters_;
  std::optional<asio::steady_timer> timer_;
  bool expired_ = false;
  bool writable_ = true;
  bool accepted_ = false;
  bool done_ = false;
  bool released_ = false;  // the application let go
  bool gone_ = false;      // the engine let go

  // What was readable when the engine let go.
  std::vector<std::byte> leftover_;
  std::size_t leftover_read_ = 0;
  fifo<std::vector<std::byte>> left_packets_;
  bool leftover_eof_ = false;
  errc leftover_error_ = errc::closed;  // what reading fails with behind it
  errc undelivered_{};                  // what discarded bytes that were written

  mutable std::mutex mutex_;
  failure error_;
  std::uint64_t app_code_ = 0;
};

struct stream_access {
  static const std::shared_ptr<stream_core>& core_of(const stream& one) { return one.core_; }
  static stream make(std::shared_ptr<stream_core> core) { return stream(std::move(core)); }
  static packet_flow make_packet(std::shared_ptr<stream_core> core) {
    return packet_flow(make(std::move(core)));
  }
};
struct incoming_access {
  static incoming make(std::shared_ptr<stream_core> core) { return incoming(std::move(core)); }
};

}  // namespace rendr::detail
