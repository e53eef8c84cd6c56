// SPDX-License-Identifier: Apache-2.0
#include "sim/conversation.hpp"

#include <algorithm>
#include <cstring>

namespace rendr::sim {

namespace {

std::uint64_t word_of(std::uint64_t seed, std::uint64_t index) {
  auto z = seed + index * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93u;
  return z ^ (z >> 32);
}

constexpr std::uint64_t reset_code = 41;

}  // namespace

void generate(std::uint64_t seed, std::uint64_t offset, bytes_span out) {
  std::size_t at = 0;
  while (at < out.size()) {
    const auto position = offset + at;
    const auto word = word_of(seed, position / 8);
    const auto skip = static_cast<std::size_t>(position % 8);
    const auto n = std::min<std::size_t>(8 - skip, out.size() - at);
    std::memcpy(out.data() + at, reinterpret_cast<const char*>(&word) + skip, n);
    at += n;
  }
}

void conversation::open(node& client, engine::link_ref link) {
  const auto stream = [&](engine::endpoint& ep, const auto& options) {
    return ep.open_stream(queue_.now(), link, options);
  };
  if (!open_at(client, stream)) return;
  if (const auto status = client.ep().status(ends_[0].flow)) id_ = status->id;
  start(false);
  client.wake();
}

void conversation::arrived(node& server, const engine::event::incoming_flow& event) {
  if (!arrives_at(server, event.flow)) return;
  if (event.id != id_) bad("arrived under another flow_id");
  if (plan_.rejects) {
    const auto code = server.ep().reject_flow(queue_.now(), event.flow, 7, "not here");
    if (code != errc{}) bad("could not be rejected");
    ends_[1].failed = true;
    return;
  }
  if (!accept_at(server)) return;
  start(true);
  consume(true);
}

void conversation::start(bool at_server) {
  auto& e = side(at_server);
  const auto& t = produces(at_server);
  switch (t.what) {
    case traffic::kind::silent:
      e.writer_done = true;
      break;
    case traffic::kind::bulk:
      e.wanted = t.total;
      e.writer_done = true;
      break;
    case traffic::kind::paced:
      tick(at_server);
      return;
    case traffic::kind::echo:
    case traffic::kind::reply:
      break;
  }
  produce(at_server);
}

void conversation::tick(bool at_server) {
  auto& e = side(at_server);
  const auto& t = produces(at_server);
  if (!e.open) return;
  e.message_times.push_back(queue_.now());
  ++e.messages;
  e.wanted += t.size;
  if (e.messages == t.total) {
    e.writer_done = true;
  } else {
    queue_.at(queue_.now() + t.interval, [this, at_server] { tick(at_server); });
  }
  produce(at_server);
  if (e.at != nullptr) e.at->wake();
}

void conversation::produce(bool at_server) {
  auto& e = side(at_server);
  static std::array<std::byte, 65536> chunk;
  while (e.open && e.written < e.wanted) {
    const auto n = std::min<std::uint64_t>(chunk.size(), e.wanted - e.written);
    const auto data = bytes_span(chunk).first(static_cast<std::size_t>(n));
    generate(seed_ + (at_server ? 1 : 0), e.written, data);
    const auto took = e.at->ep().write(queue_.now(), e.flow, data);
    // Who resets does not read: what he sent is read all the same.
    if (!took && planned(at_server, took.error())) return;
    if (!took) return fail(at_server, took.error(), "write");
    if (*took > n) return bad("took more than was given");
    e.written += *took;
    if (*took < n) return;
  }
  if (e.open && e.writer_done && !e.fin_sent && e.written == e.wanted) {
    if (plan_.resets == at_server) return reset_behind(at_server);
    finish(at_server);
    settle(at_server);
  }
}

void conversation::reset_behind(bool at_server) {
  auto& e = side(at_server);
  e.open = false;
  e.fin_sent = e.eof = true;
  e.at->ep().abort_after_delivery(queue_.now(), e.flow, reset_code);
  e.at->wake();
}

// True when it is the reset that was planned, behind all that was written.
bool conversation::take_reset(bool at_server, errc code) {
  auto& e = side(at_server);
  const auto& other = side(!at_server);
  if (!planned(at_server, code)) return false;
  if (!other.fin_sent || e.received != other.written) bad("a reset before the last byte");
  if (e.at->ep().status(e.flow)->app_code != reset_code) bad("a reset with another code");
  e.eof = e.fin_sent = e.was_reset = true;
  close(at_server);
  return true;
}

void conversation::consume(bool at_server) {
  auto& e = side(at_server);
  const auto& other = side(!at_server);
  static std::array<std::byte, 65536> in;
  static std::array<std::byte, 65536> expected;
  while (e.open && e.reading && !e.eof) {
    const auto got = e.at->ep().read(queue_.now(), e.flow, in);
    if (!got) {
      if (!take_reset(at_server, got.error())) fail(at_server, got.error(), "read");
      return;
    }
    const auto n = got->size;
    if (e.received + n > other.written) return bad("delivered more bytes than were written");
    generate(seed_ + (at_server ? 0 : 1), e.received, bytes_span(expected).first(n));
    if (std::memcmp(in.data(), expected.data(), n) != 0) {
      return bad("wrong bytes after offset " + std::to_string(e.received));
    }
    e.received += n;
    if (n != 0) {
      if (!e.log.empty() && e.log.back().when == queue_.now()) {
        e.log.back().total = e.received;
      } else {
        e.log.push_back({queue_.now(), e.received});
      }
    }
    if (got->eof) {
      e.eof = true;
      if (plan_.resets == !at_server) bad("EOF in place of a reset");
      if (!other.fin_sent || e.received != other.written) bad("EOF before the peer's FIN");
      break;
    }
    if (n == 0) break;
  }
  const auto& t = produces(at_server);
  if (t.what == traffic::kind::echo) e.wanted = e.received;
  if (t.what == traffic::kind::reply) e.wanted = e.received / t.each * t.size;
  if (t.what == traffic::kind::echo || t.what == traffic::kind::reply) {
    if (e.eof) e.writer_done = true;
    produce(at_server);
  }
  settle(at_server);
}

void conversation::settle(bool at_server) {
  const auto& e = side(at_server);
  if (e.fin_sent && e.eof) close(at_server);
}

bool conversation::over() const noexcept {
  const auto finished = [](const end& e) {
    return e.failed || (e.fin_sent && e.eof) || (e.at != nullptr && !e.open);
  };
  return finished(ends_[0]) && finished(ends_[1]);
}

void conversation::abort(bool at_server, std::uint64_t code) {
  auto& e = side(at_server);
  if (!e.open) return;
  e.open = false;
  e.failed = true;
  e.at->ep().abort(queue_.now(), e.flow, code);
  e.at->wake();
}

duration conversation::longest_gap(bool at_server, instant from, instant to) const {
  duration longest{0};
  auto last = from;
  for (const auto& d : side(at_server).log) {
    if (d.when < from) continue;
    if (d.when > to) break;
    longest = std::max(longest, d.when - last);
    last = d.when;
  }
  return std::max(longest, to - last);
}

instant conversation::delivered_at(bool at_server, std::uint64_t offset) const {
  const auto& log = side(at_server).log;
  const auto it = std::lower_bound(log.begin(), log.end(), offset,
                                   [](const delivery& d, std::uint64_t o) { return d.total < o; });
  return it == log.end() ? never : it->when;
}

instant conversation::next_delivery(bool at_server, instant from) const {
  for (const auto& d : side(at_server).log) {
    if (d.when > from) return d.when;
  }
  return never;
}

std::vector<duration> conversation::echo_times() const {
  std::vector<duration> times;
  std::uint64_t offset = 0;
  for (const auto sent : ends_[0].message_times) {
    offset += plan_.up.size;
    const auto back = delivered_at(false, offset);
    if (back == never) break;
    times.push_back(back - sent);
  }
  return times;
}

}  // namespace rendr::sim
