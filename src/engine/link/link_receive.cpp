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
    const auto before = f->send.acknowledged();
    const auto fresh = f->packets ? f->send.open_part(r.bytes).size() : 0;
    f->send.acknowledge(r.bytes);
    // Nobody waits for the lowest of packets.
    root_of(*f).account.delivered(f->packets ? fresh : f->send.acknowledged() - before);
    f->carried.remove({0, f->send.acknowledged()});
    if (f->place) {
      f->place->acknowledged(r.bytes);
      account_waiting(now, *f);
      if (f->send.all_acknowledged()) f->place.reset();
    }
    reset_if_delivered(*f);
    if (f->packets) {
      retired(*f);
    } else if (f->wants_write && f->send.buffered() < send_room(*f)) {
      f->wants_write = false;
      tell_ready(*f);
    }
    settle(*f);
  }
  for (const auto& c : record.controls) acknowledge_control(c);
}

void link::acknowledge_control(const sent_control& c) {
  if (const auto* row = ledger::row_of(c.what)) return ledger_.acknowledged(*row, c);
  auto* f = find(c.key);
  switch (c.what) {
    case control::open:
      if (f != nullptr && !f->open_acknowledged) {
        f->open_acknowledged = true;
        f->metadata = {};
        settle(*f);
      }
      return;
    case control::reject:
    case control::reset:
      if (f != nullptr) {
        f->reset_acknowledged = true;
        settle(*f);
      }
      return;
    default:
      return;
  }
}

// The record that carried it may never arrive: the frame is made again from current state.
void link::ask_again(const sent_control& c) {
  if (const auto* row = ledger::row_of(c.what)) {
    const auto way = ledger_.lost(*row, control_owners(), c);
    return way == control_way::in_private ? wake_tokens() : wake_control();
  }
  const auto duty = [&](std::uint8_t bit) {
    if (auto* f = find(c.key)) owe(*f, bit);
  };
  switch (c.what) {
    case control::open:
      if (auto* f = find(c.key); f != nullptr && !f->open_acknowledged) owe(*f, duty_open);
      return;
    case control::accept:
      return duty(duty_accept);
    case control::reject:
      return duty(duty_reject);
    case control::reset:
      return duty(duty_reset);
    case control::stop:
      return duty(duty_stop);
    case control::max_data:
      return duty(duty_max_data);
    case control::skip:
      return duty(duty_skip);
    default:
      return;
  }
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

// The flow of this kind that takes `size` bytes of payload; nullptr: it is over, or was rejected.
result<flow*> link::payload_for(instant now, path& p, std::uint64_t number, wire::flow_kind kind,
                                std::size_t size) {
  const auto found = flows_.of(number);
  if (!found) return found.error();
  auto& totals = slots_[p.leaf].totals;
  totals.payload_received += size;
  p.last_flow_data = now;
  if (*found == nullptr) {
    totals.duplicate_received += size;
    return found;
  }
  const auto& into = **found;
  if (into.kind != kind) return errc::protocol_violation;
  if (into.answer == flow_answer::rejected && into.incoming) return static_cast<flow*>(nullptr);
  return found;
}

errc link::on(instant, path&, const wire::open& f) {
  const auto taken = flows_.take(f, {s_.config.flows_per_link, closing(), router_.find(f.root)});
  if (!taken) return taken.error();
  if (*taken == nullptr) return errc{};
  if ((*taken)->answer == flow_answer::rejected) {
    owe(**taken, duty_reject);
    return errc{};
  }
  s_.events.order(event::incoming_flow{
      {ref_, f.flow}, f.id, f.kind, bytes(f.metadata.begin(), f.metadata.end())});
  return errc{};
}

errc link::on(instant, path&, const wire::accept& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  if ((*found)->incoming) return errc::protocol_violation;
  if ((*found)->answer == flow_answer::none) {
    (*found)->answer = flow_answer::accepted;
    tell_ready(**found);
  }
  return errc{};
}

errc link::on(instant, path&, const wire::reject& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& rejected = **found;
  if (rejected.incoming || rejected.answer == flow_answer::accepted)
    return errc::protocol_violation;
  rejected.answer = flow_answer::rejected;
  rejected.open_acknowledged = true;
  fail_flow(rejected, errc::rejected, f.code, escaped(f.reason));
  settle(rejected);
  return errc{};
}

errc link::on(instant now, path& p, const wire::data& f) {
  const auto found = payload_for(now, p, f.flow, wire::flow_kind::stream, f.payload.size());
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& into = **found;
  if (f.offset + f.payload.size() > into.recv_limit) return errc::protocol_violation;
  const auto arrival = into.recv.insert(flows_.received(), f.offset, f.payload, p.in.slab());
  if (!arrival) return arrival.error();
  into.duplicates += arrival->duplicate;
  slots_[p.leaf].totals.duplicate_received += arrival->duplicate;
  if (arrival->duplicate > 0) tell_elsewhere(p);
  if (into.app_closed || into.stop_code) {
    into.recv.discard();
    grow_window(now, into);  // what is discarded counts as consumed
    settle(into);
  } else if (arrival->readable) {
    tell_ready(into);
  }
  return errc{};
}

errc link::on(instant, path&, const wire::fin& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& into = **found;
  if (f.final_size > into.recv_limit) return errc::protocol_violation;
  if (into.peer_reset) return errc{};
  const bool before = into.recv_complete();
  const auto code = into.packets ? into.packets->in.set_final(f.final_size)
                                 : into.recv.set_final_size(f.final_size);
  if (code != errc{}) return code;
  if (into.app_closed || into.stop_code) into.discard_received();
  if (!before && into.recv_complete()) tell_ready(into);
  settle(into);
  return errc{};
}

errc link::on(instant, path&, const wire::reset& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& into = **found;
  if (into.peer_reset || into.recv_complete()) return errc{};
  if (into.final_size() && *into.final_size() != f.final_size) {
    return errc::protocol_violation;
  }
  if (f.final_size < into.highest() && !into.app_closed) return errc::protocol_violation;
  into.peer_reset = f.code;
  into.cut_received();
  if (!into.app_closed && into.failed == errc{}) {
    into.app_code = f.code;
    into.detail = "the peer reset the flow";
  }
  tell_ready(into);
  settle(into);
  return errc{};
}

errc link::on(instant, path&, const wire::stop& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr) return errc{};
  auto& from = **found;
  if (from.reset_code || from.send_done()) return errc{};
  reset_sending(from, from.reset_after.value_or(f.code));
  if (!from.app_closed && from.failed == errc{}) {
    from.write_stopped = true;
    if (!from.peer_reset) {
      from.app_code = f.code;
      from.detail = "the peer reads no more";
    }
    tell_ready(from);
  }
  return errc{};
}

errc link::on(instant, path&, const wire::max_data& f) {
  const auto found = flows_.of(f.flow);
  if (!found) return found.error();
  if (*found == nullptr || f.limit <= (*found)->send_limit) return errc{};
  (*found)->send_limit = f.limit;
  offer(**found);
  return errc{};
}

errc link::on(instant, path&, const wire::goaway& f) {
  if (ledger_.hear(f) && standing_.peer_closes())
    s_.events.order(event::going_away{ref_, f.code, escaped(f.reason)});
  return errc{};
}

}  // namespace rendr::engine
