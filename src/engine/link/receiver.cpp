// SPDX-License-Identifier: Apache-2.0
#include "engine/link/receiver.hpp"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "base/text.hpp"
#include "engine/link/attacher.hpp"
#include "engine/link/flow_care.hpp"
#include "engine/link/recovery.hpp"
#include "engine/link/routing.hpp"
#include "engine/link/waker.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t ack_at_bytes = 256 * 1024;
constexpr std::size_t max_pongs = 4;

using kind = frame_effect::kind;
constexpr frame_effect violation{kind::violation};

frame_effect effect_of(errc code) { return code == errc{} ? frame_effect{} : violation; }

}  // namespace

void receiver::count(instant now, path& p, std::size_t n) {
  p.last_heard = now;
  p.heard_bytes += n;
  if (p.heard_bytes - p.heard_mark > defaults::peer_burst)
    p.filled_until = now + defaults::peer_filled;
  if (now - p.heard_since > p.rtt.smoothed()) {
    p.heard_mark = p.heard_bytes;
    p.heard_since = now;
  }
  in_.slot(p.leaf).totals.received_bytes += n;
}

std::string_view receiver::begin(path& p, const wire::record_view& record) {
  if (!p.ready()) return "frames before the handshake";
  if (record.number < p.next_expected) return "a record number went backwards";
  p.next_expected = record.number + 1;
  return {};
}

void receiver::end(instant now, path& p, const wire::record_view& record, bool eliciting) {
  p.acks.received(now, record.number, eliciting, record.size);
  if (!eliciting) return;
  p.burst += record.size;
  if (p.burst >= defaults::quiet_burst)
    p.quiet_at = now + std::max<duration>(defaults::quiet_min, p.rtt.smoothed() / 8);
  const auto wait = std::min<duration>(p.rtt.smoothed() / 8, defaults::max_ack_delay);
  p.acks.hasten(p.acks.bytes_pending() >= ack_at_bytes ? now : now + wait);
  if (p.acks.due() <= now) in_.shared.transmit.wake(p.carrier);
  if (p.life.suspect()) {
    p.ack_elsewhere = true;
    waker(in_).control();
  }
}

void receiver::drained(instant now, path& p) {
  if (!p.acks.pending()) return;
  p.acks.hasten(now);
  in_.shared.transmit.wake(p.carrier);
}

// What came on `p` had come before by another path: the sender repeats it, so it may not get that
// path's acknowledgements. They go along with the next record here.
void receiver::tell_elsewhere(path& p) {
  for (const auto& other : in_.paths) {
    if (other.get() == &p || !other->ready() || !other->acks.changed()) continue;
    other->ack_elsewhere = true;
    in_.shared.transmit.wake(p.carrier);
  }
}

// The peer's word on a flow; that on one that is over says nothing.
template <class Frame>
frame_effect receiver::to_flow(instant now, const Frame& frame) {
  const auto found = in_.flows.of(frame.flow);
  if (!found) return violation;
  if (*found == nullptr) return {};
  const auto then = (*found)->take(frame);
  if (!then) return violation;
  flow_care(in_).apply(now, **found, *then);
  return {};
}

template <class Frame>
frame_effect receiver::payload_to_flow(instant now, path& p, const Frame& frame) {
  const auto found = in_.flows.of(frame.flow);
  if (!found) return violation;
  auto& totals = in_.slots[p.leaf].totals;
  totals.payload_received += frame.payload.size();
  p.last_flow_data = now;
  if (*found == nullptr) {
    totals.duplicate_received += frame.payload.size();
    return {};
  }
  const auto then = (*found)->take(frame, in_.flows.received(), p.in.slab());
  if (!then) return violation;
  totals.duplicate_received += then->duplicate;
  if (then->repeated) tell_elsewhere(p);
  flow_care(in_).apply(now, **found, *then);
  return {};
}

frame_effect receiver::take(instant now, path& p, const wire::frame& f) {
  return std::visit(
      [&](const auto& frame) -> frame_effect {
        using frame_type = std::decay_t<decltype(frame)>;
        if constexpr (std::is_same_v<frame_type, wire::padding> ||
                      std::is_same_v<frame_type, wire::ignored>) {
          return {};
        } else if constexpr (requires(flow& to) { to.take(frame).value(); }) {
          return to_flow(now, frame);
        } else if constexpr (requires { frame.payload; }) {
          return payload_to_flow(now, p, frame);
        } else {
          return on(now, p, frame);
        }
      },
      f);
}

// --- of paths

frame_effect receiver::on(instant now, path& p, const wire::ping& f) {
  if (p.pongs.size() < max_pongs) p.pongs.push_back(f.id);
  p.acks.hasten(now);
  in_.shared.transmit.wake(p.carrier);
  return {};
}

// A PING carries the number of its record.
frame_effect receiver::on(instant, path& p, const wire::pong& f) {
  if (!p.sent.was_transmitted(f.id)) return violation;
  if (f.id < p.life_number) return {};
  return {kind::life, &p, f.id};
}

frame_effect receiver::on(instant, path&, const wire::bye&) {
  return {in_.ledger.goaway_here() ? kind::closed : kind::left};
}

frame_effect receiver::on(instant now, path& p, const wire::path_ack& f) {
  auto* about = in_.paths.with_id(f.path);
  if (about == nullptr) return {};  // of a path that is gone: its records were requeued
  // A stream carrier delivers in order: nothing older than what is acknowledged can be missing.
  if (about->traits.shape == carrier_shape::stream && f.count > 0 &&
      (f.count > 1 || f.ranges[0].begin > about->sent.oldest_number())) {
    return violation;
  }
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
    acknowledge(now, record);
  });
  if (code != errc{}) return violation;
  // Its records may have been retired by a copy of this frame on another path: that it came here,
  // for a newer record than before, is evidence of life all the same.
  if (about != &p || f.largest() < about->life_number) {
    finish_ack(now, *about, any);
    return {};
  }
  if (any && newest == f.largest() && !about->recovering) {
    // What the peer says of its delay never makes the path faster than it ever was.
    const auto whole = now - newest_sent;
    const auto least = about->rtt.measured() ? std::min(whole, about->rtt.minimum()) : whole / 2;
    const auto rtt = std::max<duration>(whole - f.delay, least);
    about->rtt.sample(rtt, now);
    // The first record of a burst waited for nothing, but what is acknowledged with it did.
    if (unloaded && newest >= about->load_number) sample(now, *about, rtt);
  }
  return {kind::life, about, f.largest(), true, any};
}

void receiver::finish(instant now, const frame_effect& life) {
  if (!life.ack) return;
  auto& about = *life.about;
  // It takes no data before it was measured again, and without data only a PING measures it.
  if (about.rtt.beginning_anew() && about.sent.in_flight() == 0) {
    about.want_ping = true;
    in_.shared.transmit.wake(about.carrier);
  }
  finish_ack(now, about, life.fresh);
}

void receiver::finish_ack(instant now, path& about, bool fresh) {
  if (!fresh) return;
  about.rate.finish_ack(now, about.rtt.smoothed());
  about.delivered_since = never;
  if (about.life.leaving() || in_.router.has_bond() || in_.router.hands_over())
    in_.shared.transmit.wake(about.carrier);
}

void receiver::acknowledge(instant now, sent_record& record) {
  for (const auto& r : record.ranges) {
    auto* f = in_.flows.find(r.flow);
    if (f == nullptr) continue;
    auto& root = in_.root_of(*f);
    root.account.delivered(f->acknowledge(r.bytes));
    if (f->place() != nullptr) recovery(in_).account_waiting(now, *f);
    const auto room = f->writer_waits() ? flow_care(in_).room_of(*f) : send_room{};
    flow_care(in_).apply(now, *f, f->after_acknowledgement(root.target, room));
  }
  for (const auto& c : record.controls) {
    if (const auto* row = ledger::row_of(c.what)) {
      in_.ledger.acknowledged(*row, c);
    } else if (auto* f = in_.flows.find(c.key); f != nullptr && f->acknowledged(c.what)) {
      flow_care(in_).settle(*f);
    }
  }
}

frame_effect receiver::on(instant, path& p, const wire::path_state& f) {
  if (!in_.ledger.hear(f)) return {};
  auto* about = in_.paths.with_id(f.path);
  if (about == nullptr) return {};
  if (f.state == wire::path_report::suspect && about != &p && about->carries())
    return {kind::unheard, about};
  if (f.state == wire::path_report::dead && about != &p) return {kind::given_up, about};
  if (f.state == wire::path_report::draining && !about->life.draining())
    return {kind::draining, about};
  return {};
}

// Who receives measures no round trip but that of a PING now and then: the sender's own count too,
// and that its transfer fills the path needs no guess.
frame_effect receiver::on(instant now, path& p, const wire::path_quality& f) {
  p.by_peer = f;
  if (f.filled) p.filled_until = std::max(p.filled_until, now + defaults::peer_filled);
  const bool stale = p.quality.last_sample() == instant::min() ||
                     now - p.quality.last_sample() >= defaults::quality_report;
  if (f.filled || f.latency == duration(0) || !stale || !p.rtt.measured()) return {};
  // What the peer says never makes the path quicker than it ever was.
  sample(now, p, std::max(f.latency, p.rtt.minimum()));
  return {};
}

void receiver::sample(instant now, path& p, duration round_trip) {
  if (p.quality.surprising(round_trip) && p.sent.in_flight() == 0 && !p.want_ping) {
    p.want_ping = true;
    in_.shared.transmit.wake(p.carrier);
  }
  p.quality.sample(now, round_trip);
  in_.router.look_by(now + defaults::quality_look);
}

// --- of the link

frame_effect receiver::on(instant now, path&, const wire::new_token& f) {
  const auto bad = in_.association.take_token(f);
  if (bad == errc{}) attacher(in_).start(now);
  return effect_of(bad);
}

frame_effect receiver::on(instant, path&, const wire::retire_token& f) {
  const auto bad = in_.association.take_retired(f.number, in_.shared.secrets, in_.shared.mint);
  if (bad == errc{}) waker(in_).in_private();
  return effect_of(bad);
}

frame_effect receiver::on(instant, path& p, const wire::link_slot& f) {
  return effect_of(in_.association.take_claim(f, p.private_to_peer()));
}

frame_effect receiver::on(instant, path&, const wire::goaway& f) {
  if (in_.ledger.hear(f) && in_.standing.peer_closes())
    in_.shared.events.order(event::going_away{in_.ref, f.code, escaped(f.reason)});
  return {};
}

frame_effect receiver::on(instant now, path&, const wire::graph& f) {
  return effect_of(routing(in_).take(now, f));
}

frame_effect receiver::on(instant now, path&, const wire::select& f) {
  return effect_of(routing(in_).take(now, f));
}

// --- of flows

frame_effect receiver::on(instant, path&, const wire::open& f) {
  const auto taken = in_.flows.take(
      f, {in_.shared.config.flows_per_link, in_.standing.closing(), in_.router.find(f.root)});
  if (!taken) return violation;
  if (*taken == nullptr) return {};
  if ((*taken)->refused()) {
    flow_care(in_).owe(**taken);
    return {};
  }
  in_.shared.events.order(event::incoming_flow{
      {in_.ref, f.flow}, f.id, f.kind, bytes(f.metadata.begin(), f.metadata.end())});
  return {};
}

frame_effect receiver::on(instant, path&, const wire::max_data& f) {
  const auto found = in_.flows.of(f.flow);
  if (!found) return violation;
  if (*found != nullptr && (*found)->take(f)) flow_care(in_).offer(**found);
  return {};
}

}  // namespace rendr::engine
