// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/endpoint.hpp"

namespace rendr::engine::test {

using namespace std::chrono_literals;

/// Two endpoints joined by perfect wires without delay: for tests of what the engine says, not of
/// networks. The driver's duties are all here, in the order that `endpoint` asks for.
class direct_pair {
 public:
  struct side {
    explicit side(const endpoint_config& config) : ep(config) {}
    endpoint ep;
    std::vector<any_event> events;
    std::map<carrier_id, carrier_id> peer;             // carrier here -> carrier there
    std::map<carrier_id, bool> dark;                   // what is sent on it vanishes
    std::map<carrier_id, std::deque<std::byte>> held;  // what is sent on it waits here
    /// Sees, and may change, what this side sends on a carrier.
    std::function<void(carrier_id, std::deque<std::byte>&)> tamper;
    std::map<carrier_id, carrier_evidence> evidence;
    std::size_t closed = 0;
  };

  direct_pair() : direct_pair(config(1, false), config(2, true)) {}
  direct_pair(const endpoint_config& here, const endpoint_config& there)
      : dialer(here), acceptor(there) {}

  static endpoint_config config(std::uint8_t n, bool accept) {
    endpoint_config c;
    c.instance[0] = std::byte{n};
    c.secret_seed[0] = std::byte{n};
    c.reset_key[0] = std::byte{n};
    c.accept_links = accept;
    c.jitter_seed = n;
    return c;
  }

  bool sealed = false;  ///< of the paths that `connect` makes: else `tamper` can read them

  link_ref connect(std::size_t paths, std::string root = {}) {
    link_config c;
    for (std::size_t i = 0; i < paths; ++i) {
      path_config leaf;
      leaf.name = std::string(1, static_cast<char>('a' + i));
      leaf.plaintext = !sealed;
      leaf.cold = i >= cold_from;
      c.paths.push_back(leaf);
    }
    c.root = std::move(root);
    const auto made = dialer.ep.connect(now, c);
    link = *made;
    return link;
  }

  /// Everything that can happen now happens.
  void settle() {
    bool busy = true;
    for (int round = 0; busy && round < 100000; ++round)
      busy = step(dialer, acceptor) | step(acceptor, dialer);
  }

  void advance(duration d) {
    const auto until = now + d;
    settle();
    while (true) {
      const auto next = std::min(dialer.ep.next_timeout(), acceptor.ep.next_timeout());
      if (next > until) break;
      now = std::max(now, next);
      if (dialer.ep.next_timeout() <= now) dialer.ep.handle_timeout(now);
      if (acceptor.ep.next_timeout() <= now) acceptor.ep.handle_timeout(now);
      settle();
    }
    now = until;
  }

  /// Both ends of a carrier of the dialer fail.
  void kill(carrier_id id) {
    const auto there = dialer.peer.at(id);
    dialer.peer.erase(id);
    acceptor.peer.erase(there);
    dialer.ep.path_down(now, id, std::make_error_code(std::errc::connection_reset), "");
    acceptor.ep.path_down(now, there, std::make_error_code(std::errc::connection_reset), "");
  }

  /// What `from` sends on a carrier waits from now on, as on a path that is dark and may return.
  void hold(side& from, carrier_id id) { from.held[id]; }
  void release(side& from, carrier_id id) {
    auto data = std::move(from.held[id]);
    from.held.erase(id);
    const auto there = from.peer.find(id);
    if (there != from.peer.end()) deliver(other(from), there->second, data);
    settle();
  }
  side& other(const side& s) { return &s == &dialer ? acceptor : dialer; }
  /// Bytes that nobody sent arrive at `to`.
  void inject(side& to, carrier_id id, bytes_view data) {
    std::deque<std::byte> copy(data.begin(), data.end());
    deliver(to, id, copy);
  }

  template <class Event>
  static std::vector<Event> all(const side& s) {
    std::vector<Event> out;
    for (const auto& e : s.events) {
      if (const auto* found = std::get_if<Event>(&e)) out.push_back(*found);
    }
    return out;
  }

  std::string read_all(side& s, flow_ref flow, bool* eof = nullptr) {
    std::string out;
    std::array<std::byte, 4096> buffer{};
    while (true) {
      const auto got = s.ep.read(now, flow, buffer);
      if (!got) return out + "!" + std::string(name(got.error()));
      out.append(reinterpret_cast<const char*>(buffer.data()), got->size);
      if (eof != nullptr) *eof = got->eof;
      if (got->size == 0) return out;
    }
  }

  instant now = instant{} + 1s;
  side dialer;
  side acceptor;
  link_ref link{};
  bool refuse_dials = false;
  std::map<spec_id, bool> refused;  ///< so are dials of these leaves
  bool mute_dials = false;          ///< whoever is dialled now takes the connection and is mute
  failure refusal{std::make_error_code(std::errc::connection_refused), ""};
  std::size_t cold_from = 100;  ///< paths from this number on are cold
  carrier_traits traits{.evidence = evidence_kind::end_to_end,
                        .loopback = true,
                        .local = {},
                        .remote = {}};  ///< of every carrier

 private:
  bool step(side& from, side& to) {
    bool busy = false;
    while (auto e = from.ep.poll_event()) {
      busy = true;
      obey(from, to, *e);
      from.events.push_back(std::move(*e));
    }
    while (const auto id = from.ep.next_transmit()) {
      while (true) {
        const auto pieces = from.ep.poll_transmit(now, *id, 1 << 20);
        if (pieces.empty()) break;
        busy = true;
        std::size_t n = 0;
        std::deque<std::byte> data;
        for (const auto piece : pieces) {
          data.insert(data.end(), piece.begin(), piece.end());
          n += piece.size();
        }
        from.ep.transmitted(now, *id, n);
        if (from.dark[*id]) continue;
        if (from.tamper) from.tamper(*id, data);
        if (const auto wait = from.held.find(*id); wait != from.held.end()) {
          wait->second.insert(wait->second.end(), data.begin(), data.end());
          continue;
        }
        if (const auto there = from.peer.find(*id); there != from.peer.end())
          deliver(to, there->second, data);
      }
      finish_close(from, to, *id);
    }
    return busy;
  }

  void deliver(side& to, carrier_id id, std::deque<std::byte>& data) {
    while (!data.empty()) {
      const auto room = to.ep.receive_buffer(id);
      if (room.empty()) return;
      const auto n = std::min(room.size(), data.size());
      std::copy_n(data.begin(), n, room.begin());
      data.erase(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
      to.ep.received(now, id, n);
    }
    to.ep.drained(now, id);
  }

  void obey(side& from, side& to, const any_event& e) {
    if (const auto* d = std::get_if<event::dial>(&e)) {
      if (refuse_dials || refused[d->spec]) {
        from.ep.dial_failed(now, d->link, d->attempt, refusal.code, refusal.detail);
        return;
      }
      const auto here = from.ep.dialed(now, d->link, d->attempt, traits);
      if (!here) return;
      const auto there = to.ep.accepted(now, traits);
      if (!there) return from.ep.path_down(now, *here, {}, "");
      from.peer[*here] = *there;
      to.peer[*there] = *here;
      if (mute_dials) from.dark[*here] = to.dark[*there] = true;
    } else if (const auto* c = std::get_if<event::close_carrier>(&e)) {
      ++from.closed;
      if (!c->flush) cut(from, to, c->carrier);
      closing_.push_back(c->carrier);
    } else if (const auto* n = std::get_if<event::need_evidence>(&e)) {
      from.ep.path_evidence(now, n->carrier, from.evidence[n->carrier]);
    }
  }

  void finish_close(side& from, side& to, carrier_id id) {
    if (std::find(closing_.begin(), closing_.end(), id) != closing_.end()) cut(from, to, id);
  }

  void cut(side& from, side& to, carrier_id id) {
    const auto there = from.peer.find(id);
    if (there == from.peer.end()) return;
    const auto other = there->second;
    from.peer.erase(there);
    if (from.dark[id]) return;  // that it was closed vanishes, too
    to.peer.erase(other);
    to.ep.path_down(now, other, {}, "");
  }

  std::vector<carrier_id> closing_;
};

}  // namespace rendr::engine::test
