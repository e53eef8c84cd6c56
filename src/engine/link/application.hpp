// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/endpoint.hpp"
#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// What an application asks of the flows of a link. Made for one call: afterwards it says what the
/// link has to do about its paths and its own end.
class application {
 public:
  explicit application(rooms& of) noexcept : r_(of) {}

  result<flow_ref> open(wire::flow_kind kind, const endpoint::open_options& options);
  errc accept(flow& f);
  errc reject(flow& f, std::uint64_t code, std::string_view reason);
  result<std::size_t> write(flow& f, bytes_view data);
  result<bool> send_packet(flow& f, bytes_view data);
  result<endpoint::read_result> read(instant now, flow& f, bytes_span out);
  result<endpoint::packet_result> receive_packet(instant now, flow& f, bytes_span out);
  void consume(instant now, flow& f, std::size_t n);
  errc shutdown(flow& f);
  void close(instant now, flow& f);
  void abort(instant now, flow& f, std::uint64_t code);
  void abort_after_delivery(instant now, flow& f, std::uint64_t code);
  /// The next flow whose readiness changed, as of now.
  std::optional<event::flow_ready> poll_ready();

  /// It wants to send: a link without a path dials sooner.
  bool wants_path() const noexcept { return wants_path_; }
  /// It let go of a flow: a link that closes may be done.
  bool let_go_of_one() const noexcept { return let_go_of_one_; }

 private:
  void let_go(instant now, flow& f, std::uint64_t code);

  rooms& r_;
  bool wants_path_ = false;
  bool let_go_of_one_ = false;
};

}  // namespace rendr::engine
