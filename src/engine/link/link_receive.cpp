// SPDX-License-Identifier: Apache-2.0
// What comes in, conducted: records into frames, and what a frame means beyond the rooms.
#include <algorithm>
#include <string>
#include <utility>

#include "engine/link/link.hpp"
#include "engine/link/receiver.hpp"

namespace rendr::engine {

namespace {

// GOAWAY and BYE in one record: the peer is done with the link.
link_end closed_by_peer(const rooms& in) {
  const bool idle = std::all_of(in.flows.begin(), in.flows.end(), [](const auto& f) {
    return f.second->in.removed || f.second->let_go_of() || f.second->settled();
  });
  return standing::closed_by_peer(idle);
}

}  // namespace

void link::received(instant now, path& p, std::size_t n) {
  receiver(rooms_).count(now, p, n);
  if (!p.prologue_read) {
    const auto first = p.in.prologue();
    if (!first) return changes().down(now, p, cause::protocol, "the first bytes are not rendr's");
    if (!first->has_value()) return;
    p.prologue_read = true;
  }
  while (!p.life.ended()) {
    const auto record = p.in.next(p.opening());
    if (!record) {
      return changes().down(
          now, p, cause::protocol,
          record.error() == errc::auth_failed
              ? "a record does not verify: the carrier changed what the peer sealed"
              : "a record is malformed");
    }
    if (!record->has_value()) break;
    if (!take_record(now, p, **record)) break;
  }
  rooms_.flows.release_buffers(rooms_.paths.size());
  check_closing(now);
}

void link::drained(instant now, path& p) { receiver(rooms_).drained(now, p); }

void link::apply(instant now, path& p, const attach_effect& e) {
  using enum attach_effect::kind;
  const auto leaf = p.leaf;
  switch (e.what) {
    case attached:
      return changes().establish(now, p);
    case came_up:
      changes().establish(now, p);
      for (auto* other : attacher(rooms_).losers(p))
        changes().down(now, *other, cause::replaced, "the link came up by another path");
      return attacher(rooms_).start(now);
    case refused:
      changes().down(now, p, e.why, e.sentence);
      if (attacher(rooms_).tries_again(e)) dialing(rooms_).soon(now, leaf);
      return;
    case start_over:
      return begin_anew(now, e.sentence);
    case lost:
      return fail(now, e.code, e.sentence);
  }
}

// False: nothing more of what `p` carried is read.
bool link::take_record(instant now, path& p, const wire::record_view& record) {
  if (record.kind == wire::record_kind::handshake) {
    const auto e = attacher(rooms_).take(now, p, record.payload);
    apply(now, p, e);
    const bool goes_on =
        e.what == attach_effect::kind::attached || e.what == attach_effect::kind::came_up;
    return goes_on && !p.life.ended() && !down();
  }
  if (const auto wrong = receiver::begin(p, record); !wrong.empty()) {
    changes().down(now, p, cause::protocol, std::string(wrong));
    return false;
  }
  if (!p.proven) {
    p.proven = true;
    rooms_.association.confirm();
    changes().replace_old(now, p);
  }
  wire::frame_reader reader(record.payload);
  rooms_.ledger.begin_record();
  bool eliciting = false;
  while (true) {
    const auto frame = reader.next();
    if (!frame) {
      changes().down(now, p, cause::protocol, "a frame is malformed");
      return false;
    }
    if (!frame->has_value()) break;
    eliciting = eliciting || wire::ack_eliciting(**frame);
    const auto e = receiver(rooms_).take(now, p, **frame);
    if (e.what == frame_effect::kind::violation) {
      const bool of_path = (*frame)->index() < 6;
      changes().down(
          now, p, cause::protocol,
          "a frame contradicts the state of its " + std::string(of_path ? "path" : "flow"));
    }
    apply(now, p, e);
    if (p.life.ended() || down()) return false;
  }
  receiver(rooms_).end(now, p, record, eliciting);
  return true;
}

void link::apply(instant now, path& p, const frame_effect& e) {
  switch (e.what) {
    case frame_effect::kind::nothing:
    case frame_effect::kind::violation:
      return;
    case frame_effect::kind::life:
      changes().life(now, *e.about, e.number);
      return receiver(rooms_).finish(now, e);
    case frame_effect::kind::unheard:
      return changes().suspect(now, *e.about, cause::one_way, "the peer hears nothing on it");
    case frame_effect::kind::given_up:
      return changes().down(now, *e.about, cause::one_way, "the peer gave it up");
    case frame_effect::kind::draining:
      return changes().drain(now, *e.about, false, cause::bye, "the peer is leaving it");
    case frame_effect::kind::left:
      return changes().down(now, p, cause::bye, "the peer left this path");
    case frame_effect::kind::closed: {
      changes().down(now, p, cause::bye, "the peer left this path");
      const auto end = closed_by_peer(rooms_);
      return fail(now, end.code, end.sentence);
    }
  }
}

}  // namespace rendr::engine
