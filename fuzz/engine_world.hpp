// layer: fuzz
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/endpoint.hpp"
#include "fuzz_check.hpp"
#include "wire/record.hpp"

namespace rendr::fuzz {

using namespace rendr::engine;
using namespace std::chrono_literals;

/// One connection: two directions of bytes under way. Direction d is what side d sends.
struct wire_line {
  std::array<carrier_id, 2> end{};
  std::array<bool, 2> open{true, true};  ///< the side has not closed it and was not told its end
  std::array<bool, 2> held{};            ///< dark: what side d sends waits, for ever or until later
  std::array<bool, 2> eof{};       ///< side d closed: the other learns it behind the last byte
  std::array<bool, 2> flushing{};  ///< side d closes as soon as it has nothing to write
  std::array<std::deque<std::byte>, 2> flight{};
  std::array<std::uint64_t, 2> sent{};
  std::array<std::uint64_t, 2> arrived{};
  std::array<std::uint8_t, 2> evidence{};  ///< how the kernel of side d answers
  std::array<bytes, 2> held_back{};        ///< bytes of a record that is not complete, when mutated
  std::array<bool, 2> prologue_passed{};
};

/// One flow as the two applications know it.
struct app_flow {
  bool packets = false;                   ///< then what is counted are packets
  std::array<std::vector<bool>, 2> came;  ///< numbers of the packets that the side received
  std::array<std::uint64_t, 2> written{};
  std::array<std::uint64_t, 2> read{};
  std::array<bool, 2> handle{};    ///< the application of that side holds it
  std::array<bool, 2> finished{};  ///< it said that no more comes
  std::array<bool, 2> ended{};     ///< it read the end or an error
  bool broken = false;             ///< reset, stopped, rejected or closed: errors may come
};

/// Two endpoints, their driver and their applications, under the hand of whoever calls. Whatever is
/// done to it, nothing crashes, spins or grows; as long as `tainted` is false, no byte is lost,
/// doubled or changed either, and no packet that the sender did not count as given up.
class engine_world {
 public:
  engine_world() : ends_{endpoint(config(1)), endpoint(config(2))} {}

  static endpoint_config config(std::uint8_t n) {
    endpoint_config c;
    c.instance[0] = c.secret_seed[0] = c.reset_key[0] = std::byte{n};
    c.accept_links = n == 2;
    c.jitter_seed = n;
    c.accepted.no_path_grace = duration::max();
    c.budget = 1 << 20;
    c.send_buffer = 64 << 10;
    c.flows_per_link = 12;
    c.handshakes = 6;
    c.event_queue = 8;
    return c;
  }

  void connect(std::size_t paths, std::string root) {
    link_config c;
    for (std::size_t i = 0; i < paths; ++i) {
      path_config leaf;
      leaf.name = std::string(1, static_cast<char>('a' + i));
      leaf.plaintext = true;  // lies are put into its records
      if (i == 2) leaf.evidence = evidence_kind::first_hop;
      c.paths.push_back(leaf);
    }
    c.no_path_grace = duration::max();
    c.root = std::move(root);
    const auto made = ends_[0].connect(now, c);
    check(made.has_value());
    links[0] = *made;
  }

  endpoint& at(std::size_t side) { return ends_[side]; }

  /// The byte of a flow at an offset, by the side that writes it.
  static std::byte content(std::uint64_t flow, std::size_t side, std::uint64_t offset) {
    return static_cast<std::byte>(flow * 31 + side * 101 + offset * 7 + offset / 253);
  }

  // --- time

  /// Everything that can happen now happens.
  void settle() {
    for (int rounds = 0;; ++rounds) {
      check(rounds < 200000);  // neither endpoint may keep the other busy without time passing
      const bool first = step(0);
      if (!step(1) && !first) break;
    }
    check(ends_[0].slab_bytes() < (64u << 20) && ends_[1].slab_bytes() < (64u << 20));
  }

  void advance(duration d) {
    settle();
    const auto until = now + d;
    const auto most = 1000 + d / 1ms;  // timers rest in between
    for (std::int64_t timeouts = 0;; ++timeouts) {
      check(timeouts < most);
      const auto next = std::min(ends_[0].next_timeout(), ends_[1].next_timeout());
      if (next > until) break;
      now = std::max(now, next);
      for (auto& e : ends_) {
        if (e.next_timeout() <= now) e.handle_timeout(now);
      }
      settle();
    }
    now = until;
  }

  /// The process of `side` did not run for that long.
  void sleep(std::size_t side, duration d) {
    now += d;
    settle();
    ends_[side].handle_timeout(now);
    settle();
  }

  // --- the applications

  void open(std::size_t side, bytes_view metadata, bool packets) {
    if (down[side] || links[side] == link_ref{}) return;
    const endpoint::open_options options{metadata, {}, {}};
    const auto f = packets ? ends_[side].open_packet(now, links[side], options)
                           : ends_[side].open_stream(now, links[side], options);
    if (!f) return;
    flows[f->number].handle[side] = true;
    flows[f->number].packets = packets;
  }

  void write(std::size_t side, std::uint64_t number, std::size_t size) {
    auto& f = flows[number];
    if (!f.handle[side]) return;
    if (f.packets) return send(side, number, size);
    bytes data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = content(number, side, f.written[side] + i);
    const auto n = ends_[side].write(now, {links[side], number}, data);
    if (n) {
      check(*n <= size && (!f.finished[side] || *n == 0));
      f.written[side] += *n;
    } else {
      check(may_fail(f, n.error()) || f.finished[side]);
    }
  }

  void read(std::size_t side, std::uint64_t number, std::size_t limit) {
    auto& f = flows[number];
    if (f.packets) return receive(side, number, limit);
    std::array<std::byte, 2000> buffer{};
    for (std::size_t total = 0; f.handle[side] && total < limit;) {
      const auto got = ends_[side].read(now, {links[side], number}, buffer);
      if (!got) {
        check(may_fail(f, got.error()));
        f.ended[side] = true;
        return;
      }
      verify(f, side, number, bytes_view(buffer).first(got->size));
      if (got->eof) {
        check(tainted || (f.finished[1 - side] && f.read[side] == f.written[1 - side]) || f.broken);
        f.ended[side] = true;
      }
      if (got->size == 0) return;
      total += got->size;
    }
  }

  /// As `read`, in place.
  void consume(std::size_t side, std::uint64_t number, std::size_t limit) {
    auto& f = flows[number];
    if (!f.handle[side]) return;
    if (f.packets) return receive(side, number, limit);
    std::array<bytes_view, 3> pieces{};
    const auto n = ends_[side].peek({links[side], number}, pieces);
    if (!n) return check(may_fail(f, n.error()));
    for (std::size_t i = 0; i < *n; ++i) {
      const auto part = pieces[i].first(std::min(limit, pieces[i].size()));
      verify(f, side, number, part);
      ends_[side].consume(now, {links[side], number}, part.size());
      limit -= part.size();
      if (part.size() < pieces[i].size()) break;
    }
  }

  void shutdown(std::size_t side, std::uint64_t number) {
    auto& f = flows[number];
    if (f.handle[side] && ends_[side].shutdown(now, {links[side], number}) == errc{})
      f.finished[side] = true;
  }

  void close(std::size_t side, std::uint64_t number) {
    auto& f = flows[number];
    if (!f.handle[side]) return;
    ends_[side].close(now, {links[side], number});
    f.handle[side] = false;
    f.finished[side] = f.broken = true;
  }

  void abort(std::size_t side, std::uint64_t number, std::uint64_t code) {
    auto& f = flows[number];
    if (!f.handle[side]) return;
    if (code % 2 == 0) {
      ends_[side].abort(now, {links[side], number}, code);
    } else {
      ends_[side].abort_after_delivery(now, {links[side], number}, code);
    }
    f.handle[side] = false;
    f.broken = true;
  }

  void answer(std::size_t side, std::uint64_t number, bool accept) {
    auto& f = flows[number];
    if (!f.handle[side]) return;
    if (accept) {
      ends_[side].accept_flow(now, {links[side], number});
    } else if (ends_[side].reject_flow(now, {links[side], number}, 5, "no") == errc{}) {
      f.handle[side] = false;
      f.broken = true;
    }
  }

  // --- the network

  /// Side `side` is told that its end of line n failed; the other end learns it too when `both`.
  void kill(std::size_t n, std::size_t side, bool both) {
    auto& l = lines[n];
    const auto code = std::make_error_code(std::errc::connection_reset);
    for (const auto s : {side, 1 - side}) {
      if ((s != side && !both) || !l.open[s]) continue;
      drop(s, l);
      ends_[s].path_down(now, l.end[s], code, "");
    }
  }

  /// What `side` sent and never will again.
  std::uint64_t given_up(std::size_t side, std::uint64_t number) const {
    const auto status = ends_[side].status({links[side], number});
    return status ? status->packets_given_up : 0;
  }

  bool over() const { return down[0] || down[1] || closing; }
  bool owns(std::size_t side, std::uint64_t number) const {
    const auto it = flows.find(number);
    return it != flows.end() && it->second.handle[side];
  }

  instant now = instant{} + 1s;
  std::array<link_ref, 2> links{};
  std::array<bool, 2> down{};
  bool closing = false;  ///< an application closed or aborted the link
  bool tainted = false;  ///< a peer that holds the keys lied
  bool refuse_dials = false;
  bool late_dials = false;  ///< answers to dials wait
  std::size_t write_limit = 1 << 20;
  std::map<std::uint64_t, app_flow> flows;
  std::deque<wire_line> lines;
  std::array<std::deque<bytes>, 2> lies;  ///< frames that side d's next record carries as well

 private:
  // A flow beyond the peer's limit is rejected by itself.
  bool may_fail(app_flow& f, errc code) const {
    f.broken = f.broken || code == errc::rejected;
    return f.broken || tainted || over();
  }

  // A packet is its number and bytes that follow from it.
  void send(std::size_t side, std::uint64_t number, std::size_t size) {
    auto& f = flows[number];
    // Through a carrier that takes byte by byte large ones would go for ever.
    const auto most = write_limit < 4096 ? std::size_t{256} : wire::max_packet;
    bytes data(std::clamp<std::size_t>(size, 8, most));
    const auto index = f.written[side];
    for (std::size_t i = 0; i < data.size(); ++i) {
      data[i] = i < 8 ? static_cast<std::byte>(index >> (8 * i)) : content(number, side, index + i);
    }
    const auto taken = ends_[side].send_packet(now, {links[side], number}, data);
    if (!taken) return check(may_fail(f, taken.error()) || f.finished[side]);
    if (!*taken) return;
    check(!f.finished[side]);
    ++f.written[side];
  }

  void receive(std::size_t side, std::uint64_t number, std::size_t limit) {
    auto& f = flows[number];
    static bytes buffer(wire::max_packet);
    for (std::size_t total = 0; f.handle[side] && total < limit;) {
      const auto got = ends_[side].receive_packet(now, {links[side], number}, buffer);
      if (!got) {
        check(may_fail(f, got.error()));
        f.ended[side] = true;
        return;
      }
      if (got->eof) {
        check(tainted || f.finished[1 - side] || f.broken);
        f.ended[side] = true;
      }
      if (!got->packet) return;
      if (!tainted) verify_packet(f, side, number, bytes_view(buffer).first(got->size));
      total += got->size;
    }
  }

  void verify_packet(app_flow& f, std::size_t side, std::uint64_t number, bytes_view data) {
    check(data.size() >= 8);
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < 8; ++i) index |= std::to_integer<std::uint64_t>(data[i]) << (8 * i);
    check(index < f.written[1 - side]);
    for (std::size_t i = 8; i < data.size(); ++i)
      check(data[i] == content(number, 1 - side, index + i));
    auto& came = f.came[side];
    if (came.size() <= index) came.resize(static_cast<std::size_t>(index) + 1);
    check(!came[static_cast<std::size_t>(index)]);
    came[static_cast<std::size_t>(index)] = true;
    ++f.read[side];
  }

  void verify(app_flow& f, std::size_t side, std::uint64_t number, bytes_view data) {
    for (const auto b : data) {
      check(tainted || b == content(number, 1 - side, f.read[side]));
      ++f.read[side];
    }
    check(tainted || f.read[side] <= f.written[1 - side]);
  }

  wire_line* line_of(std::size_t side, carrier_id id) {
    for (auto& l : lines) {
      if (l.end[side] == id && l.open[side]) return &l;
    }
    return nullptr;
  }

  // The side's end is gone: what was sent to it has no reader.
  static void drop(std::size_t side, wire_line& l) {
    l.open[side] = false;
    l.eof[side] = true;
    l.flight[1 - side].clear();
  }

  bool step(std::size_t side) {
    bool busy = false;
    auto& e = ends_[side];
    while (auto what = e.poll_event()) {
      busy = true;
      std::visit([&](const auto& x) { on(side, x); }, *what);
    }
    if (!late_dials && side == 0) {
      for (auto& d : std::exchange(dials_, {})) {
        busy = true;
        dial(d);
      }
    }
    auto again = std::exchange(blocked_[side], {});
    while (const auto id = e.next_transmit()) {
      if (std::find(again.begin(), again.end(), *id) == again.end()) again.push_back(*id);
    }
    for (const auto id : again) busy |= transmit(side, id);
    for (auto& l : lines) busy |= deliver(1 - side, l);
    return busy;
  }

  bool transmit(std::size_t side, carrier_id id) {
    auto* l = line_of(side, id);
    if (l == nullptr) return false;
    bool busy = false;
    while (true) {
      const auto pieces = ends_[side].poll_transmit(now, id, 1 << 16);
      if (pieces.empty()) break;
      std::size_t n = 0;
      bytes out;
      for (const auto piece : pieces) {
        check(!piece.empty());
        const auto part = piece.first(std::min(piece.size(), write_limit - n));
        out.insert(out.end(), part.begin(), part.end());
        n += part.size();
      }
      if (n == 0) {
        blocked_[side].push_back(id);
        return busy;
      }
      busy = true;
      l->sent[side] += n;
      carry(side, *l, out);
      ends_[side].transmitted(now, id, n);
    }
    if (l->flushing[side]) drop(side, *l);
    return busy;
  }

  // Puts bytes under way; a lie joins the first whole record of frames that goes by.
  void carry(std::size_t side, wire_line& l, const bytes& data) {
    auto& waiting = l.held_back[side];
    waiting.insert(waiting.end(), data.begin(), data.end());
    std::size_t used = 0;
    const auto pass = [&](bytes_view part) {
      if (!l.open[1 - side]) return;
      l.flight[side].insert(l.flight[side].end(), part.begin(), part.end());
    };
    if (!l.prologue_passed[side] && waiting.size() >= wire::prologue_size) {
      l.prologue_passed[side] = true;
      used = wire::prologue_size;
      pass(bytes_view(waiting).first(used));
    }
    while (l.prologue_passed[side]) {
      const auto rest = bytes_view(waiting).subspan(used);
      const auto record = wire::read_record(rest);
      check(record.has_value());  // what the engine writes is well formed
      if (!record->has_value()) break;
      const auto& r = **record;
      used += r.size;
      if (r.kind != wire::record_kind::frames || lies[side].empty() ||
          r.payload.size() + lies[side].front().size() > 60000) {
        pass(rest.first(r.size));
        continue;
      }
      bytes payload(r.payload.begin(), r.payload.end());
      payload.insert(payload.end(), lies[side].front().begin(), lies[side].front().end());
      lies[side].pop_front();
      std::array<std::byte, wire::max_record_head> head{};
      const auto head_size =
          wire::write_record_head(r.kind, r.key_phase, r.number, payload.size(), head);
      const std::array<bytes_view, 2> pieces{bytes_view(head).first(head_size), payload};
      pass(pieces[0]);
      pass(pieces[1]);
      pass(wire::record_crc(pieces));
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(used));
  }

 public:
  /// Side `to` reads at most `limit` bytes of what waits for it on the line.
  bool deliver(std::size_t to, wire_line& l, std::size_t limit = ~std::size_t{0}) {
    auto& flight = l.flight[1 - to];
    const bool forced = limit != ~std::size_t{0};
    if (!l.open[to] || (l.held[1 - to] && !forced)) return false;
    bool busy = false;
    while (!flight.empty() && limit > 0 && l.open[to]) {
      const auto room = ends_[to].receive_buffer(l.end[to]);
      if (room.empty()) {
        flight.clear();
        break;
      }
      const auto n = std::min({room.size(), flight.size(), limit});
      std::copy_n(flight.begin(), n, room.begin());
      flight.erase(flight.begin(), flight.begin() + static_cast<std::ptrdiff_t>(n));
      l.arrived[1 - to] += n;
      limit -= n;
      ends_[to].received(now, l.end[to], n);
      busy = true;
    }
    if (busy && flight.empty()) ends_[to].drained(now, l.end[to]);
    if (flight.empty() && l.eof[1 - to] && l.open[to]) {
      drop(to, l);
      ends_[to].path_down(now, l.end[to], {}, "");
      busy = true;
    }
    return busy;
  }

 private:
  void dial(const event::dial& d) {
    if (refuse_dials) {
      return ends_[0].dial_failed(now, d.link, d.attempt,
                                  std::make_error_code(std::errc::connection_refused), "");
    }
    carrier_traits traits;
    traits.evidence = d.spec == 1 ? evidence_kind::none : evidence_kind::end_to_end;
    traits.loopback = true;
    const auto here = ends_[0].dialed(now, d.link, d.attempt, traits);
    if (!here) return;
    const auto there = ends_[1].accepted(now, traits);
    if (!there) return ends_[0].path_down(now, *here, {}, "");
    wire_line l;
    l.end = {*here, *there};
    std::erase_if(lines, [](const wire_line& old) { return !old.open[0] && !old.open[1]; });
    lines.push_back(std::move(l));
  }

  void on(std::size_t, const event::dial& d) { dials_.push_back(d); }
  void on(std::size_t, const event::cancel_dial& c) {
    std::erase_if(dials_, [&](const event::dial& d) { return d.attempt == c.attempt; });
  }
  void on(std::size_t side, const event::close_carrier& c) {
    auto* l = line_of(side, c.carrier);
    if (l == nullptr) return;  // the end was reported while the order was under way
    check(!l->flushing[side]);
    l->flushing[side] = c.flush;
    if (c.flush) {
      blocked_[side].push_back(c.carrier);
    } else {
      drop(side, *l);
    }
  }
  void on(std::size_t side, const event::need_evidence& n) {
    carrier_evidence e;
    if (const auto* l = line_of(side, n.carrier)) {
      const auto kind = l->evidence[side];
      e.delivered = kind == 1 ? l->sent[side] : l->arrived[side];
      e.unacked = l->sent[side] - e.delivered;
      e.last_ack_age = kind == 2 ? duration(1ms) : duration(10s);
      e.rtt = 10ms;
      e.rttvar = 2ms;
      e.recovering = kind == 3;
    }
    ends_[side].path_evidence(now, n.carrier, e);
  }
  void on(std::size_t side, const event::link_up& up) { links[side] = up.link; }
  void on(std::size_t side, const event::link_down& d) {
    check(tainted || closing);
    if (d.link == links[side]) down[side] = true;
  }
  void on(std::size_t side, const event::incoming_flow& f) {
    auto& known = flows[f.flow.number];
    check(tainted || !known.handle[side]);
    known.handle[side] = true;
    known.packets = f.kind == wire::flow_kind::packet;
    if (closing) close(side, f.flow.number);  // who is leaving takes no more
  }
  template <class Other>
  void on(std::size_t, const Other&) {}

  std::array<endpoint, 2> ends_;
  std::vector<event::dial> dials_;
  std::array<std::vector<carrier_id>, 2> blocked_;
};

}  // namespace rendr::fuzz
