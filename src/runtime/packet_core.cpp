// SPDX-License-Identifier: Apache-2.0
// What the operations of a packet flow do in place of a stream's.
#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "runtime/loop.hpp"
#include "runtime/stream_core.hpp"

namespace rendr::detail {

static_assert(packet_flow::max_size == wire::max_packet);

template <class Transfer>
void stream_core::complete(std::optional<Transfer>& which, std::error_code code, std::size_t n) {
  auto done = std::move(which->done);
  which.reset();
  done(code, n);
}

/// From the engine, or what it left.
result<engine::endpoint::packet_result> stream_core::take_packet(std::span<std::byte> out) {
  if (!gone_) return home->endpoint().receive_packet(home->now(), ref, out);
  if (left_packets_.empty()) {
    if (!leftover_eof_) return leftover_error_;
    return engine::endpoint::packet_result{false, 0, true};
  }
  const auto& next = left_packets_.front();
  if (next.size() > out.size()) return errc::message_too_large;
  std::copy(next.begin(), next.end(), out.begin());
  const auto size = next.size();
  left_packets_.pop_front();
  return engine::endpoint::packet_result{true, size, false};
}

bool stream_core::try_receive() {
  const auto& list = read_->buffers;
  std::vector<std::byte> joined;
  std::span<std::byte> out;
  if (list.count == 1) {
    out = {static_cast<std::byte*>(list.items[0].data()), list.items[0].size()};
  } else if (list.count > 1) {
    std::size_t room = 0;
    for (std::size_t i = 0; i < list.count; ++i) room += list.items[i].size();
    joined.resize(std::min(room, packet_flow::max_size));
    out = joined;
  }
  const auto got = take_packet(out);
  if (!got) {
    complete(read_, failed(got.error()), 0);
    return true;
  }
  if (!got->packet && !got->eof) return false;
  if (!joined.empty()) {
    auto rest = std::span<const std::byte>(joined).first(got->size);
    for (std::size_t i = 0; i < list.count && !rest.empty(); ++i) {
      const auto n = std::min(rest.size(), list.items[i].size());
      std::copy_n(rest.begin(), n, static_cast<std::byte*>(list.items[i].data()));
      rest = rest.subspan(n);
    }
  }
  complete(read_, got->eof ? make_error_code(asio::error::eof) : std::error_code(), got->size);
  return true;
}

bool stream_core::try_send() {
  if (gone_) {
    complete(write_, final_code(), 0);
    return true;
  }
  const auto& list = write_->buffers;
  std::vector<std::byte> joined;
  bytes_view packet;
  const auto piece = [&](std::size_t i) {
    return bytes_view(static_cast<const std::byte*>(list.items[i].data()), list.items[i].size());
  };
  if (list.count == 1) {
    packet = piece(0);
  } else if (list.count > 1) {
    for (std::size_t i = 0; i < list.count && joined.size() <= packet_flow::max_size; ++i) {
      joined.insert(joined.end(), piece(i).begin(), piece(i).end());
    }
    packet = joined;
  }
  const auto taken = home->endpoint().send_packet(home->now(), ref, packet);
  if (taken && !*taken) {
    writable_ = false;
    return false;
  }
  complete(write_, taken ? std::error_code() : failed(taken.error()), taken ? packet.size() : 0);
  return true;
}

void stream_core::keep_packets() {
  for (;;) {
    const auto size = home->endpoint().next_packet(ref);
    if (!size || !*size) break;
    auto& packet = left_packets_.emplace_back(**size);
    static_cast<void>(home->endpoint().receive_packet(home->now(), ref, packet));
  }
  const auto end = home->endpoint().receive_packet(home->now(), ref, {});
  leftover_eof_ = end && end->eof;
  if (!end) leftover_error_ = end.error();
}

bool stream_core::packet_readable() {
  if (gone_) return can_be_read();
  const auto size = home->endpoint().next_packet(ref);
  if (!size || *size) return true;
  const auto end = home->endpoint().receive_packet(home->now(), ref, {});
  return !end || end->eof;
}

}  // namespace rendr::detail
