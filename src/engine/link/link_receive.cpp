// SPDX-License-Identifier: Apache-2.0
// What comes in: records into frames, frames into flows, acknowledgements into evidence.
#include <algorithm>

#include "base/text.hpp"
#include "engine/link/link.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t ack_at_bytes = 256 * 1024;
constexpr std::size_t max_pongs = 4;

}  // namespace

void link::protocol_error(instant now, path& p, std::string detail) {
  path_down(now, p, cause::protocol, std::move(detail));
}

void link::bad_record(instant now, path& p, errc why) {
  protocol_error(now, p,
                 why == errc::auth_failed
                     ? "a record does not verify: the carrier changed what the peer sealed"
                     : "a record is malformed");
}

void link::received(instant now, path& p, std::size_t n) {
  p.last_heard = now;
  p.heard_bytes += n;
  if (p.heard_bytes - p.heard_mark > defaults::peer_burst)
    p.filled_until = now + defaults::peer_filled;
  if (now - p.heard_since > p.rtt.smoothed()) {
    p.heard_mark = p.heard_bytes;
    p.heard_since = now;
  }
  slot(p.leaf).totals.received_bytes += n;
  if (!p.prologue_read) {
    const auto first = p.in.prologue();
    if (!first) return protocol_error(now, p, "the first bytes are not rendr's");
    if (!first->has_value()) return;
    p.prologue_read = true;
  }
  while (!p.life.ended()) {
    const auto record = p.in.next(p.opening());
    if (!record) return bad_record(now, p, record.error());
    if (!record->has_value()) break;
    if (!take_record(now, p, **record)) break;
  }
  flows_.release_buffers(paths_.size());
  check_closing(now);
}

// What came on `p` had come before by another path: the sender repeats it, so it may not get that
// path's acknowledgements. They go along with the next record here.
void link::tell_elsewhere(path& p) {
  for (const auto& other : paths_) {
    if (other.get() == &p || !other->ready() || !other->acks.changed()) continue;
    other->ack_elsewhere = true;
    s_.transmit.wake(p.carrier);
  }
}

bool link::take_record(instant now, path& p, const wire::record_view& record) {
  if (record.kind == wire::record_kind::handshake) return take_handshake(now, p, record.payload);
  if (!p.ready()) {
    protocol_error(now, p, "frames before the handshake");
    return false;
  }
  if (record.number < p.next_expected) {
    protocol_error(now, p, "a record number went backwards");
    return false;
  }
  p.next_expected = record.number + 1;
  if (!p.proven) {
    p.proven = true;
    association_.confirm();
    replace_old(now, p);
  }
  wire::frame_reader reader(record.payload);
  ledger_.begin_record();
  bool eliciting = false;
  while (true) {
    const auto frame = reader.next();
    if (!frame) {
      protocol_error(now, p, "a frame is malformed");
      return false;
    }
    if (!frame->has_value()) break;
    eliciting = eliciting || wire::ack_eliciting(**frame);
    if (!take_frame(now, p, **frame)) return false;
  }
  p.acks.received(now, record.number, eliciting, record.size);
  if (!eliciting) return true;
  p.burst += record.size;
  if (p.burst >= defaults::quiet_burst)
    p.quiet_at = now + std::max<duration>(defaults::quiet_min, p.rtt.smoothed() / 8);
  const auto wait = std::min<duration>(p.rtt.smoothed() / 8, defaults::max_ack_delay);
  p.acks.hasten(p.acks.bytes_pending() >= ack_at_bytes ? now : now + wait);
  if (p.acks.due() <= now) s_.transmit.wake(p.carrier);
  if (p.life.suspect()) {
    p.ack_elsewhere = true;
    wake_control();
  }
  return true;
}

void link::drained(instant now, path& p) {
  if (!p.acks.pending()) return;
  p.acks.hasten(now);
  s_.transmit.wake(p.carrier);
}

bool link::take_frame(instant now, path& p, const wire::frame& f) {
  const auto code = std::visit(
      [&](const auto& frame) -> errc {
        using frame_type = std::decay_t<decltype(frame)>;
        if constexpr (std::is_same_v<frame_type, wire::ping>) {
          if (p.pongs.size() < max_pongs) p.pongs.push_back(frame.id);
          p.acks.hasten(now);
          s_.transmit.wake(p.carrier);
          return errc{};
        } else if constexpr (std::is_same_v<frame_type, wire::bye>) {
          path_down(now, p, cause::bye, "the peer left this path");
          if (ledger_.goaway_here()) peer_closed(now);
          return errc{};
        } else if constexpr (std::is_same_v<frame_type, wire::pong>) {
          // A PING carries the number of its record.
          if (!p.sent.was_transmitted(frame.id)) return errc::protocol_violation;
          if (frame.id >= p.life_number) life(now, p, frame.id);
          return errc{};
        } else if constexpr (std::is_same_v<frame_type, wire::padding> ||
                             std::is_same_v<frame_type, wire::ignored>) {
          return errc{};
        } else if constexpr (requires(flow& to) { to.take(frame).value(); }) {
          return to_flow(now, frame);
        } else if constexpr (requires { frame.payload; }) {
          return payload_to_flow(now, p, frame);
        } else {
          return on(now, p, frame);
        }
      },
      f);
  if (code != errc{} && !p.life.ended()) {
    protocol_error(
        now, p,
        "a frame contradicts the state of its " + std::string(f.index() < 6 ? "path" : "flow"));
  }
  return !p.life.ended() && !down();
}

errc link::on(instant now, path& p, const wire::path_ack& f) {
  auto* about = paths_.with_id(f.path);
  if (about == nullptr) return errc{};  // of a path that is gone: its records were requeued
  // A stream carrier delivers in order: nothing older than what is acknowledged can be missing.
  if (about->traits.shape == carrier_shape::stream && f.count > 0 &&
      (f.count > 1 || f.ranges[0].begin > about->sent.oldest_number())) {
    return errc::protocol_violation;
  }
  const bool here = about == &p;
  instant newest_sent = never;
  std::uint64_t newest = 0;
  bool any = false;
  bool unloaded = false;
  const auto code = about->sent.acknowledge(f, [&](std::uint64_t number, sent_record& record) {
    if (about->sealer) about->sealer->acknowledged(number);
    about->rate.on_acknowledged(now, record.delivery, record.sent_at, record.size,
                                about->rtt.minimum());
    if (record.eliciting) {
      newest_sent = record.sent_at;
      newest = number;
      // What the peer sends fills the path too, and delays its answer.
      unloaded = record.unloaded && about->heard_bytes - record.heard <= defaults::quality_burst;
      any = true;
    }
    acknowledge_record(now, record);
  });
  if (code != errc{}) return code;
  // Its records may have been retired by a copy of this frame on another path: that it came here,
  // for a newer record than before, is evidence of life all the same.
  if (here && f.largest() >= about->life_number) {
    if (any && newest == f.largest() && !about->recovering) {
      // What the peer says of its delay never makes the path faster than it ever was.
      const auto whole = now - newest_sent;
      const auto least = about->rtt.measured() ? std::min(whole, about->rtt.minimum()) : whole / 2;
      const auto rtt = std::max<duration>(whole - f.delay, least);
      about->rtt.sample(rtt, now);
      // The first record of a burst waited for nothing, but what is acknowledged with it did.
      if (unloaded && newest >= about->load_number) look_at_quality(now, *about, rtt);
    }
    life(now, *about, f.largest());
    // It takes no data before it was measured again, and without data only a PING measures it.
    if (about->rtt.beginning_anew() && about->sent.in_flight() == 0) {
      about->want_ping = true;
      s_.transmit.wake(about->carrier);
    }
  }
  if (!any) return errc{};
  about->rate.finish_ack(now, about->rtt.smoothed());
  about->delivered_since = never;
  if (about->life.leaving() || router_.has_bond() || router_.hands_over())
    s_.transmit.wake(about->carrier);
  return errc{};
}

void link::acknowledge_record(instant now, sent_record& record) {
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f == nullptr) continue;
    root_of(*f).account.delivered(f->acknowledge(r.bytes));
    if (f->place() != nullptr) recovery(rooms_).account_waiting(now, *f);
    const auto room = f->writer_waits() ? room_of(*f) : send_room{};
    apply(now, *f, f->after_acknowledgement(root_of(*f).target, room));
  }
  for (const auto& c : record.controls) acknowledge_control(c);
}

void link::acknowledge_control(const sent_control& c) {
  if (const auto* row = ledger::row_of(c.what)) return ledger_.acknowledged(*row, c);
  if (auto* f = find(c.key); f != nullptr && f->acknowledged(c.what)) settle(*f);
}

errc link::on(instant now, path& p, const wire::path_state& f) {
  if (!ledger_.hear(f)) return errc{};
  auto* about = paths_.with_id(f.path);
  if (about == nullptr) return errc{};
  if (f.state == wire::path_report::suspect && about != &p && about->carries()) {
    suspect(now, *about, cause::one_way, "the peer hears nothing on it");
  } else if (f.state == wire::path_report::dead && about != &p) {
    path_down(now, *about, cause::one_way, "the peer gave it up");
  } else if (f.state == wire::path_report::draining && !about->life.draining()) {
    drain(now, *about, false, cause::bye, "the peer is leaving it");
  }
  return errc{};
}

// Who receives measures no round trip but that of a PING now and then: the sender's own count too,
// and that its transfer fills the path needs no guess.
errc link::on(instant now, path& p, const wire::path_quality& f) {
  p.by_peer = f;
  if (f.filled) p.filled_until = std::max(p.filled_until, now + defaults::peer_filled);
  const bool stale = p.quality.last_sample() == instant::min() ||
                     now - p.quality.last_sample() >= defaults::quality_report;
  if (f.filled || f.latency == duration(0) || !stale || !p.rtt.measured()) return errc{};
  // What the peer says never makes the path quicker than it ever was.
  look_at_quality(now, p, std::max(f.latency, p.rtt.minimum()));
  return errc{};
}

errc link::on(instant now, path&, const wire::new_token& f) {
  const auto bad = association_.take_token(f);
  if (bad == errc{}) attacher(rooms_).start(now);
  return bad;
}

errc link::on(instant, path& p, const wire::link_slot& f) {
  return association_.take_claim(f, p.private_to_peer());
}

errc link::on(instant, path&, const wire::retire_token& f) {
  const auto bad = association_.take_retired(f.number, s_.secrets, s_.mint);
  if (bad == errc{}) wake_tokens();
  return bad;
}

errc link::on(instant, path&, const wire::open& f) {
  const auto taken = flows_.take(f, {s_.config.flows_per_link, closing(), router_.find(f.root)});
  if (!taken) return taken.error();
  if (*taken == nullptr) return errc{};
  if ((*taken)->refused()) {
    owe(**taken);
    return errc{};
  }
  s_.events.order(event::incoming_flow{
      {ref_, f.flow}, f.id, f.kind, bytes(f.metadata.begin(), f.metadata.end())});
  return errc{};
}

// The peer's word on a flow; that on one that is over says nothing.
template <class Frame>
errc link::to_flow(instant now, const Frame& frame) {
  const auto found = flows_.of(frame.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  const auto then = (*found)->take(frame);
  if (!then) return then.error();
  apply(now, **found, *then);
  return errc{};
}

template <class Frame>
errc link::payload_to_flow(instant now, path& p, const Frame& frame) {
  const auto found = flows_.of(frame.flow);
  if (!found) return found.error();
  auto& totals = slots_[p.leaf].totals;
  totals.payload_received += frame.payload.size();
  p.last_flow_data = now;
  if (*found == nullptr) {
    totals.duplicate_received += frame.payload.size();
    return errc{};
  }
  const auto then = (*found)->take(frame, flows_.received(), p.in.slab());
  if (!then) return then.error();
  totals.duplicate_received += then->duplicate;
  if (then->repeated) tell_elsewhere(p);
  apply(now, **found, *then);
  return errc{};
}

errc link::on(instant, path&, const wire::max_data& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found != nullptr && (*found)->take(f)) offer(**found);
  return errc{};
}

errc link::on(instant, path&, const wire::goaway& f) {
  if (ledger_.hear(f) && standing_.peer_closes())
    s_.events.order(event::going_away{ref_, f.code, escaped(f.reason)});
  return errc{};
}

}  // namespace rendr::engine
