// SPDX-License-Identifier: Apache-2.0
#include "sim/line.hpp"

#include <utility>

namespace rendr::sim {

splice::splice(tcp_socket& near, tcp_socket& far) : near_(near), far_(far) {
  near_.on_ready = [this](tcp_socket&) { pump(); };
  far_.on_ready = [this](tcp_socket&) { pump(); };
}

void splice::mute(bool on) {
  muted_ = on;
  pump();
}

void splice::forward(tcp_socket& from, tcp_socket& to, bytes& held, bool& ended) {
  constexpr std::size_t bound = 256 * 1024;
  std::array<std::byte, 16384> chunk;
  bool more = true;
  while (more) {
    more = false;
    if (muted_ || held.size() < bound) {
      const auto n = from.read(chunk);
      held.insert(held.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(n));
      more = n != 0;
    }
    if (!muted_ && !held.empty()) {
      const bytes_view piece(held);
      const auto n = to.write({&piece, 1});
      held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(n));
      more = more || n != 0;
    }
  }
  if (!muted_ && !ended && held.empty() && from.eof()) {
    ended = true;
    to.shutdown_write();
  }
  if (from.error() && !to.app_closed()) {
    to.abort();
    from.close();
  }
}

void splice::pump() {
  forward(near_, far_, to_far_, near_ended_);
  forward(far_, near_, to_near_, far_ended_);
}

line::line(event_queue& queue, random rng, const path_options& options, const tcp_options& tcp)
    : queue_(queue), options_(options), tcp_(tcp) {
  tcp_.control = options.control;
  const auto hops = options.relayed ? 2 : 1;
  auto lanes = options.lanes;
  lanes.delay /= hops;
  for (int i = 0; i < 2 * hops; ++i) {
    lanes_.push_back(std::make_unique<lane>(queue, rng.fork(), lanes));
  }
}

tcp_socket& line::dial() {
  auto& c = *connections_.emplace_back(
      std::make_unique<tcp_connection>(queue_, *lanes_[0], *lanes_[1], tcp_));
  c.acceptor.accepts = [this] { return !refuse_; };
  if (relayed()) {
    relay(c.acceptor);
  } else {
    c.acceptor.on_ready = [this, first = true](tcp_socket& s) mutable {
      if (std::exchange(first, false)) arrived(s);
    };
  }
  c.dialer.connect();
  return c.dialer;
}

void line::relay(tcp_socket& near) {
  near.on_ready = [this](tcp_socket& s) { forward(s); };
}

// `splice` takes over the callbacks of the socket: nothing of the caller's closure is used behind
// that.
void line::forward(tcp_socket& near) {
  auto& c =
      *behind_.emplace_back(std::make_unique<tcp_connection>(queue_, *lanes_[2], *lanes_[3], tcp_));
  c.acceptor.on_ready = [this, first = true](tcp_socket& far) mutable {
    if (std::exchange(first, false)) arrived(far);
  };
  auto& joint = *splices_.emplace_back(std::make_unique<splice>(near, c.dialer));
  c.dialer.connect();
  if (muted_) joint.mute(true);
}

void line::arrived(tcp_socket& far) {
  ++accepted_;
  if (on_accept) on_accept(*this, far);
}

void line::each(direction way, const std::function<void(lane&)>& change) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const bool out = i % 2 == 0;
    if (way == direction::both || (way == direction::to_server) == out) change(*lanes_[i]);
  }
}

void line::blackhole(bool on, direction way) {
  each(way, [on](lane& l) { l.blackhole(on); });
}

void line::stall(bool on, direction way) {
  each(way, [on](lane& l) { l.stall(on); });
}

void line::kill() {
  for (auto& c : connections_) c->kill();
  for (auto& c : behind_) c->kill();
}

void line::kill_end(bool server) {
  for (auto& c : server&& relayed() ? behind_ : connections_) {
    auto& end = server ? c->acceptor : c->dialer;
    if (end.established()) end.fail(std::errc::connection_reset);
  }
}

void line::mute(bool on) {
  muted_ = on;
  for (auto& s : splices_) s->mute(on);
}

std::size_t line::data_packets() const noexcept {
  std::size_t n = 0;
  for (const auto& l : lanes_) n += l->data_packets();
  return n;
}

std::uint64_t line::darkened() const noexcept {
  std::uint64_t n = 0;
  for (const auto& l : lanes_) n += l->counters().darkened;
  return n;
}

}  // namespace rendr::sim
