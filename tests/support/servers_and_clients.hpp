// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/endpoint.hpp"
#include "support/hex.hpp"

namespace rendr::engine::test {

using namespace std::chrono_literals;
using rendr::test::filled;

inline credentials shared_key(std::uint8_t n = 7) {
  credentials keys;
  keys.psk.emplace(filled<32>(n));
  return keys;
}

/// Servers behind one address, and clients that come and are killed, over perfect wires without
/// delay: for tests of who is there.
class servers_and_clients {
 public:
  struct server {
    explicit server(const endpoint_config& config) : ep(std::in_place, config) {}
    std::optional<endpoint> ep;
    std::vector<any_event> events;
  };
  struct wire_end {
    std::size_t server = 0;
    carrier_id there{};
  };
  struct client {
    explicit client(const endpoint_config& config) : ep(std::in_place, config) {}
    std::optional<endpoint> ep;
    std::map<carrier_id, wire_end> wires;
    std::vector<any_event> events;
    link_ref link{};
  };

  static endpoint_config server_config(std::uint8_t n = 200) {
    endpoint_config c;
    c.instance[0] = c.secret_seed[0] = c.reset_key[0] = c.server[0] = std::byte{n};
    c.jitter_seed = n;
    c.accept_links = true;
    c.accept_credentials = shared_key();
    c.accepted.no_path_grace = 24h;
    return c;
  }
  static endpoint_config client_config(std::uint8_t n, std::optional<byte_array<16>> slot = {}) {
    endpoint_config c;
    c.instance[0] = c.secret_seed[0] = std::byte{n};
    c.jitter_seed = n;
    c.slot = slot;
    return c;
  }

  /// Which server a dial meets; nullopt: it is refused.
  std::function<std::optional<std::size_t>()> route = [] { return std::size_t{0}; };
  /// Sees, and may change, what a server says first on a carrier.
  std::function<void(bytes&)> tamper;
  std::string remote = "192.0.2.1:5000";  ///< of the carriers that are dialled
  duration grace_closed = 5min;           ///< of the clients

  std::size_t serve(const endpoint_config& config) {
    servers.push_back(std::make_unique<server>(config));
    return servers.size() - 1;
  }
  client& start(const endpoint_config& config, credentials keys = shared_key()) {
    clients.push_back(std::make_unique<client>(config));
    auto& c = *clients.back();
    link_config chosen;
    chosen.no_path_grace = 24h;
    chosen.grace_closed = grace_closed;
    chosen.credentials = std::move(keys);
    chosen.paths.emplace_back().name = "a";
    c.link = *c.ep->connect(now, chosen);
    settle();
    return c;
  }

  /// The process is gone; its system tells the other end so, or nobody does.
  void kill(client& c, bool told) {
    for (const auto& [here, wire] : c.wires) {
      if (told) servers[wire.server]->ep->path_down(now, wire.there, {}, "");
    }
    if (told) c.wires.clear();
    c.ep.reset();
    settle();
  }
  void kill(std::size_t which) {
    servers[which]->ep.reset();
    cut(which);
  }
  /// Every connection to it ends, at both ends.
  void cut(std::size_t which) {
    for (auto& c : clients) {
      for (auto it = c->wires.begin(); it != c->wires.end();) {
        const auto [here, wire] = *it;
        if (wire.server != which) {
          ++it;
          continue;
        }
        it = c->wires.erase(it);
        if (c->ep) c->ep->path_down(now, here, {}, "");
        if (servers[which]->ep) servers[which]->ep->path_down(now, wire.there, {}, "");
      }
    }
    settle();
  }

  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& c : clients) busy = turn(*c) || busy;
      for (auto& s : servers) {
        while (s->ep) {
          auto e = s->ep->poll_event();
          if (!e) break;
          busy = true;
          answer(*s->ep, *e);
          s->events.push_back(std::move(*e));
        }
      }
    }
  }
  void advance(duration d) {
    const auto until = now + d;
    settle();
    while (true) {
      auto next = never;
      each([&](endpoint& ep) { next = std::min(next, ep.next_timeout()); });
      if (next > until) break;
      now = std::max(now, next);
      each([&](endpoint& ep) {
        if (ep.next_timeout() <= now) ep.handle_timeout(now);
      });
      settle();
    }
    now = until;
  }

  template <class Event>
  static std::vector<Event> all(const std::vector<any_event>& events) {
    std::vector<Event> out;
    for (const auto& e : events) {
      if (const auto* found = std::get_if<Event>(&e)) out.push_back(*found);
    }
    return out;
  }
  std::size_t ended(std::size_t which = 0) const {
    return all<event::link_down>(servers[which]->events).size();
  }
  std::size_t living(std::size_t which = 0) const {
    const auto status = servers[which]->ep->status(now);
    return static_cast<std::size_t>(std::count_if(status.links.begin(), status.links.end(),
                                                  [](const auto& l) { return l.up; }));
  }

  instant now = instant{} + 1s;
  std::vector<std::unique_ptr<server>> servers;
  std::vector<std::unique_ptr<client>> clients;

 private:
  template <class Call>
  void each(Call call) {
    for (auto& c : clients)
      if (c->ep) call(*c->ep);
    for (auto& s : servers)
      if (s->ep) call(*s->ep);
  }

  void answer(endpoint& ep, const any_event& e) {
    if (const auto* asked = std::get_if<event::need_evidence>(&e))
      ep.path_evidence(now, asked->carrier, {});
  }

  void dial(client& c, const event::dial& d) {
    const auto to = route();
    if (!to || !servers[*to]->ep) {
      return c.ep->dial_failed(now, d.link, d.attempt,
                               std::make_error_code(std::errc::connection_refused), "");
    }
    carrier_traits traits;
    traits.evidence = evidence_kind::end_to_end;
    traits.remote = remote;
    const auto here = c.ep->dialed(now, d.link, d.attempt, traits);
    if (!here) return;
    const auto there = servers[*to]->ep->accepted(now, traits);
    if (!there) return c.ep->path_down(now, *here, {}, "");
    c.wires[*here] = {*to, *there};
  }

  bool turn(client& c) {
    if (!c.ep) return vanish(c);
    bool busy = false;
    while (auto e = c.ep->poll_event()) {
      busy = true;
      if (const auto* d = std::get_if<event::dial>(&*e)) dial(c, *d);
      answer(*c.ep, *e);
      c.events.push_back(std::move(*e));
    }
    const auto wires = c.wires;
    for (const auto& [here, wire] : wires) {
      auto& s = *servers[wire.server];
      if (!s.ep) continue;
      busy = pass(*c.ep, *s.ep, here, wire.there, false) || busy;
      busy = pass(*s.ep, *c.ep, wire.there, here, true) || busy;
      const bool ours = closed(c.events, here);
      if (!ours && !closed(s.events, wire.there)) continue;
      c.wires.erase(here);
      if (ours)
        s.ep->path_down(now, wire.there, {}, "");
      else
        c.ep->path_down(now, here, {}, "");
      busy = true;
    }
    return busy;
  }

  // What is sent to a machine that is gone; the system took it.
  bool vanish(client& c) {
    bool busy = false;
    for (const auto& [here, wire] : c.wires) {
      auto& s = servers[wire.server]->ep;
      busy = (s && !take(*s, wire.there).empty()) || busy;
    }
    return busy;
  }
  bytes take(endpoint& from, carrier_id here) {
    bytes data;
    while (true) {
      const auto pieces = from.poll_transmit(now, here, 1 << 20);
      if (pieces.empty()) return data;
      const auto before = data.size();
      for (const auto piece : pieces) data.insert(data.end(), piece.begin(), piece.end());
      from.transmitted(now, here, data.size() - before);
    }
  }

  static bool closed(const std::vector<any_event>& events, carrier_id id) {
    const auto orders = all<event::close_carrier>(events);
    return std::any_of(orders.begin(), orders.end(),
                       [&](const auto& e) { return e.carrier == id; });
  }

  bool pass(endpoint& from, endpoint& to, carrier_id here, carrier_id there, bool of_server) {
    auto data = take(from, here);
    if (data.empty()) return false;
    if (of_server && tamper) tamper(data);
    for (std::size_t i = 0; i < data.size();) {
      const auto room = to.receive_buffer(there);
      if (room.empty()) break;
      const auto n = std::min(room.size(), data.size() - i);
      std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(i), n, room.begin());
      to.received(now, there, n);
      i += n;
    }
    to.drained(now, there);
    return true;
  }
};

}  // namespace rendr::engine::test
